// Media as damaged or hostile recorders send it: real recordings whose boxes and EBML elements were resized, renamed, moved,
// doubled, nested, emptied or filled with extremes, while most of what is around them stays right.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { liveMedia } from '../../../scripts/live-media.ts';
import { readBoxHeader } from '../../media/boxes.ts';
import { ID, readElementHeader } from '../../media/ebml.ts';
import { testdata } from '../test-media.ts';
import type { Chance } from './chance.ts';

export type Base = { name: string; mime: string; container: 'webm' | 'mp4'; bytes: Uint8Array; parts: Part[] };
/** An element or box: [start, end) with its header, inside `parents` (indices into the same list). */
type Part = { start: number; bodyStart: number; end: number; sizeAt: number; sizeLength: number; name: string; parents: number[]; open: boolean };

const DEMO = join(import.meta.dirname, '../../../scripts/demo.mp4');
/** enough for some seconds and many elements */
const BASE_BYTES = 160_000;
const LIVE_FILES = ['webm-live/chrome52.webm', 'webm-live/firefox53.webm', 'video/edge/trim-buck-bunny.webm', 'video/edge/frames.webm', 'video/edge/testsrc.mkv', 'video/edge/webvtt.mkv', 'video/edge/ac3.mkv', 'video/edge/annex-b-avc.mkv', 'video/edge/frag-buck-bunny.mp4'];
const REMUXED = ['video/auto-editor-example.mp4', 'video/edge/broken-keyframes.mp4'];

const MASTERS = new Set<number>([ID.ebml, ID.segment, ID.tracks, ID.trackEntry, ID.video, ID.audio, ID.cluster, ID.blockGroup, ID.contentEncodings, ID.contentEncoding, ID.contentCompression, ID.info]);
/** box → bytes before its children */
const CONTAINERS: Record<string, number> = { moov: 0, trak: 0, mdia: 0, minf: 0, stbl: 0, mvex: 0, moof: 0, traf: 0, edts: 0, dinf: 0, stsd: 8, avc1: 78, hvc1: 78, mp4a: 28, Opus: 28 };

const ebmlParts = (bytes: Uint8Array, from: number, to: number, parents: number[], out: Part[]): number => {
  let at = from;
  while (at < to) {
    let header: ReturnType<typeof readElementHeader> = null;
    try {
      header = readElementHeader(bytes, at);
    } catch {
      return at; // the base was cut here
    }
    if (!header) return at;
    if (parents.length > 1 && (header.id === ID.cluster || header.id === ID.segment)) return at; // ends an open cluster
    const bodyStart = at + header.length;
    const open = header.size === null;
    let end = Math.min(to, open ? to : bodyStart + (header.size ?? 0));
    const idLength = Math.clz32(bytes[at] ?? 0) - 23;
    const part: Part = { start: at, bodyStart, end, sizeAt: at + idLength, sizeLength: header.length - idLength, name: header.id.toString(16), parents, open };
    const index = out.push(part) - 1;
    if (MASTERS.has(header.id)) {
      const reached = ebmlParts(bytes, bodyStart, end, [...parents, index], out);
      if (open) end = part.end = reached;
    }
    at = Math.max(end, at + 1);
  }
  return at;
};

const boxParts = (bytes: Uint8Array, from: number, to: number, parents: number[], out: Part[]): void => {
  for (let at = from; at + 8 <= to; ) {
    let header: ReturnType<typeof readBoxHeader> = null;
    try {
      header = readBoxHeader(bytes, at);
    } catch {
      return;
    }
    if (!header) return;
    const end = Math.min(to, header.size === null ? to : at + header.size);
    const bodyStart = at + header.length;
    const index = out.push({ start: at, bodyStart, end, sizeAt: at, sizeLength: 4, name: header.type, parents, open: false }) - 1;
    const inner = CONTAINERS[header.type];
    if (inner !== undefined) boxParts(bytes, bodyStart + inner, end, [...parents, index], out);
    at = end;
  }
};

const baseOf = (name: string, mime: string, whole: Uint8Array): Base => {
  const bytes = Uint8Array.from(whole.subarray(0, BASE_BYTES));
  const container = bytes[0] === 0x1a ? 'webm' : 'mp4';
  const parts: Part[] = [];
  if (container === 'webm') ebmlParts(bytes, 0, bytes.length, [], parts);
  else boxParts(bytes, 0, bytes.length, [], parts);
  return { name, mime, container, bytes, parts };
};

const remuxed = async (file: string): Promise<Base> => {
  const { mime, chunks } = await liveMedia(file, { slice: 'gop' });
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const { bytes } of chunks) if (length < BASE_BYTES) length += pieces.push(bytes) && bytes.length;
  return baseOf(file.split('/').at(-1) ?? file, mime, Buffer.concat(pieces));
};

/** What is mutated; only the demo where the test set is absent. */
export const mediaBases = async (): Promise<Base[]> => {
  const root = testdata;
  const own = [await remuxed(DEMO)];
  if (root === null) return own;
  const there = (name: string): boolean => existsSync(join(root, name));
  const live = LIVE_FILES.filter(there).map((name) => baseOf(name.split('/').at(-1) ?? name, name.endsWith('.mp4') ? 'video/mp4' : 'video/webm', readFileSync(join(root, name))));
  return [...own, ...live, ...(await Promise.all(REMUXED.filter(there).map((name) => remuxed(join(root, name)))))];
};

const U32 = [0, 1, 7, 8, 15, 16, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

const sizeBytes = (chance: Chance, { container }: Base, part: Part): Uint8Array => {
  const size = part.end - part.bodyStart;
  const value = chance.pick([0, 1, size - 1, size + 1, size * 2, Math.floor(size / 2), size + chance.below(300), 0x7fff_ffff, 0xffff_ffff]);
  if (container === 'mp4') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE((chance.often(0.3) ? chance.pick(U32) : Math.max(0, value + 8)) >>> 0);
    return bytes;
  }
  const { sizeLength: length } = part;
  if (chance.often(0.25)) return new Uint8Array(length).fill(0xff, 1).fill(0xff >> (length - 1), 0, 1); // unknown
  if (chance.often(0.1)) return chance.bytes(length);
  const bytes = new Uint8Array(length);
  let rest = Math.max(0, value);
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  bytes[0] = (bytes[0]! & (0xff >> length)) | (0x80 >> (length - 1)); // length is at least 1
  return bytes;
};

type Edit = { at: number; remove: number; insert: Uint8Array; parents: readonly number[] };

const editOf = (chance: Chance, base: Base, others: readonly Base[]): Edit => {
  const { bytes, parts } = base;
  // Payloads of blocks are most of the elements and the least of the grammar: the rest is picked twice as often.
  const heads = parts.filter(({ parents, end, start }) => parents.length < 2 || end - start < 200);
  const part = chance.pick(chance.often(0.6) && heads.length > 0 ? heads : parts);
  const { start, bodyStart, end, parents } = part;
  const whole = bytes.subarray(start, end);
  const nothing = new Uint8Array(0);
  switch (chance.below(13)) {
    case 0: case 1: return { at: part.sizeAt, remove: part.sizeLength, insert: sizeBytes(chance, base, part), parents: [] };
    case 2: { // another name
      const at = base.container === 'mp4' ? start + 4 : start;
      const length = base.container === 'mp4' ? 4 : part.sizeAt - start;
      const other = chance.pick(parts);
      const insert = chance.often(0.5) ? chance.bytes(length) : bytes.slice(base.container === 'mp4' ? other.start + 4 : other.start, base.container === 'mp4' ? other.start + 8 : other.sizeAt);
      return { at, remove: length, insert, parents };
    }
    case 3: return { at: start, remove: end - start, insert: nothing, parents };
    case 4: return { at: end, remove: 0, insert: whole, parents };
    case 5: { // moved in front of another
      const to = chance.pick(parts);
      return { at: to.start, remove: 0, insert: whole, parents: to.parents };
    }
    case 6: { // inside itself, several times
      const once = bytes.slice(start, Math.min(end, start + 2_000));
      return { at: bodyStart, remove: 0, insert: Buffer.concat(Array.from({ length: 1 + chance.below(12) }, () => once)), parents: chance.often(0.5) ? parents : [] };
    }
    case 7: { // from another recording
      const other = chance.pick(others);
      const from = chance.pick(other.parts);
      return { at: chance.often(0.5) ? start : end, remove: 0, insert: other.bytes.subarray(from.start, Math.min(from.end, from.start + 40_000)), parents };
    }
    case 8: case 9: { // extremes in the body: block headers and lacing, times, counts, codec configuration
      const insert = Uint8Array.from(bytes.subarray(bodyStart, Math.min(end, bodyStart + 64)));
      for (let changes = 1 + chance.below(4); changes > 0 && insert.length > 0; changes -= 1) {
        const at = chance.below(insert.length);
        if (chance.often(0.5)) insert[at] = chance.pick([0, 1, 2, 4, 6, 0x7f, 0x80, 0xff, chance.below(256)]);
        else if (insert.length >= 4) new DataView(insert.buffer).setUint32(Math.min(insert.length - 4, at & ~3), chance.pick(U32));
      }
      return { at: bodyStart, remove: insert.length, insert, parents: [] };
    }
    case 10: return { at: bodyStart + chance.below(Math.max(1, end - bodyStart)), remove: bytes.length, insert: nothing, parents: [] }; // cut off
    case 11: { // bytes lost or put in
      const at = start + chance.below(Math.max(1, end - start));
      return { at, remove: chance.below(50), insert: chance.bytes(chance.below(50)), parents: [] };
    }
    default: return { at: bodyStart, remove: end - bodyStart, insert: chance.pick([nothing, new Uint8Array(end - bodyStart), chance.bytes(Math.min(300, end - bodyStart))]), parents };
  }
};

const resize = (out: Buffer, { container }: Base, { sizeAt, sizeLength, open }: Part, by: number): void => {
  if (open || by === 0) return;
  if (container === 'mp4') return void out.writeUInt32BE((out.readUInt32BE(sizeAt) + by) >>> 0, sizeAt);
  const header = readElementHeader(out, sizeAt - 1) === null ? null : out.subarray(sizeAt, sizeAt + sizeLength);
  if (header === null) return;
  let carry = by;
  for (let at = sizeLength - 1; at >= 0 && carry !== 0; at -= 1) {
    const value = header[at]! + carry; // inside the header
    header[at] = value & 0xff;
    carry = Math.floor(value / 256);
  }
};

/** One to three edits; in half of them the sizes around the edit are put right again, so that what lies deeper is reached. */
export const hostileMedia = (chance: Chance, bases: readonly Base[]): { base: Base; bytes: Uint8Array } => {
  const base = chance.pick(bases);
  let out = Buffer.from(base.bytes);
  // from the back, so that earlier places stay where they are
  const edits = Array.from({ length: 1 + chance.below(3) }, () => editOf(chance, base, bases)).toSorted((a, b) => b.at - a.at);
  for (const { at, remove, insert, parents } of edits) {
    const removed = Math.min(remove, Math.max(0, out.length - at));
    out = Buffer.concat([out.subarray(0, at), insert, out.subarray(at + removed)]);
    if (chance.often(0.5)) for (const parent of parents) {
      const part = base.parts[parent];
      if (part && part.sizeAt + 8 < out.length) {
        try {
          resize(out, base, part, insert.length - removed);
        } catch {
          // an edit before it has taken the header: it stays as it is
        }
      }
    }
  }
  return { base, bytes: out };
};
