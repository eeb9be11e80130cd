// One record of a segment file: a header of 64 bytes, little-endian, then its payload.
//   0 magic u32 · 4 kind u8 · 5 version u8 · 6 zero u16 · 8 epoch u32 · 12 length u32 · 16 sequence f64 · 24 startMs f64
//   32 durationMs f64 · 40 byteStart f64 · 48 crc32c of the payload u32 · 52 rolling hash u32 · 56 durable u32 · 60 crc32c of 0..59 u32
// Integers up to 2^53 stand exactly in an f64. The last checksum is seeded with the segment's salt, which no client knows:
// media cannot carry bytes that a search after damage would take for a record.
import type { Gap } from '../../shared/model.ts';
import { crc32c } from '../../shared/crc32c.ts';

export const HEADER_BYTES = 64;
/** Above it a header is taken for damage, so that nothing is allocated for it. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
export const MAGIC = new Uint8Array([0xc1, 0x70, 0x6c, 0xd9]);
const MAGIC_U32 = 0xd96c70c1;
const VERSION = 1;
const KINDS = ['head', 'chunk', 'gap'] as const;

export type RecordHeader = {
  kind: (typeof KINDS)[number];
  epoch: number;
  length: number;
  sequence: number;
  startMs: number;
  durationMs: number;
  /** where its payload stands in the session's byte stream */
  byteStart: number;
  crc: number;
  /** rolling hash over the chunks' crcs, this one included */
  hash: number;
  /** this much of the file was known to be durable when the record was written; tells a torn write from later damage */
  durable: number;
};

export const encodeHeader = (header: RecordHeader, salt: number): Uint8Array => {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_U32, true);
  view.setUint8(4, KINDS.indexOf(header.kind));
  view.setUint8(5, VERSION);
  view.setUint32(8, header.epoch, true);
  view.setUint32(12, header.length, true);
  view.setFloat64(16, header.sequence, true);
  view.setFloat64(24, header.startMs, true);
  view.setFloat64(32, header.durationMs, true);
  view.setFloat64(40, header.byteStart, true);
  view.setUint32(48, header.crc, true);
  view.setUint32(52, header.hash, true);
  view.setUint32(56, header.durable, true);
  view.setUint32(60, crc32c(bytes.subarray(0, 60), salt), true);
  return bytes;
};

/** The header at the start of `bytes`, or null where none is. */
export const decodeHeader = (bytes: Uint8Array, salt: number): RecordHeader | null => {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC_U32) return null;
  if (view.getUint32(60, true) !== crc32c(bytes.subarray(0, 60), salt)) return null;
  const kind = KINDS[view.getUint8(4)];
  const length = view.getUint32(12, true);
  if (kind === undefined || view.getUint8(5) !== VERSION || length > MAX_PAYLOAD_BYTES) return null;
  return {
    kind,
    epoch: view.getUint32(8, true),
    length,
    sequence: view.getFloat64(16, true),
    startMs: view.getFloat64(24, true),
    durationMs: view.getFloat64(32, true),
    byteStart: view.getFloat64(40, true),
    crc: view.getUint32(48, true),
    hash: view.getUint32(52, true),
    durable: view.getUint32(56, true),
  };
};

/** Running sums of a session, at some point of its records. */
export type Totals = {
  epoch: number;
  lastSequence: number;
  byteEnd: number;
  chunks: number;
  /** sequence numbers declared lost */
  missing: number;
  durationMs: number;
  hash: number;
};
export const NO_TOTALS: Totals = { epoch: 0, lastSequence: 0, byteEnd: 0, chunks: 0, missing: 0, durationMs: 0, hash: 0 };

const TOTALS = ['epoch', 'lastSequence', 'byteEnd', 'chunks', 'missing', 'durationMs', 'hash'] as const;
export const TOTALS_BYTES = TOTALS.length * 8;

export const putTotals = (view: DataView, at: number, totals: Totals): void => {
  for (const [i, name] of TOTALS.entries()) view.setFloat64(at + i * 8, totals[name], true);
};
export const getTotals = (view: DataView, at: number): Totals => {
  const totals = { ...NO_TOTALS };
  for (const [i, name] of TOTALS.entries()) totals[name] = view.getFloat64(at + i * 8, true);
  return totals;
};

/** First record of every segment: what came before it, so that a segment can be read without the others. */
export type Head = { salt: number; index: number; before: Totals; sessionId: string };

export const encodeHead = (head: Head): Uint8Array => {
  const name = new TextEncoder().encode(head.sessionId);
  const bytes = new Uint8Array(8 + TOTALS_BYTES + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.salt, true);
  view.setUint32(4, head.index, true);
  putTotals(view, 8, head.before);
  bytes.set(name, 8 + TOTALS_BYTES);
  return bytes;
};

export const decodeHead = (bytes: Uint8Array): Head | null => {
  if (bytes.length < 8 + TOTALS_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    salt: view.getUint32(0, true),
    index: view.getUint32(4, true),
    before: getTotals(view, 8),
    sessionId: new TextDecoder().decode(bytes.subarray(8 + TOTALS_BYTES)),
  };
};

export const encodeGap = (gap: Gap): Uint8Array => {
  const reason = new TextEncoder().encode(gap.reason);
  const bytes = new Uint8Array(16 + reason.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, gap.toSequence, true);
  view.setFloat64(8, gap.endMs, true);
  bytes.set(reason, 16);
  return bytes;
};

export const decodeGap = (header: RecordHeader, payload: Uint8Array): Gap | null => {
  if (payload.length < 16) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, 16);
  return {
    fromSequence: header.sequence,
    toSequence: view.getFloat64(0, true),
    startMs: header.startMs,
    endMs: view.getFloat64(8, true),
    reason: new TextDecoder().decode(payload.subarray(16)),
  };
};

export const afterChunk = (totals: Totals, chunk: Pick<RecordHeader, 'epoch' | 'sequence' | 'startMs' | 'durationMs' | 'byteStart' | 'length' | 'hash'>): Totals => ({
  epoch: Math.max(totals.epoch, chunk.epoch),
  lastSequence: chunk.sequence,
  byteEnd: chunk.byteStart + chunk.length,
  chunks: totals.chunks + 1,
  missing: totals.missing,
  durationMs: Math.max(totals.durationMs, chunk.startMs + chunk.durationMs),
  hash: chunk.hash,
});

export const afterGap = (totals: Totals, gap: Gap, epoch: number): Totals => ({
  ...totals,
  epoch: Math.max(totals.epoch, epoch),
  lastSequence: gap.toSequence,
  missing: totals.missing + gap.toSequence - gap.fromSequence + 1,
  durationMs: Math.max(totals.durationMs, gap.endMs),
});
