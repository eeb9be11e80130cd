// transcribe: the words lane. It has its own cursor over the same timeline: stretches with speech are planned from the signals
// lane's voice activity, read back as sound packets, transcribed and committed. Committed words never change (W1).
import type { Word } from '../../shared/model.ts';
import { audioClipAt } from './audio-clip.ts';
import { filterHallucinations } from './hallucination.ts';
import { createLocalWordsLane } from './local-words.ts';
import { wordsAfter } from './merge-words.ts';
import { partSpan } from './packets.ts';
import { createSpeechTrack } from './speech-track.ts';
import { WINDOW_DEFAULTS, nextWindow } from './speech-window.ts';
import { type WordsBatch, type WordsJob, type WordsLane, type WordsLaneOptions, contextOf } from './words-lane.ts';

/** Silence passed over is committed in steps of this, so that the cursor shows it. */
const SKIP_STEP_MS = 10_000;
/** Windows of an API engine on their way at once: enough to catch up, few enough to keep its context useful. */
const API_CONCURRENCY = 2;
/** Words remembered for context. */
const KEPT_WORDS = 128;
/** A word heard in both windows may end this much behind the seam. */
const JOIN_MS = 500;

/** The window before may have been aborted, and then never says that it is done. */
const unlessAborted = async (before: Promise<void> | undefined, signal: AbortSignal): Promise<void> => {
  if (before && !signal.aborted) {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const abort = (): void => resolve();
    signal.addEventListener('abort', abort, { once: true });
    await Promise.race([before, aborted]);
    signal.removeEventListener('abort', abort);
  }
  signal.throwIfAborted();
};

export const createWordsLane = (options: WordsLaneOptions): WordsLane => (options.transcriber.kind === 'local' ? createLocalWordsLane(options) : createWindowLane(options));

const batch = (job: WordsJob, words: Word[]): WordsBatch => ({ words, startMs: job.startMs, untilMs: job.endMs, ended: job.ended, refill: job.kind === 'refill' });

const createWindowLane = (options: WordsLaneOptions): WordsLane => {
  const { transcriber } = options;
  const speech = createSpeechTrack();
  const said = [...options.saved];
  const holes = [...options.holes];
  /** planned up to here; committed is what the repository says */
  let plannedMs = options.fromMs;
  let over = false;

  // Windows are heard side by side and joined in order: what stands at a seam is known only when the window before is.
  const joined = new Map<WordsJob, { before: Promise<void>; done: () => void }>();
  let last: Promise<void> = Promise.resolve();
  const inOrder = (job: WordsJob): WordsJob => {
    let done = (): void => {};
    const before = last;
    last = new Promise<void>((resolve) => { done = resolve; });
    joined.set(job, { before, done });
    return job;
  };
  const settle = (job: WordsJob): void => {
    joined.get(job)?.done();
    joined.delete(job);
  };

  const hear = async (job: WordsJob, signal: AbortSignal): Promise<Word[]> => {
    const audio = audioClipAt(options, job.audioStartMs, job.endMs, signal);
    const heard = await transcriber.transcribe(audio, { prompt: contextOf(said.filter((word) => word.endMs <= job.startMs)), language: options.language, priority: options.priority }, signal);
    await unlessAborted(joined.get(job)?.before, signal);
    const { words } = filterHallucinations(heard.words, { startMs: job.audioStartMs, endMs: job.endMs, voice: speech.share });
    return wordsAfter(words, job.startMs, said.findLast((word) => word.endMs <= job.startMs + JOIN_MS) ?? null).map((word) => ({ ...word, startMs: Math.max(word.startMs, job.startMs) }));
  };

  return {
    concurrency: API_CONCURRENCY,
    learn: (bins) => speech.learn(bins),
    next: async (signal) => {
      const hole = holes.shift();
      if (hole) return { kind: 'refill', startMs: hole.startMs, endMs: hole.endMs, audioStartMs: hole.startMs, final: true, ended: false };
      for (;;) {
        if (over) return null;
        const { untilMs, ended } = options.known();
        const from = plannedMs;
        // What one file is made of has one initialisation, so a window ends where the next part begins.
        const part = partSpan(options.index, from);
        const partEnds = part.untilMs <= untilMs;
        const planned = nextWindow({ speech: speech.at, fromMs: from, knownUntilMs: Math.min(untilMs, part.untilMs), ended: ended || partEnds }, { ...WINDOW_DEFAULTS, paddingMs: options.paddingMs });
        if (planned && 'startMs' in planned) {
          plannedMs = planned.endMs;
          return inOrder({ kind: 'window', ...planned, audioStartMs: Math.max(planned.audioStartMs, part.fromMs), final: true, ended: false });
        }
        const skipTo = planned?.skipToMs ?? (partEnds ? part.untilMs : from);
        if (ended && !partEnds && (planned === null || skipTo >= untilMs)) {
          over = true;
          return { kind: 'skip', startMs: from, endMs: Math.max(from, untilMs), audioStartMs: from, final: true, ended: true };
        }
        if (skipTo - from >= SKIP_STEP_MS || partEnds) {
          plannedMs = skipTo;
          return { kind: 'skip', startMs: from, endMs: skipTo, audioStartMs: from, final: true, ended: false };
        }
        await options.changed(signal);
      }
    },
    transcribe: async (job, signal) => {
      if (job.kind === 'skip') return batch(job, []);
      const words = await hear(job, signal);
      if (job.kind === 'window') {
        said.push(...words);
        said.splice(0, said.length - KEPT_WORDS);
        settle(job);
      }
      return batch(job, words);
    },
    nothing: (job) => {
      settle(job);
      return batch(job, []);
    },
  };
};
