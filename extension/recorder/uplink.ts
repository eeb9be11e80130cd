// A recording on its way out: to a server while there is one, else only into the browser's storage. The server may come, go or
// change while it runs; what is stored goes to whichever is there. Without one, what is older than the ring's time is given up.
import { ClientError } from '../../shared/client-error.ts';
import type { Client } from '../../shared/client.ts';
import type { RingLimits } from '../../shared/intake.ts';
import type { HeardWords, Page, Rectangle } from '../../shared/model.ts';
import { RecordingActor } from '../../shared/recording.ts';
import type { Recording, RecordingOptions, RecordingStatus } from '../../shared/recording.ts';
import type { Ring } from '../../shared/ring.ts';
import type { Media } from '../../shared/slices.ts';

export type Delivery = { delivered: true } | { delivered: false; reason: string };

export type UplinkOptions = {
  recording: Pick<RecordingOptions, 'key' | 'title' | 'sourceUrl' | 'mime' | 'video' | 'transcript'>;
  /** a fresh one for each try: what is stored is read again */
  ring: () => Ring;
  /** without a server; with one the client's count */
  limits: RingLimits;
  client: Client | null;
  /** an earlier run used the key */
  resume: boolean;
  onStatus: (status: RecordingStatus) => void;
  /** the server refused for good; the recording goes on in this browser */
  onRefused: (error: ClientError) => void;
};

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #delivery = Promise.withResolvers<Delivery>();
  #recording: Recording;
  #online: boolean;
  #stopping = false;
  #refused = '';
  #turn: Promise<void> = Promise.resolve();
  /** counted by those before the present one */
  #lostBefore = 0;
  #region: { atMs: number; rect: Rectangle | null } | null = null;
  #page: Page | null = null;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#online = options.client !== null;
    this.#recording = this.#open(options.client, options.resume);
  }

  get status(): RecordingStatus {
    const { status } = this.#recording;
    return { ...status, lost: status.lost + this.#lostBefore };
  }

  push(media: Media): Promise<void> {
    return this.#next(() => this.#tried((recording) => recording.push(media)));
  }

  lose(span: { startMs: number; durationMs: number }): Promise<void> {
    return this.#next(() => this.#tried((recording) => recording.lose(span)));
  }

  region(atMs: number, rect: Rectangle | null): void {
    this.#region = { atMs, rect };
    this.#recording.region(atMs, rect);
  }

  page(page: Page): void {
    this.#page = page;
    this.#recording.page(page);
  }

  /** What was heard in this browser (shared/recording.ts `words`). */
  words(batch: HeardWords): void {
    this.#recording.words(batch);
  }

  /** From now on to this client, or to none. */
  move(client: Client | null): Promise<void> {
    return this.#next(async () => this.#replace(client));
  }

  /** Resolves when the server has all of it, or when there is none to wait for. */
  stop(): Promise<Delivery> {
    void this.#next(async () => {
      this.#stopping = true;
      this.#await(this.#recording);
    });
    return this.#delivery.promise;
  }

  /** Ends this side at once. */
  abandon(): void {
    this.#delivery.resolve({ delivered: false, reason: 'given up here' });
    this.#recording.abandon();
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #open(client: Client | null, resume: boolean): Recording {
    const { recording, ring, limits, onStatus } = this.#options;
    let own: Recording | null = null;
    const options: RecordingOptions & { ring: Ring } = {
      ...recording, mode: 'live', resume, ring: ring(),
      onStatus: () => {
        if (own !== null && own === this.#recording) onStatus(this.status);
      },
    };
    own = client ? client.record(options) : new RecordingActor(options, limits);
    return own;
  }

  #replace(client: Client | null): void {
    const old = this.#recording;
    const { lost, pushed, lastAcked, unackedChunks } = old.status;
    this.#lostBefore += lost - (pushed - lastAcked - unackedChunks); // what is not settled yet the next one counts again
    old.abandon(new ClientError('ended', 'the recording goes on elsewhere'));
    this.#online = client !== null;
    this.#recording = this.#open(client, true);
    if (this.#region) this.#recording.region(this.#region.atMs, this.#region.rect);
    if (this.#page) this.#recording.page(this.#page);
    if (this.#stopping) this.#await(this.#recording);
    this.#options.onStatus(this.status);
  }

  /** A recording the server refused fails every push: it goes on without a server. */
  async #tried(work: (recording: Recording) => Promise<void>): Promise<void> {
    try {
      await work(this.#recording);
    } catch (cause) {
      if (!this.#online || !(cause instanceof ClientError)) throw cause;
      this.#refused = cause.message;
      this.#options.onRefused(cause);
      this.#replace(null);
      await work(this.#recording);
    }
  }

  #await(recording: Recording): void {
    if (!this.#online) return this.#delivery.resolve({ delivered: false, reason: this.#refused || 'no server is paired' });
    recording.stop().then(
      () => this.#delivery.resolve({ delivered: true }),
      (error: unknown) => {
        if (recording === this.#recording) this.#delivery.resolve({ delivered: false, reason: error instanceof Error ? error.message : String(error) });
      },
    );
  }
}
