// Rebuilds the index of a segment from its records (T2), reading it in windows: memory stays at a window, whatever the segment holds.
import type { Gap } from '../../shared/model.ts';
import { crc32c } from '../crc32c.ts';
import { afterChunk, afterGap, decodeGap, decodeHead, decodeHeader, HEADER_BYTES, MAGIC } from './record.ts';
import type { Head, RecordHeader, Totals } from './record.ts';
import { SegmentIndex } from './segment-index.ts';

/** A segment file, on this disk or in the object store. `own`: what it reads is the reader's alone. */
export type Source = { bytes: number; own?: true; read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> };

const WINDOW = 1024 * 1024;
/** a gap's reason or a head's session id is never longer */
const MAX_SMALL_PAYLOAD = 64 * 1024;

export type ScanOptions = {
  /** null: taken from the head record */
  salt: number | null;
  /** totals at the end of the segment before, in case the head record is damaged */
  before: Totals;
  /** `last`: only what was durable is proof, the rest of a damaged tail was never acknowledged. Otherwise all of it was durable. */
  last: boolean;
  /** where the next segment begins: later records here were abandoned by a failed write */
  until: Totals | null;
  /** check every payload now, not when it is read */
  verify: boolean;
};
export type Scan = { index: SegmentIndex; salt: number };

type Found = { at: number; end: number; header: RecordHeader; small: Uint8Array | null };

/** Random reads over a source through one window. */
const windowed = (source: Source): Source['read'] => {
  let from = 0;
  let held = new Uint8Array(0);
  return async (start, end, signal) => {
    const stop = Math.min(end, source.bytes);
    if (start < from || stop > from + held.length) {
      from = start;
      held = new Uint8Array(await source.read(start, Math.min(source.bytes, Math.max(stop, start + WINDOW)), signal));
    }
    return held.subarray(start - from, Math.max(start, stop) - from);
  };
};

const readHead = async (read: Source['read']): Promise<{ head: Head; end: number } | null> => {
  const header = decodeHeader(await read(0, HEADER_BYTES), 0);
  if (header === null || header.kind !== 'head' || header.length > MAX_SMALL_PAYLOAD) return null;
  const payload = await read(HEADER_BYTES, HEADER_BYTES + header.length);
  const head = crc32c(payload) === header.crc ? decodeHead(payload) : null;
  return head && { head, end: HEADER_BYTES + header.length };
};

/** The head record, which needs no salt; null when it is damaged. */
export const headOf = async (source: Source): Promise<Head | null> => (await readHead(windowed(source)))?.head ?? null;

export const scanSegment = async (source: Source, options: ScanOptions, signal?: AbortSignal): Promise<Scan> => {
  const read = windowed(source);
  const start = await readHead(read);
  const salt = options.salt ?? start?.head.salt ?? null;
  const index = new SegmentIndex(start?.head.before ?? options.before);
  if (salt === null) return { index, salt: 0 };

  const payloadHolds = async (header: RecordHeader, from: number): Promise<boolean> => {
    let crc = 0;
    for (let at = from; at < from + header.length; at += WINDOW) {
      crc = crc32c(await read(at, Math.min(at + WINDOW, from + header.length), signal), crc);
    }
    return crc === header.crc;
  };
  /** the record at `at`, if a whole and sound one is there */
  const recordAt = async (at: number): Promise<Found | null> => {
    const header = decodeHeader(await read(at, at + HEADER_BYTES, signal), salt);
    if (header === null || header.kind === 'head') return null;
    const from = at + HEADER_BYTES;
    const end = from + header.length;
    if (end > source.bytes) return null;
    const small = header.kind === 'gap' && header.length <= MAX_SMALL_PAYLOAD;
    if ((options.verify || small) && !(await payloadHolds(header, from))) return null;
    return { at, end, header, small: small ? (await read(from, end, signal)).slice() : null };
  };
  const search = async (from: number): Promise<Found | null> => {
    for (let at = from; at + HEADER_BYTES <= source.bytes; ) {
      const bytes = await read(at, at + WINDOW, signal);
      const hit = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(MAGIC);
      if (hit < 0) {
        at += bytes.length - MAGIC.length + 1;
        continue;
      }
      const found = await recordAt(at + hit);
      if (found !== null) return found;
      at += hit + 1;
    }
    return null;
  };
  /** how far the file is known to have been durable, by what later records say */
  const durableTo = async (from: number): Promise<number> => {
    if (!options.last) return Infinity;
    let durable = 0;
    for (let found = await search(from); found !== null; ) {
      durable = Math.max(durable, found.header.durable);
      found = (await recordAt(found.end)) ?? (await search(found.end));
    }
    return durable;
  };

  let totals = index.before;
  let at = start?.end ?? 0;
  let durable: number | null = null;
  const take = (found: Found, gap: Gap | null): void => {
    const { header } = found;
    const note = gap?.reason ?? '';
    const kind = gap === null ? 'chunk' : 'gap';
    index.push({ ...header, kind, sequenceTo: gap?.toSequence ?? header.sequence, filePosition: found.at, length: gap === null ? header.length : 0, note });
    totals = gap === null ? afterChunk(totals, header) : afterGap(totals, gap, header.epoch);
    index.after = totals;
    index.fileEnd = at = found.end;
  };
  /** what stood between the last sound record and `next` is damaged: it keeps its place in the byte stream, and is never served */
  const hole = (next: Pick<Totals, 'byteEnd' | 'lastSequence' | 'hash' | 'chunks' | 'missing'> & { startMs: number }): void => {
    if (next.lastSequence <= totals.lastSequence) return;
    const sequences = next.lastSequence - totals.lastSequence;
    index.push({
      kind: 'bad', sequence: totals.lastSequence + 1, sequenceTo: next.lastSequence, startMs: totals.durationMs,
      durationMs: Math.max(0, next.startMs - totals.durationMs), byteStart: totals.byteEnd, filePosition: at,
      length: next.byteEnd - totals.byteEnd, crc: 0, note: `records damaged on disk at ${at}`,
    });
    const lost = next.byteEnd > totals.byteEnd ? { chunks: totals.chunks + sequences } : { missing: totals.missing + sequences };
    totals = { ...totals, ...lost, byteEnd: next.byteEnd, lastSequence: next.lastSequence, hash: next.hash, durationMs: Math.max(totals.durationMs, next.startMs) };
    index.after = totals;
  };

  index.fileEnd = at;
  while (at < source.bytes) {
    signal?.throwIfAborted();
    let found = await recordAt(at);
    if (found === null) {
      durable ??= await durableTo(at + 1);
      found = at < durable ? await search(at + 1) : null;
      if (found === null) break;
    }
    const { header } = found;
    const gap = found.small === null ? null : decodeGap(header, found.small);
    if (options.until !== null && (gap?.toSequence ?? header.sequence) > options.until.lastSequence) break;
    if (header.sequence <= totals.lastSequence) {
      at = found.end; // cannot be told apart from a repeat
      continue;
    }
    hole({ ...totals, byteEnd: header.byteStart, lastSequence: header.sequence - 1, startMs: header.startMs });
    take(found, gap);
  }
  if (options.until !== null) hole({ ...options.until, startMs: options.until.durationMs });
  index.seal();
  return { index, salt };
};
