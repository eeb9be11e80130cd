// A recording that nobody records any more and that its server does not have whole: left by an earlier run of the browser, or
// made without a server. Waits for the user, or goes to the server it was made for as soon as that is paired.
import type { Client } from '../../shared/client.ts';
import type { ClientClock } from '../../shared/connection.ts';
import type { RingLimits } from '../../shared/intake.ts';
import { GOP_MS } from '../settings.ts';
import type { RecordingView } from '../view.ts';
import type { RecordingRecord, RecordingStore } from './ports.ts';
import { Troubles } from './troubles.ts';
import { Uplink } from './uplink.ts';

export type Fate = 'upload' | 'wait' | 'keep' | 'remove';

/** What becomes of a stored recording that nobody records. `keep`: delivered, and young enough to be saved from. */
export const fateOf = (record: RecordingRecord, { serverUrl, keepMs, at }: { serverUrl: string | null; keepMs: number; at: number }): Fate => {
  if (!record.delivered) return record.serverUrl !== '' && record.serverUrl === serverUrl ? 'upload' : 'wait';
  return at - record.storedAt > keepMs ? 'remove' : 'keep';
};

/** Time that was open in the encoder when the browser ended without saying so: at most one group of pictures. */
export const lostAtEnd = ({ endedAt, durationMs }: RecordingRecord): { startMs: number; durationMs: number } | null => (endedAt === null ? { startMs: durationMs, durationMs: GOP_MS } : null);

export type LeftoverOptions = { record: RecordingRecord; store: RecordingStore; limits: RingLimits; clock: ClientClock; onChange: () => void };

export class Leftover {
  readonly #options: LeftoverOptions;
  readonly #troubles: Troubles;
  #record: RecordingRecord;
  #state: 'left' | 'uploading' | 'stopped' = 'left';
  #uplink: Uplink | null = null;
  #savableMs = 0;

  constructor(options: LeftoverOptions) {
    this.#options = options;
    this.#record = options.record;
    if (options.record.delivered) this.#state = 'stopped';
    this.#troubles = new Troubles(options.clock, () => options.onChange());
    options.store.savableMs(this.key).then(
      (ms) => {
        this.#savableMs = ms;
        options.onChange();
      },
      (cause: unknown) => this.#troubles.set('storage', String(cause)),
    );
  }

  get key(): string {
    return this.#record.key;
  }
  get record(): RecordingRecord {
    return this.#record;
  }
  get state(): 'left' | 'uploading' | 'stopped' {
    return this.#state;
  }

  view(): RecordingView {
    const { key, title, sourceUrl, startedAt, durationMs, encoder, width, height, microphone } = this.#record;
    const status = this.#uplink?.status;
    return {
      key, tabId: null, title, sourceUrl, state: this.#state, startedAt, durationMs, encoder, width, height, framesPerSecond: 0, bitsPerSecond: 0, microphone, playing: null,
      session: status?.session ?? null, pushed: status?.pushed ?? 0, acked: status?.lastAcked ?? 0, unackedChunks: status?.unackedChunks ?? 0, unackedBytes: status?.unackedBytes ?? 0,
      lost: status?.lost ?? 0, savableMs: this.#savableMs, trouble: this.#troubles.latest,
    };
  }

  /** Resolves when the server has it, or has refused it. */
  async upload(client: Client, serverUrl: string): Promise<void> {
    if (this.#state !== 'left') return;
    const { store, limits, onChange } = this.#options;
    const { key, title, sourceUrl, mime, transcript } = this.#record;
    this.#state = 'uploading';
    this.#troubles.set('server', null);
    const uplink = new Uplink({
      recording: { key, title, sourceUrl, mime, video: null, ...(transcript === 'client' ? { transcript } : {}) },
      ring: () => store.ring(key, { keepMs: limits.ringMs }), limits, client, resume: true, onStatus: onChange,
      onRefused: (error) => this.#troubles.set('server', error.message),
    });
    this.#uplink = uplink;
    try {
      const lost = lostAtEnd(this.#record);
      if (lost) await uplink.lose(lost);
      const delivery = await uplink.stop();
      if (!delivery.delivered) this.#troubles.set('server', `not uploaded: ${delivery.reason}`);
      else await this.#patch({ delivered: true, serverUrl, endedAt: this.#record.endedAt ?? this.#record.storedAt });
      this.#state = delivery.delivered ? 'stopped' : 'left';
    } catch (cause) {
      uplink.abandon();
      this.#state = 'left';
      this.#troubles.set('storage', cause instanceof Error ? cause.message : String(cause));
    }
    if (this.#state === 'left') this.#uplink = null;
    onChange();
  }

  /** The server changed or went: what is not there yet waits, or goes to where it belongs. */
  async move(client: Client | null, serverUrl: string): Promise<void> {
    if (this.#state !== 'uploading' || !this.#uplink) return;
    if (client && this.#record.serverUrl === serverUrl) await this.#uplink.move(client);
    else this.#uplink.abandon();
  }

  async discard(): Promise<void> {
    this.#uplink?.abandon();
    await this.#options.store.remove(this.key);
  }

  async #patch(patch: Partial<Omit<RecordingRecord, 'key'>>): Promise<void> {
    this.#record = { ...this.#record, ...patch };
    await this.#options.store.update(this.key, patch);
  }
}
