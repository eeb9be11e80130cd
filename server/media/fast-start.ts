// Moves `moov` in front of the media, so that a player can start before it has the whole file, and ends the presentation where the
// clip ends. Streams from file to file: memory is the size of the index, not of the media.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MediaError } from '../errors.ts';
import { box, BOX_HEADER_BYTES, boxes, readBoxHeader } from './boxes.ts';
import { concat, EMPTY, malformed, viewOf } from './bytes.ts';

/** 10 million samples or so. */
const MAX_MOOV_BYTES = 256 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

const makeBox = (type: string, ...parts: Uint8Array[]): Uint8Array => {
  const body = concat(parts);
  const header = new Uint8Array(8);
  viewOf(header).setUint32(0, body.length + 8);
  header.set(new TextEncoder().encode(type), 4);
  return concat([header, body]);
};

const map = (body: Uint8Array, change: (type: string, body: Uint8Array) => Uint8Array): Uint8Array =>
  concat([...boxes(body)].map((inner) => makeBox(inner.type, change(inner.type, inner.body))));

/** mvhd and tkhd: the duration stands behind creation and modification time and 4 (mvhd) or 8 (tkhd) more bytes. */
const duration = (body: Uint8Array, between: 4 | 8): { ticks: number; set(ticks: number): Uint8Array } => {
  const long = body[0] === 1;
  const at = 4 + (long ? 16 : 8) + between;
  const copy = body.slice();
  const view = viewOf(copy);
  return {
    ticks: long ? Number(view.getBigUint64(at)) : view.getUint32(at),
    set: (ticks) => {
      if (long) view.setBigUint64(at, BigInt(ticks));
      else view.setUint32(at, ticks);
      return copy;
    },
  };
};

/** The last edit is shortened so that all edits together last `ticks`; a track without edits gets one. */
const editList = (edts: Uint8Array | undefined, ticks: number): Uint8Array => {
  const elst = edts && box(edts, 'elst');
  const copy = elst?.slice() ?? concat([Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1), new Uint8Array(8), Uint8Array.of(0, 1, 0, 0)]);
  const view = viewOf(copy);
  const long = copy[0] === 1;
  const count = view.getUint32(4);
  let left = ticks;
  for (let i = 0; i < count; i++) {
    const at = 8 + i * (long ? 20 : 12);
    if (i === count - 1) {
      if (long) view.setBigUint64(at, BigInt(Math.max(0, left)));
      else view.setUint32(at, Math.max(0, left));
    }
    left -= long ? Number(view.getBigUint64(at)) : view.getUint32(at);
  }
  return makeBox('elst', copy);
};

const shortenTrack = (trak: Uint8Array, ticks: number): Uint8Array => {
  const tkhd = box(trak, 'tkhd');
  if (!tkhd || duration(tkhd, 8).ticks <= ticks) return trak;
  const edts = makeBox('edts', editList(box(trak, 'edts'), ticks));
  const parts = [...boxes(trak)].flatMap(({ type, body }) =>
    type === 'tkhd' ? [makeBox('tkhd', duration(body, 8).set(ticks)), edts] : type === 'edts' ? [] : [makeBox(type, body)]);
  return concat(parts);
};

/** Nothing is presented after `presentedMs`: pictures behind it are there only because others refer to them. */
export const shorten = (moov: Uint8Array, presentedMs: number): Uint8Array => {
  const mvhd = box(moov, 'mvhd');
  if (!mvhd) throw malformed('moov without mvhd');
  const ticks = Math.round((presentedMs / 1000) * viewOf(mvhd).getUint32(mvhd[0] === 1 ? 20 : 12));
  return map(moov, (type, body) => {
    if (type === 'trak') return shortenTrack(body, ticks);
    if (type !== 'mvhd') return body;
    const whole = duration(body, 4);
    return whole.set(Math.min(whole.ticks, ticks));
  });
};

/** Adds `by` to every chunk offset; null where a 32-bit offset would overflow. */
export const moveChunks = (moov: Uint8Array, by: number): Uint8Array | null => {
  let overflow = false;
  const move = (type: string, body: Uint8Array): Uint8Array => {
    if (type === 'trak' || type === 'mdia' || type === 'minf' || type === 'stbl') return map(body, move);
    if (type !== 'stco' && type !== 'co64') return body;
    const copy = body.slice();
    const view = viewOf(copy);
    for (let i = 0; i < view.getUint32(4); i++) {
      if (type === 'co64') {
        view.setBigUint64(8 + 8 * i, view.getBigUint64(8 + 8 * i) + BigInt(by));
        continue;
      }
      const moved = view.getUint32(8 + 4 * i) + by;
      overflow ||= moved >= 2 ** 32;
      view.setUint32(8 + 4 * i, moved >>> 0);
    }
    return copy;
  };
  const moved = map(moov, move);
  return overflow ? null : moved;
};

const readAt = async (file: FileHandle, at: number, length: number): Promise<Uint8Array> => {
  const { buffer, bytesRead } = await file.read({ buffer: new Uint8Array(length), position: at, length });
  return buffer.subarray(0, bytesRead);
};

type Part = { type: string; at: number; size: number; header: number };

const topLevel = async (file: FileHandle): Promise<Part[]> => {
  const parts: Part[] = [];
  for (let at = 0; ; ) {
    const header = readBoxHeader(await readAt(file, at, BOX_HEADER_BYTES));
    if (!header) return parts;
    if (header.size === null) throw malformed('an open box in a finished file', at);
    parts.push({ type: header.type, at, size: header.size, header: header.length });
    at += header.size;
  }
};

/**
 * Copies `from` (media first, index last) to `to` (index first). The presentation ends at `presentedMs`, or with the media before.
 * An index whose 32-bit offsets would overflow by the move stays at the end.
 */
export const fastStart = async (from: string, to: string, presentedMs: number): Promise<void> => {
  const [source, target] = [await open(from, 'r'), await open(to, 'w')];
  try {
    const parts = await topLevel(source);
    const moov = parts.find((part) => part.type === 'moov');
    const ftyp = parts.find((part) => part.type === 'ftyp');
    if (!moov || !ftyp) throw malformed('a finished MP4 without ftyp and moov');
    if (moov.size > MAX_MOOV_BYTES) throw new MediaError('limit', `an index of ${moov.size} bytes (at most ${MAX_MOOV_BYTES})`);
    const body = (await readAt(source, moov.at, moov.size)).subarray(moov.header);
    const index = shorten(body, presentedMs);
    const moved = moveChunks(index, index.length + 8);
    const media = parts.filter((part) => part !== moov && part !== ftyp);
    await target.writeFile(await readAt(source, ftyp.at, ftyp.size));
    if (moved) await target.writeFile(makeBox('moov', moved));
    const piece = new Uint8Array(COPY_BYTES);
    for (const part of media) {
      for (let at = part.at; at < part.at + part.size; ) {
        const { bytesRead } = await source.read({ buffer: piece, position: at, length: Math.min(COPY_BYTES, part.at + part.size - at) });
        if (bytesRead === 0) throw malformed('a finished MP4 shorter than its boxes', at);
        await target.writeFile(piece.subarray(0, bytesRead));
        at += bytesRead;
      }
    }
    await target.writeFile(moved ? EMPTY : makeBox('moov', index));
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
};
