// One session's durable, append-only log on disk, and the queue of its pipeline (rules T1–T5).
import type { LRUCache } from 'lru-cache';
import type { Gap } from '../../shared/model.ts';
import { Refused } from '../errors.ts';
import { nodeFileSystem } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import type { HotChunks } from './hot-chunks.ts';
import { RECENT_CHUNKS } from './recent-crcs.ts';
import type { Totals } from './record.ts';
import { unguessableSalt } from './segment-file.ts';
import type { NewRecord } from './segment-file.ts';
import type { SegmentIndex } from './segment-index.ts';
import { SegmentTable } from './segment-table.ts';
import type { ColdRead, Log, SealedSegment, Segment } from './segment-table.ts';
import { TimelineError } from './timeline-error.ts';
import { recover } from './timeline-open.ts';
import type { ColdRow } from './timeline-open.ts';
import { gapOf, TimelineReader } from './timeline-reader.ts';
import type { PlacedGap, Pulled } from './timeline-reader.ts';
import { TimelineWriter } from './timeline-writer.ts';
import type { NewChunk } from './timeline-writer.ts';

const SEGMENT_BYTES = 32 * 1024 * 1024;
const SEGMENT_MS = 5 * 60_000;
/** a session that lost more often than this is not a recording any more */
const MAX_GAPS = 4096;

export type Quarantined = { segment: number; byteStart: number; byteEnd: number; gap: Gap };

/** `lastSequence` 0: nothing yet, the first sequence is 1. Only what is durable counts. */
export type TimelineState = Totals & {
  /** retention removed what is before */
  firstByte: number;
  firstMs: number;
  gaps: readonly Gap[];
  quarantined: readonly Quarantined[];
  finished: boolean;
};

export type TimelineOptions = {
  /** the session's own folder */
  dir: string;
  sessionId: string;
  segmentBytes?: number;
  /** media time */
  segmentMs?: number;
  coldRead?: ColdRead;
  /** every row of the session: without them, segments that left the disk are missing */
  coldSegments?: ColdRow[];
  /** one for all sessions: `new LRUCache({ maxSize: BYTES, sizeCalculation: (index) => index.byteLength })` */
  indexCache: LRUCache<string, SegmentIndex>;
  /** one for all sessions */
  hotChunks?: HotChunks;
  log: Log;
  fs?: FileSystem;
  /** marks the records of one segment file: 32 bits nobody can guess, unless a test owns chance */
  newSalt?: () => number;
};

export class Timeline {
  readonly #options: TimelineOptions & { fs: FileSystem };
  readonly #table: SegmentTable;
  readonly #writer: TimelineWriter;
  readonly #reader: TimelineReader;
  #gaps: PlacedGap[] = [];
  /** as the state shows them; null after a change */
  #gapList: readonly Gap[] | null = null;
  #quarantined: Quarantined[] = [];
  /** `ending`: takes no more, what was appended is still becoming durable */
  #life: 'open' | 'ending' | 'finished' | 'closed' = 'open';
  #ended: Promise<void> | null = null;
  #waiting = new Set<{ byte: number; wake: () => void }>();

  private constructor(options: TimelineOptions & { fs: FileSystem }, table: SegmentTable, recovered: { totals: Totals; next: number }) {
    this.#options = options;
    this.#table = table;
    this.#writer = new TimelineWriter({
      ...options, coldRead: null, cache: options.indexCache, table, ...recovered,
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      segmentMs: options.segmentMs ?? SEGMENT_MS,
      newSalt: options.newSalt ?? unguessableSalt,
      onDurable: (records) => this.#onDurable(records),
      onDamage: (row, index, entry) => this.#onDamage(row, index, entry),
    });
    this.#reader = new TimelineReader({
      table,
      active: () => this.#writer.activeSegment(),
      gaps: () => this.#gaps,
      byteEnd: () => this.#writer.durable.byteEnd,
      hot: options.hotChunks === undefined ? null : {
        take: (sequence) => options.hotChunks?.take(this.#hotKey(sequence)),
        drop: (sequence) => options.hotChunks?.drop(this.#hotKey(sequence)),
        release: options.hotChunks.release,
      },
      onDamage: async (row, index, entry) => {
        this.#onDamage(row, index, entry);
        if (table.rows.includes(row)) await table.store(row.index, index);
      },
    });
  }

  static async open(given: TimelineOptions): Promise<Timeline> {
    const options = { ...given, fs: given.fs ?? nodeFileSystem };
    const tableOptions = { ...options, coldRead: options.coldRead ?? null, cache: options.indexCache };
    const table = new SegmentTable(tableOptions);
    const timeline = new Timeline(options, table, await recover(table, tableOptions, options.coldSegments ?? []));
    for (const row of table.rows) timeline.#learn(row, await table.index(row));
    return timeline;
  }

  get state(): TimelineState {
    const firstMs = this.#table.rows[0]?.startMs ?? 0;
    this.#gapList ??= this.#gaps.map(({ gap }) => gap);
    return { ...this.#writer.durable, firstByte: this.#reader.firstByte(), firstMs, gaps: this.#gapList, quarantined: this.#quarantined, finished: this.#isOver() };
  }

  /** Rolling hash over the durable chunks' crcs (foldHash, from 0). */
  hash(): number {
    return this.#writer.durable.hash;
  }

  /**
   * What a chunk with this sequence is. `stored` may still be on its way to the disk: acknowledge `state.lastSequence`, never the
   * sequence asked for. Repeats older than the last 512 chunks are `order`.
   */
  classify(seq: number, crc: number): 'next' | 'stored' | 'conflict' | 'order' {
    return this.#writer.classify(seq, crc);
  }

  /**
   * Resolves when the chunk is durable (T1). The caller has checked `crc` against `bytes`, and never changes `bytes`.
   * Rejects with `TimelineError` full, io, busy, closed (nothing of it counts; what was appended behind it is rejected with it)
   * or `Refused` order, fenced, too_large, bad_frame.
   */
  async append(chunk: NewChunk): Promise<void> {
    this.#mustBeOpen();
    await this.#writer.append(chunk);
  }

  /** Resolves when durable. Sequences already stored are left out of it; declared again, it is stored once. */
  async appendGap({ epoch, ...gap }: Gap & { epoch: number }): Promise<void> {
    this.#mustBeOpen();
    if (this.#gaps.length >= MAX_GAPS) throw new Refused('quota', `the session already has ${MAX_GAPS} gaps; start a new one on a better connection`);
    await this.#writer.appendGap(epoch, gap);
  }

  /** Bytes [start, end) of the session's stream, shorter when less is durable. `TimelineError` quarantined, dropped, io. */
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#reader.read(start, end, signal);
  }

  /** Byte ranges of the sound chunks that overlap [startMs, endMs), neighbours joined (T5). */
  range(startMs: number, endMs: number, signal: AbortSignal): Promise<{ start: number; end: number }[]> {
    return this.#reader.range(startMs, endMs, signal);
  }

  /**
   * What is durable from a byte on, at most `maxBytes` of payload; never waits for more. A declared gap comes with the bytes that
   * follow it, so one at the very end of a session is in `state.gaps` only. Who calls `release` must not look at the bytes afterwards.
   */
  pull(fromByte: number, maxBytes: number, signal: AbortSignal): Promise<Pulled> {
    return this.#reader.pull(fromByte, maxBytes, signal);
  }

  /** Resolves when something after `byte` is durable, or nothing more will come. */
  changed(byte: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#writer.durable.byteEnd > byte || this.#isOver()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter = {
        byte,
        wake: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Segments no longer written, oldest first. */
  sealed(): SealedSegment[] {
    return this.#table.sealed();
  }

  /** The object store has the segment, and its row is stored. */
  markCold(index: number, at: number): void {
    this.#table.row(index).coldAt = at;
  }

  /** Removes the local file of a cold segment; its index stays, reading goes through `coldRead`. */
  async dropLocal(index: number): Promise<void> {
    const row = this.#table.row(index);
    if (row.coldAt === null || this.#options.coldRead === undefined) throw new TimelineError('io', `segment ${index} is not in the object store; upload it and call markCold first`);
    if (!row.local) return;
    row.local = false;
    await this.#options.fs.unlink(this.#table.path(row));
  }

  /** Retention: removes whole segments that end before, oldest first, never the newest. Returns those whose objects and rows are to go. */
  async dropBefore(ms: number): Promise<number[]> {
    const cold: number[] = [];
    for (const row of this.#table.rows.slice(0, -1)) {
      if (row.endMs > ms) break;
      await this.#table.drop(row);
      if (row.coldAt !== null) cold.push(row.index);
    }
    const first = this.#reader.firstByte();
    this.#gaps = this.#gaps.filter(({ byteStart }) => byteStart >= first);
    this.#gapList = null;
    this.#quarantined = this.#quarantined.filter(({ byteEnd }) => byteEnd > first);
    return cold;
  }

  /** No more appends; what was appended becomes durable, and the last segment is sealed. Where it throws (`io`), nothing has ended. */
  finish(): Promise<void> {
    this.#ended ??= this.#end().catch((error: unknown) => {
      this.#ended = null;
      throw error;
    });
    return this.#ended;
  }

  /** Nothing is appended for a while: its files are closed, and opened again when needed. */
  async rest(): Promise<void> {
    if (this.#life === 'open') await this.#writer.rest();
  }

  /** As `finish`, and this object is done; the session may be opened again. */
  async close(): Promise<void> {
    try {
      await this.finish();
    } finally {
      this.#life = 'closed';
      this.#wake();
      this.#table.forget();
    }
  }

  async #end(): Promise<void> {
    if (this.#isOver()) return;
    this.#life = 'ending';
    try {
      await this.#writer.idle();
      await this.#writer.seal();
      this.#life = 'finished';
    } catch (error) {
      this.#life = 'open';
      throw error;
    }
    this.#wake();
  }

  #isOver(): boolean {
    return this.#life === 'finished' || this.#life === 'closed';
  }

  #mustBeOpen(): void {
    if (this.#life !== 'open') throw new TimelineError('closed', `the timeline of session ${this.#options.sessionId} is ${this.#life}; start a new session`);
  }

  #onDurable(records: NewRecord[]): void {
    for (const { header, payload, gap } of records) {
      if (gap !== null) this.#addGap(header.byteStart, gap);
      else this.#options.hotChunks?.put(this.#hotKey(header.sequence), payload);
    }
    this.#wake();
  }

  #addGap(byteStart: number, gap: Gap): void {
    this.#gaps.push({ byteStart, gap });
    this.#gapList = null;
  }

  #hotKey(sequence: number): string {
    return `${this.#options.sessionId}/${sequence}`;
  }

  #onDamage(row: Segment, index: SegmentIndex, i: number): void {
    if (index.kind(i) === 'bad') return;
    index.markBad(i, `chunk damaged on disk: its bytes do not match their crc`);
    const entry = index.entry(i);
    this.#quarantined.push({ segment: row.index, byteStart: entry.byteStart, byteEnd: entry.byteStart + entry.length, gap: gapOf(entry) });
    this.#options.log.error({ session: this.#options.sessionId, segment: row.index, sequence: entry.sequence, bytes: entry.length }, 'damaged chunk quarantined');
  }

  #learn(row: Segment, index: SegmentIndex): void {
    const recent = this.#writer.durable.lastSequence - RECENT_CHUNKS;
    for (let i = 0; i < index.count; i++) {
      const entry = index.entry(i);
      if (entry.kind === 'gap') this.#addGap(entry.byteStart, gapOf(entry));
      else if (entry.kind === 'bad') this.#quarantined.push({ segment: row.index, byteStart: entry.byteStart, byteEnd: entry.byteStart + entry.length, gap: gapOf(entry) });
      else if (entry.sequence > recent) this.#writer.recent.set(entry.sequence, entry.crc);
    }
  }

  #wake(): void {
    for (const waiter of this.#waiting) {
      if (waiter.byte >= this.#writer.durable.byteEnd && !this.#isOver()) continue;
      this.#waiting.delete(waiter);
      waiter.wake();
    }
  }
}

export const openTimeline = (options: TimelineOptions): Promise<Timeline> => Timeline.open(options);
