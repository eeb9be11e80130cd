// The writing half of a timeline: order, durability, rotation (T1), and going on after the disk failed.
import type { Gap } from '../../shared/model.ts';
import { messageOf, Refused } from '../errors.ts';
import { crc32c, foldHash } from '../../shared/crc32c.ts';
import { GroupCommit } from './group-commit.ts';
import { afterChunk, afterGap, encodeGap, HEADER_BYTES, MAX_PAYLOAD_BYTES } from './record.ts';
import type { Totals } from './record.ts';
import { RecentCrcs } from './recent-crcs.ts';
import { SegmentFile } from './segment-file.ts';
import type { NewRecord } from './segment-file.ts';
import type { SegmentIndex } from './segment-index.ts';
import { damaged } from './segment-read.ts';
import { rowOf } from './segment-table.ts';
import type { Segment, SegmentTable, TableOptions } from './segment-table.ts';
import { writeFailure } from './timeline-error.ts';

/** bounds an index to 459 KB */
const SEGMENT_RECORDS = 8192;
const MAX_REASON = 1024;

export type NewChunk = { epoch: number; seq: number; crc: number; startMs: number; durationMs: number; bytes: Uint8Array };

type WriterOptions = TableOptions & {
  table: SegmentTable;
  segmentBytes: number;
  segmentMs: number;
  totals: Totals;
  next: number;
  newSalt: () => number;
  onDurable: (records: NewRecord[]) => void;
  onDamage: (row: Segment, index: SegmentIndex, entry: number) => void;
};

const isTime = (ms: number): boolean => Number.isFinite(ms) && ms >= 0;

export class TimelineWriter {
  durable: Totals;
  #active: SegmentFile | null = null;
  readonly recent = new RecentCrcs();
  readonly #options: WriterOptions;
  readonly #queue: GroupCommit<NewRecord>;
  /** with what still waits for the disk */
  #accepted: Totals;
  #next: number;
  #firstMs = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.durable = this.#accepted = options.totals;
    this.#next = options.next;
    this.#queue = new GroupCommit(
      (batch) => this.#commit(batch),
      () => (this.#accepted = this.durable),
    );
  }

  classify(sequence: number, crc: number): 'next' | 'stored' | 'conflict' | 'order' {
    const { lastSequence } = this.#accepted;
    if (sequence === lastSequence + 1) return 'next';
    const known = sequence > lastSequence || sequence < 1 ? null : this.recent.get(sequence);
    if (known === null) return 'order';
    return known === crc ? 'stored' : 'conflict';
  }

  /** Throws at once what can never be stored. */
  append({ epoch, seq, crc, startMs, durationMs, bytes }: NewChunk): Promise<void> {
    const before = this.#accepted;
    this.#checkEpoch(epoch);
    if (seq !== before.lastSequence + 1) throw new Refused('order', `chunk ${seq} does not follow ${before.lastSequence}; send ${before.lastSequence + 1}`);
    if (bytes.length > MAX_PAYLOAD_BYTES) throw new Refused('too_large', `chunk ${seq} has ${bytes.length} bytes; at most ${MAX_PAYLOAD_BYTES}`);
    if (!isTime(startMs) || !isTime(durationMs)) throw new Refused('bad_frame', `chunk ${seq} has startMs ${startMs}, durationMs ${durationMs}; both must be finite and not negative`);
    this.#queue.checkRoom(bytes.length);
    const header = { kind: 'chunk' as const, epoch, length: bytes.length, sequence: seq, startMs, durationMs, byteStart: before.byteEnd, crc, hash: foldHash(before.hash, crc) };
    this.#accepted = afterChunk(before, header);
    this.recent.set(seq, crc);
    return this.#queue.push({ header, payload: bytes, gap: null }, bytes.length);
  }

  /** What of the gap is already stored is left out; a gap declared twice is stored once. */
  appendGap(epoch: number, declared: Gap): Promise<void> {
    const before = this.#accepted;
    this.#checkEpoch(epoch);
    const gap: Gap = { ...declared, fromSequence: Math.max(declared.fromSequence, before.lastSequence + 1), reason: declared.reason.slice(0, MAX_REASON) };
    if (!Number.isSafeInteger(gap.toSequence) || !Number.isSafeInteger(gap.fromSequence) || !isTime(gap.startMs) || !isTime(gap.endMs)) {
      throw new Refused('bad_frame', `gap ${declared.fromSequence}..${declared.toSequence} at ${gap.startMs}..${gap.endMs} ms: sequences must be whole numbers, times finite and not negative`);
    }
    if (gap.toSequence <= before.lastSequence) return this.#queue.idle();
    if (gap.fromSequence !== before.lastSequence + 1) throw new Refused('order', `gap from ${gap.fromSequence} does not follow ${before.lastSequence}; declare it from ${before.lastSequence + 1}`);
    this.#queue.checkRoom(0);
    const payload = encodeGap(gap);
    const header = {
      kind: 'gap' as const, epoch, length: payload.length, sequence: gap.fromSequence, startMs: gap.startMs,
      durationMs: Math.max(0, gap.endMs - gap.startMs), byteStart: before.byteEnd, crc: crc32c(payload), hash: before.hash,
    };
    this.#accepted = afterGap(before, gap, epoch);
    return this.#queue.push({ header, payload, gap }, payload.length);
  }

  async rest(): Promise<void> {
    await this.#queue.idle();
    await this.#quietly('close a segment', async () => this.#active?.rest());
  }

  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Ends the segment being written: its index goes beside it, and it may leave for the object store. */
  async seal(): Promise<void> {
    const file = this.#active;
    if (file === null) return;
    const { table, log, sessionId, fs, dir, onDamage } = this.#options;
    if (file.bytes === 0) {
      file.broken = true; // its name may go although that fails: nothing more may be written to it
      // or what a failed write left in it, and nobody was promised, would be found by the next opening, and by one after a power cut
      await fs.unlink(file.path).then(() => fs.syncDir(dir)).catch((cause: unknown) => { throw writeFailure(file.path, cause); });
      this.#active = null;
    } else {
      const row = this.#row(file);
      const bad = file.broken ? await damaged(table.local(row), file.index) : [];
      file.index.seal();
      for (const entry of bad) onDamage(row, file.index, entry);
      await table.store(row.index, file.index);
      table.add(row, file.index);
      this.#active = null;
      if (file.broken) log.error({ session: sessionId, segment: row.index, damaged: bad.length }, 'segment abandoned after a failed write; a new one begins');
    }
    await this.#quietly('close a segment', () => file.close());
  }

  activeSegment(): { row: Segment; index: SegmentIndex } | null {
    const file = this.#active;
    return file === null || file.bytes === 0 ? null : { row: this.#row(file), index: file.index };
  }

  #row(file: SegmentFile): Segment {
    return rowOf(file.index, { index: file.number, salt: file.salt, local: true, coldAt: null });
  }

  #checkEpoch(epoch: number): void {
    if (epoch < this.#accepted.epoch) throw new Refused('fenced', `epoch ${epoch} was taken over by ${this.#accepted.epoch}; start again`);
  }

  async #commit(batch: NewRecord[]): Promise<number> {
    const [first] = batch;
    if (first === undefined) return 0;
    if (this.#active !== null && (this.#active.broken || !this.#fits(first, this.#active.bytes, this.#active.index.count))) await this.seal();
    if (this.#active === null) {
      this.#active = await SegmentFile.create(this.#options.fs, this.#options.dir, { number: this.#next++, sessionId: this.#options.sessionId, before: this.durable, newSalt: this.#options.newSalt });
      this.#firstMs = first.header.startMs;
    }
    const file = this.#active;
    let bytes = file.bytes;
    let count = 0;
    for (const record of batch) {
      if (count > 0 && !this.#fits(record, bytes, file.index.count + count)) break;
      bytes += HEADER_BYTES + record.payload.length;
      count++;
    }
    const taken = batch.slice(0, count);
    await file.append(taken);
    this.durable = file.index.after;
    this.#options.onDurable(taken);
    return count;
  }

  #fits({ header, payload }: NewRecord, bytes: number, records: number): boolean {
    const { segmentBytes, segmentMs } = this.#options;
    const span = Math.abs(header.startMs + header.durationMs - this.#firstMs);
    return records < SEGMENT_RECORDS && bytes + HEADER_BYTES + payload.length <= segmentBytes && span <= segmentMs;
  }

  async #quietly(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#options.log.warn({ session: this.#options.sessionId, error: messageOf(error) }, `could not ${what}; nothing is lost by it`);
    }
  }
}
