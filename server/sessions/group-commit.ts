// Natural group commit: what arrives while one batch is made durable forms the next. Idle, an item waits for nothing but the disk.
import { TimelineError } from './timeline-error.ts';

/** One batch is at most one writev: the kernel takes 1,024 buffers, two per record. */
const BATCH_ITEMS = 256;
const BATCH_BYTES = 8 * 1024 * 1024;
const WAITING_ITEMS = 4096;
const WAITING_BYTES = 64 * 1024 * 1024;

type Waiting<T> = { item: T; bytes: number; resolve: () => void; reject: (reason: unknown) => void };

export class GroupCommit<T> {
  readonly #commit: (batch: T[]) => Promise<number>;
  readonly #undo: () => void;
  #waiting: Waiting<T>[] = [];
  #bytes = 0;
  #running: Promise<void> | null = null;

  /**
   * `commit` makes items from the front of the batch durable, at least one, and says how many. When it throws, all that wait are
   * rejected after `undo`: an item is only good behind those before it.
   */
  constructor(commit: (batch: T[]) => Promise<number>, undo: () => void) {
    this.#commit = commit;
    this.#undo = undo;
  }

  /** Throws `busy` when the queue is full. */
  checkRoom(bytes: number): void {
    if (this.#waiting.length < WAITING_ITEMS && this.#bytes + bytes <= WAITING_BYTES) return;
    throw new TimelineError('busy', `${this.#waiting.length} records (${this.#bytes} bytes) already wait for the disk; grant fewer credits or use a faster disk`);
  }

  push(item: T, bytes: number): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ item, bytes, resolve, reject });
    });
    this.#bytes += bytes;
    this.#running ??= this.#run();
    return done;
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // the rest of this turn joins the first batch
    while (this.#waiting.length > 0) {
      try {
        const done = await this.#commit(this.#batch());
        for (const { bytes, resolve } of this.#waiting.splice(0, done)) {
          this.#bytes -= bytes;
          resolve();
        }
      } catch (error) {
        const failed = this.#waiting;
        this.#waiting = [];
        this.#bytes = 0;
        this.#undo();
        for (const { reject } of failed) reject(error);
      }
    }
    this.#running = null;
  }

  #batch(): T[] {
    let bytes = 0;
    const batch: T[] = [];
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (batch.length === BATCH_ITEMS || (batch.length > 0 && bytes > BATCH_BYTES)) break;
      batch.push(waiting.item);
    }
    return batch;
  }
}
