// Reads the index of a finished MP4 by itself and checks that it agrees with itself and with the file.
import assert from 'node:assert/strict';
import { box, boxes, Fields, readBoxHeader } from '../media/boxes.ts';
import { text } from '../media/bytes.ts';

export type PlainSample = { at: number; bytes: number; decode: number; present: number; duration: number; key: boolean };
/** times in ticks of `timescale`, durations of edits in ticks of the movie */
export type PlainTrack = { kind: string; timescale: number; samples: PlainSample[]; edits: { duration: number; mediaTime: number }[]; ticks: number; presentedTicks: number };
export type PlainMp4 = { order: string[]; movieScale: number; movieTicks: number; tracks: PlainTrack[] };

type Part = { type: string; from: number; to: number };

const topLevel = (file: Uint8Array): Part[] => {
  const parts: Part[] = [];
  for (let at = 0; at < file.length; ) {
    const header = readBoxHeader(file.subarray(at, at + 16));
    assert(header && header.size !== null && at + header.size <= file.length, `the box at ${at} does not end in the file`);
    parts.push({ type: header.type, from: at + header.length, to: at + header.size });
    at += header.size;
  }
  return parts;
};

const rows = (body: Uint8Array | undefined, width: number, before = 0): number[][] => {
  if (!body) return [];
  const field = new Fields(body);
  for (let i = 0; i < before; i += 1) field.u32();
  const count = field.u32();
  assert(field.left() === count * width * 4, `${count} rows in ${field.left()} bytes`);
  return Array.from({ length: count }, () => Array.from({ length: width }, () => field.u32()));
};
const spread = (runs: number[][]): number[] => runs.flatMap(([count = 0, value = 0]) => Array.from({ length: count }, () => value));

/** of mvhd, mdhd (0 words between) and tkhd (track id and a reserved word) */
const header = (body: Uint8Array | undefined, isTrack: boolean): { scale: number; ticks: number } => {
  assert(body);
  const field = new Fields(body);
  const time = (): number => (field.version === 1 ? field.u64() : field.u32());
  time();
  time();
  const scale = field.u32();
  if (isTrack) field.u32();
  return { scale, ticks: time() };
};

const editsOf = (elst: Uint8Array | undefined): PlainTrack['edits'] => {
  if (!elst) return [];
  const field = new Fields(elst);
  return Array.from({ length: field.u32() }, () => {
    const edit = field.version === 1 ? { duration: field.u64(), mediaTime: field.i64() } : { duration: field.u32(), mediaTime: field.i32() };
    assert.equal(field.u32(), 0x10000);
    return edit;
  });
};

const trackOf = (trak: Uint8Array, isMedia: (from: number, to: number) => boolean): PlainTrack => {
  const stbl = box(trak, 'mdia', 'minf', 'stbl');
  assert(stbl);
  const sizes = rows(box(stbl, 'stsz'), 1, 1).map(([bytes = 0]) => bytes);
  const durations = spread(rows(box(stbl, 'stts'), 2));
  const offsets = spread(rows(box(stbl, 'ctts'), 2)).map((offset) => offset | 0);
  const keys = new Set(rows(box(stbl, 'stss'), 1).map(([number = 0]) => number - 1));
  assert.equal(durations.length, sizes.length);
  assert(offsets.length === 0 || offsets.length === sizes.length);
  assert([...keys].every((key) => key < sizes.length));
  const chunks = box(stbl, 'stco') ? rows(box(stbl, 'stco'), 1).map(([at = 0]) => at) : rows(box(stbl, 'co64'), 2).map(([high = 0, low = 0]) => high * 2 ** 32 + low);
  const perChunk = rows(box(stbl, 'stsc'), 3);
  const samples: PlainSample[] = [];
  let decode = 0;
  for (const [i, chunk] of chunks.entries()) {
    let at = chunk;
    for (let left = perChunk.findLast(([first = 0]) => first <= i + 1)?.[1] ?? 0; left > 0; left -= 1) {
      const n = samples.length;
      const [bytes, duration] = [sizes[n] ?? Number.NaN, durations[n] ?? Number.NaN];
      assert(isMedia(at, at + bytes), `sample ${n} at ${at} of ${bytes} bytes is not in mdat`);
      samples.push({ at, bytes, decode, present: decode + (offsets[n] ?? 0), duration, key: keys.size === 0 || keys.has(n) });
      at += bytes;
      decode += duration;
    }
  }
  assert.equal(samples.length, sizes.length);
  const { scale, ticks } = header(box(trak, 'mdia', 'mdhd'), false);
  return { kind: text(box(trak, 'mdia', 'hdlr')?.subarray(8, 12) ?? new Uint8Array()), timescale: scale, samples, edits: editsOf(box(trak, 'edts', 'elst')), ticks, presentedTicks: header(box(trak, 'tkhd'), true).ticks };
};

/** Throws an `AssertionError` where a table disagrees with another, or a sample lies outside the media or where another lies. */
export const readPlainMp4 = (file: Uint8Array): PlainMp4 => {
  const parts = topLevel(file);
  const moov = parts.find(({ type }) => type === 'moov');
  assert(moov, 'no moov');
  const body = file.subarray(moov.from, moov.to);
  const media = parts.filter(({ type }) => type === 'mdat');
  const isMedia = (from: number, to: number): boolean => media.some((part) => from >= part.from && to <= part.to);
  const tracks = [...boxes(body)].filter(({ type }) => type === 'trak').map((trak) => trackOf(trak.body, isMedia));
  const filled = tracks.flatMap(({ samples }) => samples).filter(({ bytes }) => bytes > 0).toSorted((a, b) => a.at - b.at);
  for (const [i, { at }] of filled.entries()) assert(i === 0 || at >= filled[i - 1]!.at + filled[i - 1]!.bytes, `two samples at ${at}`);
  const { scale, ticks } = header(box(body, 'mvhd'), false);
  for (const track of tracks) {
    assert(track.presentedTicks <= ticks, 'a track is longer than the movie');
    if (track.edits.length > 0) assert.equal(track.edits.reduce((sum, { duration }) => sum + duration, 0), track.presentedTicks, 'edits and track header disagree');
  }
  return { order: parts.map(({ type }) => type), movieScale: scale, movieTicks: ticks, tracks };
};
