// Where each record of one segment stands. In memory it is what the sidecar file holds, so loading is reading: 56 bytes a record.
import { crc32c } from '../../shared/crc32c.ts';
import { getTotals, putTotals, TOTALS_BYTES } from './record.ts';
import type { Totals } from './record.ts';

// entry, little-endian: 0 sequence f64 · 8 sequenceTo f64 · 16 startMs f64 · 24 durationMs f64 · 32 byteStart f64
//   40 filePosition u32 (of the record's header) · 44 length u32 · 48 crc u32 · 52 kind u32
const STRIDE = 56;
// sidecar: 0 magic u32 · 4 count u32 · 8 fileEnd u32 · 12 bytes of notes u32 · 16 totals before · 72 totals after · 128 crc of the rest u32 · entries · notes (JSON)
const MAGIC = 0x31584c43;
const CRC_AT = 16 + 2 * TOTALS_BYTES;
const FILE_HEADER = CRC_AT + 4;
const KINDS = ['chunk', 'gap', 'bad'] as const;

/** `bad`: bytes that are damaged on disk. `note`: a gap's reason, or what was found damaged. */
export type Entry = {
  kind: (typeof KINDS)[number];
  sequence: number;
  sequenceTo: number;
  startMs: number;
  durationMs: number;
  byteStart: number;
  filePosition: number;
  length: number;
  crc: number;
  note: string;
};

export class SegmentIndex {
  readonly before: Totals;
  after: Totals;
  /** bytes of the segment file that hold records */
  fileEnd = 0;
  /** earliest start and latest end of its records; clients' clocks may jump back */
  startMs = Infinity;
  endMs = 0;
  #view: DataView;
  #count = 0;
  readonly #notes = new Map<number, string>();

  constructor(before: Totals, capacity = 16) {
    this.before = before;
    this.after = before;
    this.#view = new DataView(new ArrayBuffer(capacity * STRIDE));
  }

  get count(): number {
    return this.#count;
  }

  /** what it holds of memory */
  get byteLength(): number {
    return this.#view.byteLength + 512 + this.#notes.size * 100;
  }

  get notes(): number {
    return this.#notes.size;
  }

  push(entry: Entry): void {
    if ((this.#count + 1) * STRIDE > this.#view.byteLength) this.#resize(Math.max(16, this.#count * 2));
    this.#count++;
    this.#put(this.#count - 1, entry);
    this.#span(entry.startMs, entry.durationMs);
  }

  entry(i: number): Entry {
    const at = i * STRIDE;
    const view = this.#view;
    return {
      kind: this.kind(i),
      sequence: view.getFloat64(at, true),
      sequenceTo: view.getFloat64(at + 8, true),
      startMs: view.getFloat64(at + 16, true),
      durationMs: view.getFloat64(at + 24, true),
      byteStart: view.getFloat64(at + 32, true),
      filePosition: view.getUint32(at + 40, true),
      length: view.getUint32(at + 44, true),
      crc: view.getUint32(at + 48, true),
      note: this.#notes.get(i) ?? '',
    };
  }

  kind(i: number): Entry['kind'] {
    return KINDS[this.#view.getUint32(i * STRIDE + 52, true)] ?? 'bad';
  }

  length(i: number): number {
    return this.#view.getUint32(i * STRIDE + 44, true);
  }

  /** The first entry that ends after `byte` of the session's stream; `count` when none does. */
  at(byte: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const end = this.#view.getFloat64(middle * STRIDE + 32, true) + this.length(middle);
      if (end > byte) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Damage found after the record was written. */
  markBad(i: number, note: string): void {
    this.#view.setUint32(i * STRIDE + 52, KINDS.indexOf('bad'), true);
    this.#notes.set(i, note);
  }

  /** Gives back the growing room once no more is pushed. */
  seal(): void {
    this.#resize(this.#count);
  }

  encode(): Uint8Array {
    const notes = new TextEncoder().encode(JSON.stringify([...this.#notes]));
    const entries = this.#count * STRIDE;
    const bytes = new Uint8Array(FILE_HEADER + entries + notes.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, this.#count, true);
    view.setUint32(8, this.fileEnd, true);
    view.setUint32(12, notes.length, true);
    putTotals(view, 16, this.before);
    putTotals(view, 16 + TOTALS_BYTES, this.after);
    bytes.set(new Uint8Array(this.#view.buffer, 0, entries), FILE_HEADER);
    bytes.set(notes, FILE_HEADER + entries);
    view.setUint32(CRC_AT, crc32c(bytes), true);
    return bytes;
  }

  /** null when the sidecar is torn or damaged: rebuild it from the segment. */
  static decode(bytes: Uint8Array): SegmentIndex | null {
    if (bytes.length < FILE_HEADER) return null;
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    const crc = view.getUint32(CRC_AT, true);
    view.setUint32(CRC_AT, 0, true);
    const count = view.getUint32(4, true);
    const notesBytes = view.getUint32(12, true);
    if (view.getUint32(0, true) !== MAGIC || crc32c(copy) !== crc || copy.length !== FILE_HEADER + count * STRIDE + notesBytes) return null;
    const index = new SegmentIndex(getTotals(view, 16), count);
    index.after = getTotals(view, 16 + TOTALS_BYTES);
    index.fileEnd = view.getUint32(8, true);
    index.#count = count;
    new Uint8Array(index.#view.buffer).set(copy.subarray(FILE_HEADER, FILE_HEADER + count * STRIDE));
    for (let at = 0; at < count * STRIDE; at += STRIDE) index.#span(index.#view.getFloat64(at + 16, true), index.#view.getFloat64(at + 24, true));
    const notes: unknown = JSON.parse(new TextDecoder().decode(copy.subarray(copy.length - notesBytes)));
    if (!Array.isArray(notes)) return null;
    for (const note of notes as unknown[]) {
      if (Array.isArray(note) && typeof note[0] === 'number' && typeof note[1] === 'string') index.#notes.set(note[0], note[1]);
    }
    return index;
  }

  #span(startMs: number, durationMs: number): void {
    this.startMs = Math.min(this.startMs, startMs);
    this.endMs = Math.max(this.endMs, startMs + durationMs);
  }

  #put(i: number, entry: Entry): void {
    const at = i * STRIDE;
    const view = this.#view;
    view.setFloat64(at, entry.sequence, true);
    view.setFloat64(at + 8, entry.sequenceTo, true);
    view.setFloat64(at + 16, entry.startMs, true);
    view.setFloat64(at + 24, entry.durationMs, true);
    view.setFloat64(at + 32, entry.byteStart, true);
    view.setUint32(at + 40, entry.filePosition, true);
    view.setUint32(at + 44, entry.length, true);
    view.setUint32(at + 48, entry.crc, true);
    view.setUint32(at + 52, KINDS.indexOf(entry.kind), true);
    if (entry.note !== '') this.#notes.set(i, entry.note);
  }

  #resize(entries: number): void {
    const bytes = new Uint8Array(entries * STRIDE);
    bytes.set(new Uint8Array(this.#view.buffer, 0, this.#count * STRIDE));
    this.#view = new DataView(bytes.buffer);
  }
}
