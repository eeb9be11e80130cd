// A file that only grows, written behind the caller's back: what is appended is gathered until it is worth a write or flushed, a
// failing disk is tried again. It is open only while it is written to.
import { messageOf } from '../errors.ts';
import type { DiskFile } from './file-system.ts';
import type { Log } from './segment-table.ts';

/** what may wait for a disk that fails */
const MAX_WAITING = 32 * 1024 * 1024;
/** worth a write */
const GATHERED = 64 * 1024;

export class AppendFile {
  readonly #path: string;
  readonly #open: () => Promise<DiskFile>;
  readonly #syncName: () => Promise<void>;
  readonly #log: Log;
  #file: DiskFile | null = null;
  /** also what an earlier run left: it may have been killed before it synced */
  #unsynced: boolean;
  /** its name is durable; an earlier run may have been killed before that, too */
  #named = false;
  #end: number;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(options: { path: string; open: () => Promise<DiskFile>; syncName: () => Promise<void>; end: number; log: Log }) {
    this.#path = options.path;
    this.#open = options.open;
    this.#syncName = options.syncName;
    this.#end = options.end;
    this.#log = options.log;
    this.#unsynced = options.end > 0;
  }

  append(bytes: Uint8Array): void {
    if (this.#bytes + bytes.length > MAX_WAITING) {
      throw new Error(`${this.#bytes} bytes already wait for ${this.#path}; free space or check the disk, then restart the session`, { cause: this.#failure });
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= GATHERED) this.#writing ??= this.#write();
  }

  /** Everything appended before is synced. Throws while the disk fails; what waits is kept. */
  async flush(): Promise<void> {
    await this.#settle();
    if (this.#failure !== null) throw new Error(`${this.#path} is not written: ${messageOf(this.#failure)}; free space or check the disk`, { cause: this.#failure });
    await this.#sync();
  }

  /** Synced and closed until more is appended; stays open while the disk fails. */
  async rest(): Promise<void> {
    await this.flush();
    if (this.#writing !== null || this.#unsynced) return; // more came meanwhile
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async close(): Promise<void> {
    await this.#settle();
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false;
    try {
      this.#file ??= await this.#open();
      await this.#file.datasync();
      if (!this.#named) await this.#syncName();
      this.#named = true;
    } catch (error) {
      this.#unsynced = true;
      throw error;
    }
  }

  async #settle(): Promise<void> {
    if (this.#waiting.length > 0) this.#writing ??= this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // the rest of this turn joins the first write
    try {
      while (this.#waiting.length > 0) {
        const batch = new Uint8Array(Buffer.concat(this.#waiting));
        const count = this.#waiting.length;
        this.#file ??= await this.#open();
        this.#unsynced = true;
        await this.#file.writev([batch], this.#end);
        this.#waiting.splice(0, count);
        this.#bytes -= batch.length;
        this.#end += batch.length;
        this.#failure = null;
      }
    } catch (error) {
      if (this.#failure === null) this.#log.warn({ path: this.#path, error: messageOf(error) }, 'not written; tried again with what comes next');
      this.#failure = error;
    } finally {
      this.#writing = null;
    }
  }
}
