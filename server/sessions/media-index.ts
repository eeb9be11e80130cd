// The container's structure as the decode stage found it: initialisations, fragments, keyframes. An append-only sidecar of the
// timeline, never synced on the hot path: after a power cut it may end early, and decoding again from `indexedTo` fills it.
// File: records of kind u8 · length u32 · crc32c u32 (over kind, length, payload) · payload, little-endian.
import { join } from 'node:path';
import { AppendFile } from './append-file.ts';
import { crc32c } from '../../shared/crc32c.ts';
import type { DiskFile, FileSystem } from './file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import type { Log } from './segment-table.ts';
import { SortedTable } from './sorted-table.ts';

const FILE = 'media.index';
const HEAD = 9;
/** an initialisation above it is refused, and one found in the file is damage */
const MAX_PAYLOAD = 16 * 1024 * 1024;
const KINDS = ['init', 'fragments', 'keyframes'] as const;
type Kind = (typeof KINDS)[number];

/** One initialisation and what follows it, up to the next. Container time + `offsetMs` = session time. */
export type Part = { part: number; byteStart: number; byteEnd: number; offsetMs: number; bytes: Uint8Array };
/** A cluster or moof, in session time. */
export type Fragment = { byteStart: number; startMs: number; part: number };
export type Keyframe = { timeMs: number; fragmentByteStart: number };

export type MediaIndex = Awaited<ReturnType<typeof createMediaIndex>>;

const numbers = (rows: number[][]): Uint8Array => new Uint8Array(new Float64Array(rows.flat()).buffer);
const rowsOf = (payload: Uint8Array, columns: number): number[][] => {
  const cells = new Float64Array(payload.slice().buffer, 0, payload.length >> 3);
  return Array.from({ length: Math.floor(cells.length / columns) }, (_, i) => [...cells.subarray(i * columns, (i + 1) * columns)]);
};

const encode = (kind: Kind, payload: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(HEAD + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = KINDS.indexOf(kind);
  view.setUint32(1, payload.length, true);
  bytes.set(payload, HEAD);
  view.setUint32(5, crc32c(payload, crc32c(bytes.subarray(0, 5))), true);
  return bytes;
};

/** Sound records from the front; `end` is where they stop. */
const decode = (file: Uint8Array, take: (kind: Kind, payload: Uint8Array) => void): number => {
  let at = 0;
  while (at + HEAD <= file.length) {
    const view = new DataView(file.buffer, file.byteOffset + at, HEAD);
    const length = view.getUint32(1, true);
    const kind = KINDS[view.getUint8(0)];
    const payload = file.subarray(at + HEAD, at + HEAD + length);
    if (kind === undefined || length > MAX_PAYLOAD || payload.length < length) break;
    if (view.getUint32(5, true) !== crc32c(payload, crc32c(file.subarray(at, at + 5)))) break;
    take(kind, payload);
    at += HEAD + length;
  }
  return at;
};

export const createMediaIndex = async ({ dir, log, fs = nodeFileSystem }: { dir: string; log: Log; fs?: FileSystem }) => {
  const path = join(dir, FILE);
  const parts: Part[] = [];
  const fragments = new SortedTable(3); // byteStart, part, startMs
  const fragmentTimes = new SortedTable(2); // startMs, byteStart
  const keyframes = new SortedTable(2); // timeMs, fragmentByteStart
  let durationMs = 0;

  const takePart = (part: Part): boolean => {
    if (parts.some((known) => known.byteStart === part.byteStart)) return false;
    parts.push(part);
    parts.sort((a, b) => a.byteStart - b.byteStart);
    return true;
  };
  const takeFragment = ([byteStart = 0, part = 0, startMs = 0]: number[]): boolean => {
    const at = fragments.lastAtMost(byteStart);
    if (at >= 0 && fragments.cell(at, 0) === byteStart) return false;
    fragments.insert([byteStart, part, startMs]);
    fragmentTimes.insert([startMs, byteStart]);
    durationMs = Math.max(durationMs, startMs);
    return true;
  };
  const takeKeyframe = (row: number[]): boolean => {
    durationMs = Math.max(durationMs, row[0] ?? 0);
    return keyframes.insert(row);
  };
  const load = (kind: Kind, payload: Uint8Array): void => {
    switch (kind) {
      case 'init': {
        const [[part = 0, byteStart = 0, byteEnd = 0, offsetMs = 0] = []] = rowsOf(payload.subarray(0, 32), 4);
        takePart({ part, byteStart, byteEnd, offsetMs, bytes: payload.slice(32) });
        break;
      }
      case 'fragments':
        rowsOf(payload, 3).forEach(takeFragment);
        break;
      case 'keyframes':
        rowsOf(payload, 2).forEach(takeKeyframe);
        break;
      default:
        kind satisfies never;
    }
  };

  const read = async (): Promise<number> => {
    if ((await fs.sizeOf(path)) === null) return 0;
    const file = await fs.open(path, 'update');
    try {
      const stored = new Uint8Array(await file.size());
      const end = decode(stored.subarray(0, await file.pread(stored, 0)), load);
      if (end < stored.length) {
        await file.truncate(end);
        log.warn({ path, cut: stored.length - end }, 'torn tail of the media index cut off; decoding again fills it');
      }
      return end;
    } finally {
      await file.close();
    }
  };
  const open = async (): Promise<DiskFile> => {
    await fs.makeDir(dir);
    return fs.open(path, 'update');
  };
  const appended = new AppendFile({ path, open, syncName: () => fs.syncDir(dir), end: await read(), log });
  const append = (kind: Kind, payload: Uint8Array): void => {
    if (payload.length > 0) appended.append(encode(kind, payload));
  };

  return {
    /** Repeats (same `byteStart`) change nothing, here and below. */
    addInit: (part: Part): void => {
      if (part.bytes.length > MAX_PAYLOAD - 32) throw new Error(`an initialisation of ${part.bytes.length} bytes at ${part.byteStart} is over ${MAX_PAYLOAD}; the walker must refuse it`);
      const own = { ...part, bytes: part.bytes.slice() };
      if (takePart(own)) append('init', new Uint8Array(Buffer.concat([numbers([[part.part, part.byteStart, part.byteEnd, part.offsetMs]]), own.bytes])));
    },
    addFragments: (added: Fragment[]): void => append('fragments', numbers(added.map(({ byteStart, part, startMs }) => [byteStart, part, startMs]).filter(takeFragment))),
    addKeyframes: (added: Keyframe[]): void => append('keyframes', numbers(added.map(({ timeMs, fragmentByteStart }) => [timeMs, fragmentByteStart]).filter(takeKeyframe))),
    /** The last fragment that begins at or before `ms`; null before the first. */
    fragmentAt: (ms: number): Fragment | null => {
      const at = fragmentTimes.lastAtMost(ms);
      if (at < 0) return null;
      const byteStart = fragmentTimes.cell(at, 1);
      return { byteStart, startMs: fragmentTimes.cell(at, 0), part: fragments.cell(fragments.lastAtMost(byteStart), 1) };
    },
    /** The fragment that begins after this byte; null when it is the last. */
    fragmentAfter: (byte: number): Fragment | null => {
      const at = fragments.lastAtMost(byte) + 1;
      return at >= fragments.count ? null : { byteStart: fragments.cell(at, 0), part: fragments.cell(at, 1), startMs: fragments.cell(at, 2) };
    },
    keyframeBefore: (ms: number): Keyframe | null => {
      const at = keyframes.lastAtMost(ms);
      return at < 0 ? null : { timeMs: keyframes.cell(at, 0), fragmentByteStart: keyframes.cell(at, 1) };
    },
    /** by `byteStart` */
    parts: (): readonly Part[] => parts,
    /** begin of the last fragment known: decode from here to complete the index */
    indexedTo: (): number => (fragments.count === 0 ? 0 : fragments.cell(fragments.count - 1, 0)),
    /** latest time known: start of the last fragment or keyframe */
    get durationMs(): number {
      return durationMs;
    },
    get byteLength(): number {
      return fragments.byteLength + fragmentTimes.byteLength + keyframes.byteLength + parts.reduce((sum, part) => sum + part.bytes.length, 0);
    },
    /** Everything added is in the file and synced; save a cursor after it. Throws while the disk fails; what waits is kept. */
    flush: (): Promise<void> => appended.flush(),
    /** Nothing is added for a while: its file is closed until then. */
    rest: (): Promise<void> => appended.rest(),
    close: (): Promise<void> => appended.close(),
  };
};
