// One recording on its way to the server: numbers chunks, keeps them in the ring until acknowledged, sends within the
// credits, resumes after each reconnect, declares what the ring had to let go, and stops when all is durable.
import { ClientError } from './client-error.ts';
import { Intake } from './intake.ts';
import type { RingLimits } from './intake.ts';
import type { HeardWords, Page, Rectangle, Region, SessionSummary } from './model.ts';
import { Outbox } from './outbox.ts';
import { MAX_SOURCE_URL, MAX_TITLE } from './protocol.ts';
import type { ClientFrame, Credits, ServerFrame } from './protocol.ts';
import type { Ring } from './ring.ts';
import type { Media } from './slices.ts';
import { Trail } from './trail.ts';
import { WordOutbox } from './word-outbox.ts';
import type { WordsStatus } from './word-outbox.ts';

export type RecordingOptions = {
  /** ULID; the same key is the same session for ever */
  key: string;
  title: string;
  sourceUrl: string;
  mime: string;
  video: Rectangle | null;
  /**
   * `live` cannot wait: a full ring lets its oldest chunk go and declares a gap. `file` can: `push` waits for room. And
   * what a file pushes again under the same key is skipped where the server has it already.
   */
  mode: 'live' | 'file';
  /** an earlier run may have used the key, even to its end: then nothing is sent twice and `stop` gives its totals */
  resume?: boolean;
  ring?: Ring;
  /** this side makes the words and brings them by `words`; the server transcribes nothing. The first start under a key decides. */
  transcript?: 'client';
  onStatus?: (status: RecordingStatus) => void;
};

export type RecordingStatus = {
  state: 'offline' | 'recording' | 'stopping' | 'stopped' | 'failed';
  session: string | null;
  pushed: number;
  lastAcked: number;
  unackedChunks: number;
  unackedBytes: number;
  credits: Credits;
  /** chunks lost for good, declared to the server */
  lost: number;
  words: WordsStatus;
};

export type Recording = {
  readonly key: string;
  readonly status: RecordingStatus;
  /** the server's id, once it has answered */
  readonly session: Promise<string>;
  /** Keeps `bytes` (do not write into them afterwards). Resolves when the ring has taken them; rejects with ClientError when the recording has ended. */
  push(media: Media): Promise<void>;
  /** A stretch that never became bytes: takes the next sequence number and is declared as a gap. Resolves and rejects as `push` does. */
  lose(span: { startMs: number; durationMs: number }): Promise<void>;
  region(atMs: number, rect: Rectangle | null): void;
  /** The recorded page, or whether its video plays, became another. */
  page(page: Page): void;
  /**
   * [fromMs, untilMs) has been heard, with these words. Batches come in order of time; they are sent before a later `stop` and kept
   * until they are durable, at most 64 frames of them: then the oldest goes and `status.words.dropped` counts it. Throws ClientError
   * where the batch makes no sense, the recording has ended or the server takes no words; the recording goes on.
   */
  words(batch: HeardWords): void;
  /** Resolves when the server says all is durable. */
  stop(): Promise<SessionSummary>;
  /** Ends this side at once; the server keeps what it has as interrupted. */
  abandon(reason?: ClientError): void;
};

type Send = (frame: ClientFrame) => void;
type Link = { at: 'offline' } | { at: 'starting'; send: Send } | { at: 'open'; send: Send; session: string; epoch: number; stopSent: boolean };
type RecordingFrame = Extract<ServerFrame, { t: 'ready' | 'ack' | 'heard' | 'stopped' }>;

/** What a title or address may hold on the wire (P10). */
const clean = (text: string, max: number): string => text.replaceAll('\0', '').slice(0, max).toWellFormed();

export class RecordingActor implements Recording {
  readonly key: string;
  readonly session: Promise<string>;
  readonly #options: RecordingOptions;
  readonly #ring: Ring;
  readonly #intake: Intake;
  readonly #outbox = new Outbox();
  readonly #words = new WordOutbox();
  readonly #loaded: Promise<void>;
  readonly #opened = Promise.withResolvers<string>();
  readonly #stopped = Promise.withResolvers<SessionSummary>();
  #link: Link = { at: 'offline' };
  #sessionId: string | null = null;
  #outcome: { type: 'stopped' } | { type: 'failed'; error: ClientError } | null = null;
  #stopping = false;
  #pumping = false;
  #pumpAgain = false;
  readonly #regions = new Trail<Region>();
  readonly #pages = new Trail<Page>();

  constructor(options: RecordingOptions & { ring: Ring }, limits: RingLimits) {
    this.#options = options;
    this.key = options.key;
    this.#ring = options.ring;
    this.session = this.#opened.promise;
    // whoever does not wait for these still learns of a failure by push, stop or status
    this.session.catch(() => undefined);
    this.#stopped.promise.catch(() => undefined);
    this.#loaded = Promise.resolve(this.#ring.load()).then((kept) => this.#outbox.restore(kept));
    this.#loaded.catch((cause: unknown) => this.#broken(cause));
    this.#intake = new Intake({
      key: options.key, mode: options.mode, ring: options.ring, limits, outbox: this.#outbox, loaded: this.#loaded,
      ended: () => this.#ended(), onKept: () => void this.#pump(),
    });
  }

  get status(): RecordingStatus {
    const { unacked, unackedBytes } = this.#outbox.counts;
    const state = this.#outcome?.type ?? (this.#link.at !== 'open' ? 'offline' : this.#stopping ? 'stopping' : 'recording');
    return {
      state, session: this.#sessionId, pushed: this.#outbox.lastSeq, lastAcked: this.#outbox.through,
      unackedChunks: unacked, unackedBytes, credits: this.#outbox.credits, lost: this.#outbox.lostChunks, words: this.#words.status,
    };
  }

  push(media: Media): Promise<void> {
    return this.#stopping ? this.#late() : this.#intake.push(media);
  }

  lose(span: { startMs: number; durationMs: number }): Promise<void> {
    return this.#stopping ? this.#late() : this.#intake.lose(span);
  }

  #late(): Promise<never> {
    return Promise.reject(new ClientError('ended', `recording ${this.key} was asked to stop; push before stop`));
  }

  region(atMs: number, rect: Rectangle | null): void {
    this.#regions.add({ atMs, rect });
    this.#sendTrails();
  }

  page({ atMs, title, sourceUrl, playing }: Page): void {
    this.#pages.add({ atMs, title: clean(title, MAX_TITLE), sourceUrl: clean(sourceUrl, MAX_SOURCE_URL), playing });
    this.#sendTrails();
  }

  words(batch: HeardWords): void {
    const ended = this.#ended();
    if (ended) throw ended;
    if (this.#options.transcript !== 'client') throw new ClientError('words', `recording ${this.key} is transcribed by the server; start it with transcript: 'client'`);
    this.#sendWords(this.#words.add(batch));
    this.#report();
  }

  stop(): Promise<SessionSummary> {
    if (!this.#stopping) {
      this.#stopping = true;
      void this.#intake.settled.then(() => this.#pump());
    }
    return this.#stopped.promise;
  }

  abandon(reason = new ClientError('ended', `recording ${this.key} was abandoned`)): void {
    this.fail(reason);
  }

  /** A connection was greeted. */
  attach(send: Send): void {
    if (this.#outcome) return;
    this.#link = { at: 'starting', send };
    const { key, title, sourceUrl, mime, video, resume } = this.#options;
    send({ t: 'start', key, title: clean(title, MAX_TITLE), sourceUrl: clean(sourceUrl, MAX_SOURCE_URL), mime, video, resume: resume || this.#sessionId !== null || this.#outbox.lastSeq > 0, transcript: this.#options.transcript ?? 'server' });
  }

  detach(): void {
    this.#link = { at: 'offline' };
    this.#report();
  }

  /** Still waits for `ready` */
  get starting(): boolean {
    return this.#link.at === 'starting';
  }
  get ended(): boolean {
    return this.#outcome !== null;
  }
  get sessionId(): string | null {
    return this.#sessionId;
  }

  async receive(frame: RecordingFrame): Promise<void> {
    if (this.#outcome || this.#link.at === 'offline') return;
    try {
      if (frame.t === 'ready') await this.#ready(frame);
      else if (frame.t === 'heard') {
        this.#words.heard(frame.untilMs);
        return this.#report();
      } else if (frame.t === 'stopped') return this.#finish(frame.totals);
      else this.#outbox.ack(frame.seq, frame.credits);
      await this.#settled();
    } catch (cause) {
      this.#broken(cause);
    }
  }

  /** The server takes no words of this recording; all else goes on. */
  refuseWords(error: ClientError): void {
    this.#words.refuse(error);
    this.#report();
  }

  fail(error: ClientError): void {
    if (this.#outcome) return;
    this.#outcome = { type: 'failed', error };
    this.#link = { at: 'offline' };
    this.#opened.reject(error);
    this.#stopped.reject(error);
    this.#intake.look();
    this.#report();
  }

  #finish(totals: SessionSummary): void {
    this.#outcome = { type: 'stopped' };
    this.#link = { at: 'offline' };
    this.#stopped.resolve(totals);
    this.#intake.look();
    this.#report();
  }

  #ended(): ClientError | null {
    if (!this.#outcome) return null;
    return this.#outcome.type === 'failed' ? this.#outcome.error : new ClientError('ended', `recording ${this.key} has stopped; start one with a new key`);
  }

  async #ready({ session, epoch, lastSeq, credits, wordsUntilMs }: Extract<ServerFrame, { t: 'ready' }>): Promise<void> {
    if (this.#link.at !== 'starting') return;
    const { send } = this.#link;
    await this.#loaded;
    if (this.#link.at !== 'starting' || this.#link.send !== send) return; // the connection went meanwhile
    if (lastSeq > this.#outbox.lastSeq && this.#options.mode === 'live')
      return this.fail(new ClientError('conflict', `the session under key ${this.key} holds ${lastSeq} chunks, this recording has made ${this.#outbox.lastSeq}; record under a new key`));
    this.#sessionId = session;
    this.#link = { at: 'open', send, session, epoch, stopSent: false };
    this.#opened.resolve(session);
    this.#outbox.ready(lastSeq, credits);
    this.#regions.again();
    this.#pages.again();
    this.#sendTrails();
    this.#words.heard(wordsUntilMs);
    this.#sendWords(this.#words.waiting);
  }

  /** Something was settled: the ring forgets it, waiting pushes look again, more may go out. */
  async #settled(): Promise<void> {
    await this.#ring.release(this.#outbox.through, this.#outbox.hash);
    this.#intake.look();
    await this.#pump();
  }

  #broken(cause: unknown): ClientError {
    const error = cause instanceof ClientError ? cause : new ClientError('ended', `the storage of recording ${this.key} failed; free space and record again`, { cause });
    this.fail(error);
    return error;
  }

  /** Sends what may be sent, one pump at a time, in order of sequence. */
  async #pump(): Promise<void> {
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = true;
    try {
      do {
        this.#pumpAgain = false;
        while (await this.#sendNext());
      } while (this.#pumpAgain);
    } catch (cause) {
      this.#broken(cause);
    } finally {
      this.#pumping = false;
    }
    this.#report();
  }

  async #sendNext(): Promise<boolean> {
    const link = this.#link;
    if (link.at !== 'open') return false;
    const { send, session, epoch } = link;
    const ending = this.#stopping && this.#intake.idle;
    const item = this.#outbox.next(ending);
    if (!item) {
      if (!ending || !this.#outbox.drained || link.stopSent) return false;
      link.stopSent = true;
      send({ t: 'stop', session, epoch, ...this.#outbox.final() });
      return false;
    }
    if ('from' in item) {
      const { from, to, startMs, endMs } = item;
      this.#outbox.sent();
      send({ t: 'gap', session, epoch, from, to, startMs, endMs, reason: 'the recorder could not keep these chunks until the server took them' });
      return true;
    }
    const { seq, crc, startMs, durationMs } = item;
    const bytes = await this.#ring.read(seq);
    const still = this.#outbox.next(ending);
    if (this.#link !== link || !still || 'from' in still || still.seq !== seq) return true; // dropped or disconnected meanwhile: look again
    if (bytes === null) this.#outbox.lose(seq);
    else {
      this.#outbox.sent();
      send({ t: 'chunk', session, epoch, seq, crc, startMs, durationMs, bytes });
    }
    return true;
  }

  #sendTrails(): void {
    const link = this.#link;
    if (link.at !== 'open') return;
    const { send, session, epoch } = link;
    for (const region of this.#regions.take()) send({ t: 'region', session, epoch, ...region });
    for (const page of this.#pages.take()) send({ t: 'page', session, epoch, ...page });
  }

  #sendWords(batches: readonly HeardWords[]): void {
    const link = this.#link;
    if (link.at !== 'open') return;
    for (const { fromMs, untilMs, words } of batches) link.send({ t: 'words', session: link.session, epoch: link.epoch, fromMs, untilMs, words });
  }

  #report(): void {
    this.#options.onStatus?.(this.status);
  }
}
