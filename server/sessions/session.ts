// One recording as an actor (S1): private state, a bounded mailbox (the credits granted to its client), one pipeline.
// Everything that changes a recording goes through here; transport and HTTP only call it. Long, because its state has one owner.
import type { Gap, HeardWords, Page, Rectangle, SessionEvent, SessionStatus, SessionSummary, StageName, StageState } from '../../shared/model.ts';
import type { Credits, ErrorCode, ServerFrame } from '../../shared/protocol.ts';
import { crc32c } from '../crc32c.ts';
import type { Clock } from '../clock.ts';
import { MediaError, Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ClientWords, createClientWords } from '../pipeline/client-words.ts';
import { type Pipeline, deadLetterId } from '../pipeline/index.ts';
import { Poisoned } from '../pipeline/attempts.ts';
import { StageError } from '../pipeline/stage.ts';
import type { Hole } from '../pipeline/words-lane.ts';
import type { Repository, StoredSession } from '../ports.ts';
import { TimelineError } from './timeline-error.ts';
import type { Timeline } from './timeline.ts';

/** The connection that feeds a recording. */
export type Feed = { send(frame: ServerFrame): void; /** nothing more is taken from it */ end(code: ErrorCode, message: string, retryable: boolean): void };

export type SessionOptions = {
  stored: StoredSession;
  timeline: Timeline;
  repository: Repository;
  clock: Clock;
  log: Log;
  /** started again after each failure, from the saved cursor */
  startPipeline: (session: Session, options: { deafUntilMs: number; holes: Hole[] }) => Pipeline;
  publish: (event: SessionEvent) => void;
  /** what a recording may have in flight right now; shrinks before the disk is full (T6) */
  credits: () => Credits;
  /** the most that is ever granted: the bound of the mailbox */
  mailbox: Credits;
  resumeMs: number;
  /** what it already has is worked through so much later */
  analyseAfterMs: number;
  onEnded: (session: Session) => void;
};

/** An end that failed (the disk) is tried again so much later. */
const END_AGAIN_MS = 10_000;

type State =
  | { is: 'live'; feed: Feed; epoch: number }
  | { is: 'interrupted'; cancelTimer: () => void }
  | { is: 'draining' }
  | { is: 'closed' }
  | { is: 'failed' };

/** `failed`: restarted too often. Recording goes on all the same; the recording itself counts as failed once it has ended. */
type PipelineState =
  | { is: 'running'; pipeline: Pipeline }
  | { is: 'pausing'; cancelTimer: () => void }
  | { is: 'stopped' }
  | { is: 'failed' }
  /** there is nothing for it to do; `gone`: the last one has ended. `waking`: there is again */
  | { is: 'resting' | 'waking'; gone: Promise<void> };

const RESTARTS_IN_WINDOW = 6;
const RESTART_WINDOW_MS = 10 * 60_000;
const FIRST_RESTART_MS = 500;
/** Viewers see totals so often, */
const ANNOUNCE_EVERY_MS = 2_000;
/** and the database. */
const SAVE_EVERY_MS = 10_000;
/** `stopped` waits at most so long for words that are not durable yet: longer than a database takes to restart, shorter than a client takes the connection for dead. */
const STOP_WAITS_MS = 15_000;
/** Gaps, regions and pages that wait for the database: as many as a timeline has gaps, and some. */
const MAX_OWED = 5_000;
/** Failures whose media times differ by less are failures of the same sound. */
const SAME_PLACE_MS = 10_000;
/** Then none of the recording's sound is listened to any more. */
const MAX_PASSED_OVER = 3;

export class Session {
  readonly id: string;
  readonly timeline: Timeline;
  /** words its client makes; null where the server does */
  readonly clientWords: ClientWords | null;
  #options: SessionOptions;
  #state: State;
  #pipeline: PipelineState = { is: 'stopped' };
  #summary: StoredSession;
  #epoch: number;
  #inFlight = { chunks: 0, bytes: 0 };
  #appending: Promise<unknown> = Promise.resolve();
  #failures: number[] = [];
  #savedAt = -Infinity;
  #saving: Promise<void> = Promise.resolve();
  #cancelSave: (() => void) | null = null;
  #cancelRetire: () => void = () => {};
  #stopping = false;
  readonly #shutDown = Promise.withResolvers<void>();
  #ending: Promise<void> | null = null;
  /** rows the database has not taken yet; each may be repeated */
  #owed: (() => Promise<void>)[] = [];
  #paying: Promise<void> = Promise.resolve();
  #deafUntilMs = 0;
  #holes: Hole[] = [];
  /** the connection its words came by last */
  #wordsFrom: Feed['send'] = () => {};
  #soundFailure = { atMs: -Infinity, times: 0 };
  /** how often sound was passed over */
  #passedOver = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.stored.id;
    this.timeline = options.timeline;
    this.#summary = options.stored;
    this.#epoch = options.stored.epoch;
    this.clientWords = options.stored.transcript === 'server' ? null : createClientWords({
      onHeard: (untilMs) => this.#wordsFrom({ t: 'heard', session: this.id, untilMs }),
      onDrop: ({ fromMs, untilMs }) => options.log.error({ session: this.id, fromMs, untilMs }, 'too many words wait to be stored: a stretch stays without'),
    });
    this.#state = { is: 'interrupted', cancelTimer: () => {} };
  }

  /** Brings a recording found at start, or just opened, to life. */
  begin(): void {
    this.#copyTotals();
    // A crash may have come between a gap's two homes; the timeline is the one that counts.
    for (const gap of this.timeline.state.gaps) this.#owe(() => this.#options.repository.addGap(this.id, gap));
    if (this.timeline.state.finished) this.#become({ is: 'draining' }, 'draining');
    else this.#interrupt();
    if (this.timeline.state.byteEnd === 0 && !this.timeline.state.finished) this.#pipeline = { is: 'resting', gone: Promise.resolve() };
    else if (this.#options.analyseAfterMs > 0) this.#startAfter(this.#options.analyseAfterMs);
    else this.#startPipeline();
  }

  get status(): SessionStatus {
    return this.#state.is;
  }
  /** what its client may have in flight above the last ack */
  credits(): Credits {
    return this.#options.credits();
  }
  get summary(): SessionSummary {
    this.#copyTotals();
    const { key: _key, user: _user, epoch: _epoch, transcript: _transcript, ...summary } = this.#summary;
    return summary;
  }
  get stored(): StoredSession {
    return this.#summary;
  }
  get stages(): Record<StageName, StageState> | null {
    return this.#pipeline.is === 'running' ? this.#pipeline.pipeline.stages() : null;
  }
  get pipeline(): Pipeline | null {
    return this.#pipeline.is === 'running' ? this.#pipeline.pipeline : null;
  }

  // ── feeding ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A connection takes the recording over under a newer epoch; the one before is fenced (P1). Resolves with the last durable sequence. */
  async attach(feed: Feed, epoch: number): Promise<number> {
    this.#mustTakeFeeds();
    // Two takeovers may come back from the database in the other order.
    if (epoch <= this.#epoch) throw new Refused('fenced', `epoch ${this.#epoch} is not older than ${epoch}`);
    const before = this.#state;
    this.#epoch = epoch;
    if (before.is === 'live') before.feed.end('fenced', `epoch ${epoch} took the recording over`, false);
    await this.#appending;
    if (this.#epoch !== epoch) throw new Refused('fenced', `epoch ${this.#epoch} is newer than ${epoch}`);
    this.#mustTakeFeeds();
    this.#become({ is: 'live', feed, epoch }, 'live');
    return this.timeline.state.lastSequence;
  }

  /** The connection is gone without `stop` (P7). Called by its own feed only. */
  detach(feed: Feed): void {
    if (this.#state.is === 'live' && this.#state.feed === feed) this.#interrupt();
  }

  /** Bytes must stay unchanged until the promise settles. Resolves once durable (P2) with the acknowledgement to send. */
  async chunk(chunk: { epoch: number; seq: number; crc: number; startMs: number; durationMs: number; bytes: Uint8Array }): Promise<void> {
    const { feed } = this.#live(chunk.epoch);
    const computed = crc32c(chunk.bytes);
    if (computed !== chunk.crc) throw new Refused('crc', `chunk ${chunk.seq} arrived with crc ${computed} instead of ${chunk.crc}; send it again`, { retryable: true });
    const kind = this.timeline.classify(chunk.seq, chunk.crc);
    if (kind === 'stored') return this.#acknowledge(feed);
    if (kind === 'conflict') {
      this.#options.log.warn({ session: this.id, seq: chunk.seq, event: 'security' }, 'a stored sequence was sent again with other bytes');
      throw new Refused('conflict', `chunk ${chunk.seq} is stored with other bytes`);
    }
    if (kind === 'order') throw new Refused('order', `chunk ${chunk.seq} does not follow ${this.timeline.state.lastSequence}; declare a gap or resend`, { retryable: true });
    const { mailbox } = this.#options;
    if (this.#inFlight.chunks >= mailbox.chunks || this.#inFlight.bytes >= mailbox.bytes) {
      throw new Refused('credits', `${this.#inFlight.chunks} chunks (${this.#inFlight.bytes} bytes) are in flight, more than was ever granted; wait for acks`, { retryable: true });
    }
    try {
      await this.#write(chunk.bytes.length, () => this.timeline.append(chunk));
    } catch (error) {
      if (!(error instanceof TimelineError)) throw error;
      this.#options.log.error({ session: this.id, seq: chunk.seq, error: error.message }, 'a chunk could not be stored');
      throw new Refused('unavailable', `chunk ${chunk.seq} could not be stored: the disk is ${error.code === 'full' ? 'full' : 'failing or busy'}; it is taken when sent again`, { retryable: true, cause: error });
    }
    this.#acknowledge(feed);
  }

  /** The client's ring overflowed: what is lost is declared and stored (P6). */
  async gap(epoch: number, gap: Gap): Promise<void> {
    const { feed } = this.#live(epoch);
    if (gap.toSequence <= this.timeline.state.lastSequence) return this.#acknowledge(feed);
    await this.#write(0, () => this.timeline.appendGap({ epoch, ...gap }));
    this.#owe(() => this.#options.repository.addGap(this.id, gap));
    await this.#pay();
    this.#options.publish({ type: 'gap', sessionId: this.id, gap });
    this.#acknowledge(feed);
  }

  async region(epoch: number, atMs: number, rect: Rectangle | null): Promise<void> {
    this.#live(epoch);
    this.#owe(() => this.#options.repository.addRegion(this.id, atMs, rect));
    await this.#pay();
  }

  /** A recording begun without a title or an address takes the first that comes; no later page renames it. */
  async page(epoch: number, page: Page): Promise<void> {
    this.#live(epoch);
    this.#owe(() => this.#options.repository.addPage(this.id, page));
    const { title, sourceUrl } = this.#summary;
    if ((title === '' && page.title !== '') || (sourceUrl === '' && page.sourceUrl !== '')) {
      Object.assign(this.#summary, { title: title || page.title, sourceUrl: sourceUrl || page.sourceUrl });
      this.#announce();
      this.#saveSoon(true);
    }
    await this.#pay();
  }

  /** Its client has heard a stretch. Taken until the recording has been worked through, so also after its end; `heard` follows when it is durable. */
  words(epoch: number, batch: HeardWords, send: Feed['send']): void {
    // One that ended before anybody recorded it is said to be of the first epoch.
    if (epoch !== Math.max(1, this.#epoch)) throw new Refused('fenced', `epoch ${epoch} is over; epoch ${this.#epoch} records ${this.id} now`);
    if (!this.clientWords) throw new Refused('words', `words of recording ${this.id} are made by the server; start it with transcript: 'client'`);
    if (this.#state.is === 'closed' || this.#state.is === 'failed') throw new Refused('words', `recording ${this.id} has been worked through; words until ${batch.untilMs} ms came too late`);
    this.#wordsFrom = send;
    this.clientWords.put(batch);
    this.#wake();
  }

  /** What its client heard is durable, or is not waited for any longer. */
  async wordsSettled(): Promise<void> {
    if (!this.clientWords || this.#pipeline.is === 'failed') return; // nobody would take them
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(STOP_WAITS_MS, resolve);
    await Promise.race([this.clientWords.settled(), promise, this.#shutDown.promise]);
    cancel();
  }

  /** Everything sent is durable: no more will come. */
  async stop(epoch: number, finalSeq: number, hash: number): Promise<void> {
    this.#live(epoch);
    await this.#appending;
    await this.#pay(); // who hears that the recording has ended sends its regions and pages no more
    const { feed } = this.#live(epoch); // it may have been taken over meanwhile
    const { lastSequence } = this.timeline.state;
    if (lastSequence !== finalSeq) throw new Refused('order', `the recording ends at chunk ${lastSequence}, not ${finalSeq}; send the rest first`, { retryable: true });
    if (this.timeline.hash() !== hash) this.#options.log.warn({ session: this.id, event: 'security' }, 'the rolling hash of the recording differs from the client’s');
    await this.#finish();
    await this.#save();
    await this.wordsSettled();
    feed.send({ t: 'stopped', session: this.id, totals: this.summary });
  }

  /** Credits changed (disk, shutdown): tell the client by repeating the last ack (P5). */
  refreshCredits(): void {
    if (this.#state.is === 'live') this.#acknowledge(this.#state.feed);
  }

  // ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends the recording by hand or after it waited too long for its client. */
  async end(): Promise<void> {
    if (this.ending || this.timeline.state.finished) return this.ending ?? undefined;
    if (this.#state.is === 'live') this.#state.feed.end('closed', 'the recording was ended by hand', false);
    await this.#appending;
    await this.#finish();
    await this.#save();
  }

  /** `prepare` runs while no pipeline does. */
  async restart(holes: Hole[], prepare: () => Promise<void> = async () => {}): Promise<void> {
    this.#holes.push(...holes);
    this.#failures = [];
    this.#note('');
    if (this.#state.is === 'failed' || this.#state.is === 'closed') this.#become({ is: 'draining' }, 'draining');
    this.#deafUntilMs = 0;
    this.#passedOver = 0;
    await this.#stopPipeline();
    await prepare();
    this.#startPipeline();
    this.#saveSoon(true);
  }

  /** S3: nothing new is taken, the pipeline's cursor is saved, files are closed. The recording can be resumed at the next start. */
  async shutdown(why: 'shutdown' | 'deleted' = 'shutdown'): Promise<void> {
    this.#stopping = true;
    this.#shutDown.resolve();
    if (this.#state.is === 'live') {
      if (why === 'deleted') this.#state.feed.end('closed', 'the recording was deleted', false);
      else this.#state.feed.end('shutdown', 'the server is shutting down; reconnect soon', true);
    }
    if (this.#state.is === 'interrupted') this.#state.cancelTimer();
    this.#cancelSave?.();
    this.#cancelRetire();
    await this.#appending.catch(() => {});
    await this.#stopPipeline();
    await this.#save().catch((error: unknown) => this.#options.log.warn({ session: this.id, error: messageOf(error) }, 'totals were not saved; they are rebuilt at start'));
    await this.#paying;
    await this.timeline.close();
  }

  patch(change: Partial<Pick<StoredSession, 'title' | 'pinned' | 'clips' | 'deadLetters'>>): void {
    Object.assign(this.#summary, change);
    this.#announce();
  }

  #live(epoch: number): { feed: Feed } {
    if (this.#state.is !== 'live') throw new Refused('closed', `recording ${this.id} is ${this.#state.is}`, { retryable: this.#state.is === 'interrupted' });
    if (this.#state.epoch !== epoch) throw new Refused('fenced', `epoch ${epoch} is over; epoch ${this.#state.epoch} records ${this.id} now`);
    return this.#state;
  }

  async #write(bytes: number, write: () => Promise<void>): Promise<void> {
    this.#inFlight.chunks += 1;
    this.#inFlight.bytes += bytes;
    const written = write();
    this.#appending = Promise.allSettled([this.#appending, written]);
    try {
      await written;
    } finally {
      this.#inFlight.chunks -= 1;
      this.#inFlight.bytes -= bytes;
    }
    this.#saveSoon();
    this.#wake();
  }

  #acknowledge(feed: Feed): void {
    feed.send({ t: 'ack', session: this.id, seq: this.timeline.state.lastSequence, level: 'spool', credits: this.#options.credits() });
  }

  /** under which it is recorded, or was when it ended */
  get epoch(): number {
    return this.#epoch;
  }

  /** Set once nothing more will be taken. */
  get ending(): Promise<void> | null {
    return this.#ending;
  }

  #mustTakeFeeds(): void {
    if (this.#stopping) throw new Refused('shutdown', 'the server is shutting down; reconnect in a moment', { retryable: true });
    if (this.#ending || this.timeline.state.finished) throw new Refused('closed', `recording ${this.id} has ended; start a new one under another key`);
  }

  #finish(): Promise<void> {
    this.#ending ??= this.#end().catch((error: unknown) => {
      this.#ending = null; // it has not ended: its client, or the timer, tries again
      throw error;
    });
    return this.#ending;
  }

  async #end(): Promise<void> {
    await this.timeline.finish();
    this.#summary.endedAt = this.#options.clock.now();
    if (this.#pipeline.is === 'failed') this.#become({ is: 'failed' }, 'failed');
    else this.#become({ is: 'draining' }, 'draining');
    if (this.#pipeline.is === 'stopped' && !this.#stopping) this.#startPipeline();
    this.#wake();
  }

  #interrupt(): void {
    const state: State & { is: 'interrupted' } = { is: 'interrupted', cancelTimer: () => {} };
    const endIn = (ms: number): void => {
      state.cancelTimer = this.#options.clock.after(ms, () => {
        this.end().catch((error: unknown) => {
          this.#options.log.error({ session: this.id, error: messageOf(error) }, 'an interrupted recording could not be ended; it is tried again');
          if (this.#state === state && !this.#stopping) endIn(END_AGAIN_MS);
        });
      });
    };
    endIn(this.#options.resumeMs);
    this.#become(state, 'interrupted');
  }

  #become(state: State, status: SessionStatus): void {
    if (this.#state.is === 'interrupted') this.#state.cancelTimer();
    this.#state = state;
    this.#summary.status = status;
    this.#announce();
    this.#saveSoon(true);
  }

  #note(note: string): void {
    this.#summary.note = note;
  }

  #announce(): void {
    this.#options.publish({ type: 'session', session: this.summary });
  }

  // ── pipeline (S1) ────────────────────────────────────────────────────────────────────────────────────────────────────

  #startPipeline(): void {
    if (this.#stopping || this.#pipeline.is !== 'stopped') return;
    const pipeline = this.#options.startPipeline(this, { deafUntilMs: this.#deafUntilMs, holes: this.#holes.splice(0) });
    this.#pipeline = { is: 'running', pipeline };
    pipeline.ended.then(
      () => this.#pipelineEnded(pipeline),
      (error: unknown) => this.#pipelineFailed(pipeline, error),
    );
  }

  #pipelineEnded(pipeline: Pipeline): void {
    if (this.#pipeline.is !== 'running' || this.#pipeline.pipeline !== pipeline) return;
    this.#pipeline = { is: 'stopped' };
    if (this.#stopping || !this.timeline.state.finished) return;
    this.#options.publish({ type: 'stages', sessionId: this.id, stages: pipeline.stages() });
    this.#become({ is: 'closed' }, 'closed');
    this.#retireWhenSaved();
  }

  /** Put away before its row says that it has ended, it would be open for ever: nobody would write that row again. */
  #retireWhenSaved(): void {
    const saved = async (): Promise<void> => {
      await this.#save();
      await this.#paying;
      if (this.#owed.length > 0) throw new Error(`${this.#owed.length} rows are owed`);
    };
    saved().then(
      () => { if (this.#state.is === 'closed' && !this.#stopping) this.#options.onEnded(this); },
      () => { if (this.#state.is === 'closed' && !this.#stopping) this.#cancelRetire = this.#options.clock.after(SAVE_EVERY_MS, () => this.#retireWhenSaved()); },
    );
  }

  #pipelineFailed(pipeline: Pipeline, error: unknown): void {
    if (this.#pipeline.is !== 'running' || this.#pipeline.pipeline !== pipeline || this.#stopping) return;
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    this.#failures = [...this.#failures.filter((at) => at > now - RESTART_WINDOW_MS), now];
    log.error({ session: this.id, error: messageOf(error), failures: this.#failures.length }, 'the pipeline of a recording failed');
    const pauseMs = FIRST_RESTART_MS * 2 ** (this.#failures.length - 1);
    if (this.#blamesSound(error)) return this.#passOver(error, pauseMs);
    if (this.#failures.length > RESTARTS_IN_WINDOW) {
      this.#pipeline = { is: 'failed' };
      this.#note(`analysis has stopped, recording goes on: ${messageOf(error)} (${RESTARTS_IN_WINDOW} restarts did not help; restart it when the cause is gone)`);
      if (this.timeline.state.finished) return this.#become({ is: 'failed' }, 'failed');
      this.#announce();
      return this.#saveSoon(true);
    }
    this.#startAfter(pauseMs);
  }

  #startAfter(ms: number): void {
    const cancelTimer = this.#options.clock.after(ms, () => {
      this.#pipeline = { is: 'stopped' };
      this.#startPipeline();
    });
    this.#pipeline = { is: 'pausing', cancelTimer };
  }

  /** whether it is time to go on without this sound: it failed three times at the same place, or sound's bytes failed at any three */
  #blamesSound(error: unknown): error is StageError {
    if (!(error instanceof StageError) || error.stage !== 'extract') return false;
    const untilMs = this.#pipeline.is === 'running' ? this.#pipeline.pipeline.stages().decode.untilMs : 0;
    const same = error.cause instanceof MediaError || Math.abs(untilMs - this.#soundFailure.atMs) < SAME_PLACE_MS;
    this.#soundFailure = { atMs: untilMs, times: same ? this.#soundFailure.times + 1 : 1 };
    return this.#soundFailure.times >= 3;
  }

  /**
   * S2: that sound is taken as silence, after so many times all of it. First its dead letter is stored: nothing is left out unsaid. That
   * is a step forward, so restarts are counted anew; where the letter cannot be stored, the sound is tried again.
   */
  #passOver(error: StageError, pauseMs: number): void {
    const { repository, log, clock } = this.#options;
    const { atMs: untilMs } = this.#soundFailure;
    const range = { startMs: Math.max(0, untilMs - SAME_PLACE_MS), endMs: untilMs };
    const deadLetter = { id: deadLetterId(this.id, 'extract', range), sessionId: this.id, stage: 'extract' as const, ...range, code: new Poisoned(3, error.cause).code, message: messageOf(error), attempts: 3, createdAt: clock.now() };
    const waiting = { is: 'pausing' as const, cancelTimer: (): void => {} };
    this.#pipeline = waiting;
    repository.addDeadLetter(deadLetter).then(
      () => {
        this.#options.publish({ type: 'deadLetter', sessionId: this.id, deadLetter });
        this.#passedOver += 1;
        this.#deafUntilMs = this.#passedOver < MAX_PASSED_OVER ? untilMs : Infinity;
        this.#soundFailure = { atMs: -Infinity, times: 0 };
        this.#failures = [];
        if (this.#pipeline === waiting) this.#startAfter(FIRST_RESTART_MS);
      },
      (cause: unknown) => {
        log.error({ session: this.id, error: messageOf(cause) }, 'a dead letter could not be stored; the sound is tried again');
        if (this.#pipeline === waiting) this.#startAfter(pauseMs);
      },
    );
  }

  async #stopPipeline(): Promise<void> {
    const before = this.#pipeline;
    this.#pipeline = { is: 'stopped' };
    if (before.is === 'pausing') before.cancelTimer();
    if (before.is === 'running') await before.pipeline.stop();
    if (before.is === 'resting' || before.is === 'waking') await before.gone;
  }

  /** since when its pipeline has had nothing to do, by the monotonic clock; null: it has, or there is none */
  get quietSince(): number | null {
    return this.#pipeline.is === 'running' ? this.#pipeline.pipeline.quietSince() : null;
  }

  /** Lets a pipeline go that has nothing to do: what comes next starts another from the saved cursor. Resolves when it has let go of all it held. */
  async rest(): Promise<void> {
    if (this.#pipeline.is !== 'running' || this.#stopping || this.timeline.state.finished || this.quietSince === null) return;
    const gone = this.#pipeline.pipeline.stop();
    this.#pipeline = { is: 'resting', gone };
    await gone;
    await this.timeline.rest();
  }

  #wake(): void {
    if (this.#pipeline.is !== 'resting' || this.#stopping) return;
    const { gone } = this.#pipeline;
    const waking: PipelineState = { is: 'waking', gone };
    this.#pipeline = waking;
    void gone.then(() => {
      if (this.#pipeline !== waking) return; // stopped or restarted meanwhile
      this.#pipeline = { is: 'stopped' };
      this.#startPipeline();
    });
  }

  // ── totals ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #copyTotals(): void {
    const { byteEnd, chunks, missing, lastSequence, durationMs } = this.timeline.state;
    Object.assign(this.#summary, { bytes: byteEnd, chunks, missing, lastSequence, durationMs: Math.round(durationMs) });
  }

  /** Totals are rebuilt from the timeline at start, so they are saved lazily; viewers see them sooner. */
  #saveSoon(now = false): void {
    if (this.#stopping || (this.#cancelSave && !now)) return;
    this.#cancelSave?.();
    this.#cancelSave = this.#options.clock.after(now ? 0 : ANNOUNCE_EVERY_MS, () => {
      this.#cancelSave = null;
      this.#announce();
      if (!now && this.#options.clock.monotonic() - this.#savedAt < SAVE_EVERY_MS) return this.#saveSoon();
      this.#save().catch((error: unknown) => {
        this.#options.log.warn({ session: this.id, error: messageOf(error) }, 'totals were not saved; tried again');
        this.#saveSoon();
      });
    });
  }

  #owe(write: () => Promise<void>): void {
    this.#owed.push(write);
    if (this.#owed.length > MAX_OWED) {
      this.#owed.shift();
      this.#options.log.error({ session: this.id, owed: MAX_OWED }, 'the database has been away too long: the oldest gap, region or page that waits for it is left out');
    }
  }

  /** Writes what is owed, oldest first; what the database does not take is tried again with the next save. */
  #pay(): Promise<void> {
    this.#paying = this.#paying.then(async () => {
      try {
        for (let write = this.#owed[0]; write; write = this.#owed[0]) {
          await write();
          this.#owed = this.#owed.filter((other) => other !== write);
        }
      } catch (error) {
        this.#options.log.warn({ session: this.id, owed: this.#owed.length, error: messageOf(error) }, 'gaps, regions or pages of a recording were not stored; tried again with its totals');
      }
    });
    return this.#paying;
  }

  #save(): Promise<void> {
    void this.#pay();
    this.#savedAt = this.#options.clock.monotonic();
    const { title, sourceUrl, status, endedAt, durationMs, bytes, chunks, missing, lastSequence, note } = this.summary;
    this.#saving = this.#saving.catch(() => {}).then(() => this.#options.repository.updateSession(this.id, { title, sourceUrl, status, endedAt, durationMs, bytes, chunks, missing, lastSequence, note }));
    return this.#saving;
  }
}
