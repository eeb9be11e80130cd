// Words that the recording client makes: an inbox between its connection and the pipeline, which outlives a pipeline that is
// started again, and the words lane that takes from it. A batch leaves the inbox when it is durable (W23).
import type { HeardWords } from '../../shared/model.ts';
import { MAX_UNCONFIRMED_WORDS } from '../../shared/protocol.ts';
import type { WordsBatch, WordsJob, WordsLane } from './words-lane.ts';

export const RECORDER_TRANSCRIBES = 'the recorder transcribes this';

/** How long an ended recording waits for words that have not come; what was not heard by then stays without. Longer than a client that lost its server may pause before it looks again. */
export const LAST_WORDS_MS = 40_000;
/** A recorder that heard up to here before the end has heard it all. */
const HEARD_ALL_MS = 500;

export type ClientWords = {
  /** What is durable already is confirmed again and changes nothing; where too many wait, the oldest goes. */
  put(batch: HeardWords): void;
  /** the first that reaches beyond `untilMs` */
  after(untilMs: number): HeardWords | null;
  /** All up to here is durable. */
  confirm(untilMs: number): void;
  /** one listener, called when a batch has come; null removes it */
  listen(listener: (() => void) | null): void;
  /** resolves when nothing waits */
  settled(): Promise<void>;
};

export const createClientWords = (options: { onHeard: (untilMs: number) => void; onDrop: (batch: HeardWords) => void }): ClientWords => {
  let waiting: HeardWords[] = [];
  let durableUntilMs = 0;
  let listener: (() => void) | null = null;
  let empty = Promise.withResolvers<void>();
  empty.resolve();

  return {
    put: (batch) => {
      if (batch.untilMs <= durableUntilMs) return options.onHeard(durableUntilMs);
      if (waiting.some(({ fromMs, untilMs }) => fromMs === batch.fromMs && untilMs === batch.untilMs)) return; // sent again before it was durable
      if (waiting.length === 0) empty = Promise.withResolvers<void>();
      waiting = [...waiting, batch].toSorted((a, b) => a.untilMs - b.untilMs);
      if (waiting.length > MAX_UNCONFIRMED_WORDS) options.onDrop(waiting.shift()!); // it is not empty
      listener?.();
    },
    after: (untilMs) => waiting.find((batch) => batch.untilMs > untilMs) ?? null,
    confirm: (untilMs) => {
      durableUntilMs = Math.max(durableUntilMs, untilMs);
      waiting = waiting.filter((batch) => batch.untilMs > durableUntilMs);
      if (waiting.length === 0) empty.resolve();
      if (durableUntilMs > 0) options.onHeard(durableUntilMs);
    },
    listen: (next) => { listener = next; },
    settled: () => empty.promise,
  };
};

export type ClientLaneOptions = {
  inbox: ClientWords;
  /** durable before this run */
  fromMs: number;
  known: () => { untilMs: number; ended: boolean };
  changed: (signal: AbortSignal) => Promise<void>;
  /** runs once after so long, unless the pipeline has ended, and makes `changed` resolve */
  later: (ms: number, run: () => void) => void;
};

/** Commits side by side with the cutting of what the batch before led to. */
const CONCURRENCY = 2;

export const createClientLane = (options: ClientLaneOptions): WordsLane => {
  const { inbox } = options;
  const taken = new WeakMap<WordsJob, HeardWords>();
  let plannedMs = options.fromMs;
  let patience: 'not asked for' | 'waiting' | 'over' = 'not asked for';
  let over = false;
  inbox.confirm(options.fromMs);

  const jobOf = (endMs: number, ended: boolean): WordsJob => ({ kind: ended ? 'skip' : 'window', startMs: plannedMs, endMs, audioStartMs: plannedMs, final: true, ended });
  const take = (batch: HeardWords): WordsJob => {
    const job = jobOf(batch.untilMs, false);
    // Words at or above the cursor are what the repository stores; the analyser and the viewers hear the same.
    taken.set(job, { ...batch, words: batch.words.filter(({ startMs }) => startMs >= plannedMs) });
    plannedMs = batch.untilMs;
    return job;
  };
  const waitedEnough = (): boolean => {
    const { untilMs, ended } = options.known();
    if (!ended) return false;
    if (plannedMs >= untilMs - HEARD_ALL_MS) return true;
    if (patience === 'not asked for') {
      patience = 'waiting';
      options.later(LAST_WORDS_MS, () => { patience = 'over'; });
    }
    return patience === 'over';
  };
  const batchOf = (job: WordsJob, words: WordsBatch['words']): WordsBatch => ({ words, startMs: job.startMs, untilMs: job.endMs, ended: job.ended, refill: false });

  return {
    concurrency: CONCURRENCY,
    learn: () => {},
    next: async (signal) => {
      for (;;) {
        if (over) return null;
        const batch = inbox.after(plannedMs);
        if (batch) return take(batch);
        if (waitedEnough()) {
          over = true;
          return jobOf(plannedMs, true);
        }
        await options.changed(signal);
      }
    },
    transcribe: async (job) => batchOf(job, taken.get(job)?.words ?? []),
    nothing: (job) => batchOf(job, []),
  };
};
