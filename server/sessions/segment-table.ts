// The segments of one session that are no longer written: which there are, where they are, and their indexes.
import { join } from 'node:path';
import type { LRUCache } from 'lru-cache';
import { messageOf } from '../errors.ts';
import type { FileSystem } from './file-system.ts';
import type { Totals } from './record.ts';
import { indexName, segmentName } from './segment-file.ts';
import { SegmentIndex } from './segment-index.ts';
import { scanSegment } from './segment-scan.ts';
import type { Source } from './segment-scan.ts';
import { TimelineError } from './timeline-error.ts';

/** Takes pino's calls. */
export type Log = { info(fields: object, message: string): void; warn(fields: object, message: string): void; error(fields: object, message: string): void };

/** Shared by all sessions, sized in bytes. */
export type IndexCache = LRUCache<string, SegmentIndex>;

/** `end` is exclusive. */
export type ColdRead = (segmentIndex: number, start: number, end: number, signal?: AbortSignal) => Promise<Uint8Array>;

export type Segment = {
  index: number;
  salt: number;
  /** of records; the file may hold abandoned bytes behind them */
  fileBytes: number;
  /** `byteEnd` of these is where it begins and ends in the session's byte stream */
  before: Totals;
  after: Totals;
  startMs: number;
  endMs: number;
  local: boolean;
  /** when it went to the object store, ms since the epoch; null: it has not */
  coldAt: number | null;
};

export type SealedSegment = {
  index: number;
  path: string;
  fileBytes: number;
  byteStart: number;
  byteEnd: number;
  startMs: number;
  endMs: number;
  local: boolean;
  /** when it went to the object store, ms since the epoch; null: it has not */
  coldAt: number | null;
};

export type TableOptions = { fs: FileSystem; dir: string; sessionId: string; cache: IndexCache; coldRead: ColdRead | null; log: Log };

export const rowOf = (index: SegmentIndex, at: { index: number; salt: number; local: boolean; coldAt: number | null }): Segment => ({
  ...at, fileBytes: index.fileEnd, before: index.before, after: index.after, startMs: index.count === 0 ? 0 : index.startMs, endMs: index.endMs,
});

export class SegmentTable {
  readonly rows: Segment[] = [];
  readonly #options: TableOptions;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  path(row: Segment): string {
    return join(this.#options.dir, segmentName(row.index, row.salt));
  }

  sealed(): SealedSegment[] {
    return this.rows.map((row) => ({
      index: row.index, path: this.path(row), fileBytes: row.fileBytes, byteStart: row.before.byteEnd, byteEnd: row.after.byteEnd,
      startMs: row.startMs, endMs: row.endMs, local: row.local, coldAt: row.coldAt,
    }));
  }

  /** The row that holds this byte of the session's stream. */
  at(byte: number): Segment | null {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.rows[middle]!.after.byteEnd > byte) high = middle; // middle < length
      else low = middle + 1;
    }
    const row = this.rows[low];
    return row !== undefined && row.before.byteEnd <= byte ? row : null;
  }

  row(index: number): Segment {
    const row = this.rows.find((each) => each.index === index);
    if (row === undefined) throw new TimelineError('dropped', `session ${this.#options.sessionId} has no sealed segment ${index}`);
    return row;
  }

  add(row: Segment, index: SegmentIndex): void {
    this.rows.push(row);
    this.#options.cache.set(this.#key(row.index), index);
  }

  async index(row: Segment, signal?: AbortSignal): Promise<SegmentIndex> {
    const held = this.#options.cache.get(this.#key(row.index));
    if (held !== undefined) return held;
    const index = (await this.stored(row.index)) ?? (await this.#rebuild(row, signal));
    this.#options.cache.set(this.#key(row.index), index);
    return index;
  }

  /** The sidecar of a segment; null when it is absent, torn or damaged. */
  async stored(index: number): Promise<SegmentIndex | null> {
    const { fs, dir } = this.#options;
    const path = join(dir, indexName(index));
    const bytes = await fs.sizeOf(path);
    if (bytes === null) return null;
    const file = await fs.open(path, 'read');
    try {
      const target = new Uint8Array(bytes);
      return SegmentIndex.decode(target.subarray(0, await file.pread(target, 0)));
    } finally {
      await file.close();
    }
  }

  /** Not synced: a sidecar torn by a power cut is rebuilt. A failure costs a rebuild at the next open. */
  async store(index: number, content: SegmentIndex): Promise<void> {
    const { fs, dir, log, sessionId } = this.#options;
    const path = join(dir, indexName(index));
    const draft = `${path}.new`;
    try {
      await fs.unlink(draft);
      const file = await fs.open(draft, 'create');
      try {
        await file.writev([content.encode()], 0);
      } finally {
        await file.close();
      }
      await fs.rename(draft, path);
    } catch (error) {
      log.warn({ session: sessionId, segment: index, error: messageOf(error) }, 'segment index not written; it is rebuilt from the segment when needed');
    }
  }

  async drop(row: Segment): Promise<void> {
    const { fs, dir, cache } = this.#options;
    await fs.unlink(this.path(row));
    await fs.unlink(join(dir, indexName(row.index)));
    this.rows.splice(this.rows.indexOf(row), 1);
    cache.delete(this.#key(row.index));
  }

  forget(): void {
    for (const { index } of this.rows) this.#options.cache.delete(this.#key(index));
  }

  /** The file's bytes from each place that has them, nearest first. */
  sources(row: Segment): Source[] {
    const { coldRead } = this.#options;
    const local = this.local(row);
    const cold: Source | null = coldRead === null || row.coldAt === null ? null : { bytes: row.fileBytes, read: (start, end, signal) => coldRead(row.index, start, end, signal) };
    return [...(row.local ? [local] : []), ...(cold === null ? [] : [cold])];
  }

  local(row: Segment): Source {
    return { bytes: row.fileBytes, own: true, read: (start, end) => this.#readLocal(row, start, end) };
  }

  async #readLocal(row: Segment, start: number, end: number): Promise<Uint8Array> {
    const file = await this.#options.fs.open(this.path(row), 'read');
    try {
      const bytes = new Uint8Array(Math.max(0, end - start));
      return bytes.subarray(0, await file.pread(bytes, start));
    } finally {
      await file.close();
    }
  }

  async #rebuild(row: Segment, signal?: AbortSignal): Promise<SegmentIndex> {
    const [source] = this.sources(row);
    if (source === undefined) throw new TimelineError('io', `segment ${row.index} of session ${this.#options.sessionId} is neither on disk nor in the object store`);
    const { index } = await scanSegment(source, { salt: row.local ? row.salt : null, before: row.before, last: false, until: row.after, verify: false }, signal);
    await this.store(row.index, index);
    return index;
  }

  #key(index: number): string {
    return `${this.#options.sessionId}/${index}`;
  }
}
