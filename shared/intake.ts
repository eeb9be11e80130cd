// The way into a recording: pushes one after the other, each waiting for room in the ring (`file`) or making it (`live`, P6).
import { ClientError } from './client-error.ts';
import { crc32c } from './crc32c.ts';
import type { Outbox } from './outbox.ts';
import type { ChunkMeta, Ring } from './ring.ts';
import { slicesOf } from './slices.ts';
import type { Media } from './slices.ts';

export type RingLimits = { ringBytes: number; ringMs: number };

/** A caller that never awaits its pushes is told so instead of filling memory. */
const MAX_WAITING = 64;

export type IntakeOptions = {
  key: string;
  mode: 'live' | 'file';
  ring: Ring;
  limits: RingLimits;
  outbox: Outbox;
  /** what earlier runs left is in the outbox */
  loaded: Promise<void>;
  /** why nothing more is taken, or null */
  ended: () => ClientError | null;
  /** a chunk more may be sent */
  onKept: () => void;
};

export class Intake {
  readonly #options: IntakeOptions;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #room = Promise.withResolvers<void>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return this.#waiting === 0;
  }
  /** All pushes so far are done, well or not. */
  get settled(): Promise<void> {
    return this.#last;
  }

  push(media: Media): Promise<void> {
    return this.#enter(async () => {
      for (const slice of slicesOf(media)) await this.#keep(slice);
    });
  }

  /** What never became bytes: its sequence number is declared as a gap (P6). */
  lose({ startMs, durationMs }: { startMs: number; durationMs: number }): Promise<void> {
    return this.#enter(() => {
      const { outbox, onKept } = this.#options;
      outbox.add({ seq: outbox.lastSeq + 1, crc: 0, startMs, durationMs, size: 0 }, false);
      onKept();
    });
  }

  #enter(work: () => void | Promise<void>): Promise<void> {
    const ended = this.#options.ended();
    if (ended) return Promise.reject(ended);
    if (this.#waiting >= MAX_WAITING) return Promise.reject(new ClientError('ended', `${MAX_WAITING} pushes of recording ${this.#options.key} wait already; await each push`));
    this.#waiting++;
    const done = this.#after(this.#last, work);
    this.#last = done.catch(() => undefined).finally(() => this.#waiting--);
    return done;
  }

  /** Something left the ring, or the recording ended: waiting pushes look again. */
  look(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers<void>();
  }

  async #after(earlier: Promise<void>, work: () => void | Promise<void>): Promise<void> {
    await earlier;
    await this.#options.loaded;
    await work();
  }

  async #keep({ startMs, durationMs, bytes }: Media): Promise<void> {
    const { mode, outbox, ended, onKept } = this.#options;
    if (mode === 'file') await this.#roomFor(bytes.length);
    else await this.#makeRoom(bytes.length, durationMs);
    const error = ended();
    if (error) throw error;
    const meta: ChunkMeta = { seq: outbox.lastSeq + 1, crc: crc32c(bytes), startMs, durationMs, size: bytes.length };
    const held = meta.seq <= outbox.through || (await this.#put(meta, bytes));
    outbox.add(meta, held);
    onKept();
  }

  /** Storage that is full or broken costs a live recording this chunk (a gap), not the stream. */
  async #put(meta: ChunkMeta, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#options.ring.put(meta, bytes);
      return true;
    } catch (cause) {
      if (this.#options.mode === 'live') return false;
      throw new ClientError('ended', `the storage of recording ${this.#options.key} failed; free space and push again`, { cause });
    }
  }

  /** Waits until the ring can take `size` more; an empty ring takes anything. */
  async #roomFor(size: number): Promise<void> {
    const { outbox, limits, ended } = this.#options;
    while (!ended() && outbox.counts.heldBytes > 0 && outbox.counts.heldBytes + size > limits.ringBytes) await this.#room.promise;
  }

  async #makeRoom(size: number, durationMs: number): Promise<void> {
    const { outbox, limits, ring } = this.#options;
    for (;;) {
      const { heldBytes, heldMs } = outbox.counts;
      if (heldBytes + size <= limits.ringBytes && heldMs + durationMs <= limits.ringMs) return;
      const seq = outbox.dropOldest();
      if (seq === null) return;
      await ring.drop(seq);
    }
  }
}
