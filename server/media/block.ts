// A Matroska block: track, relative time, flags, and one or several laced frames (RFC 9559 §10).
import { malformed, viewOf } from './bytes.ts';
import { readVint } from './ebml.ts';

/** Longest block header: a track number of 8 bytes, a timestamp of 2, flags. */
export const BLOCK_HEADER_BYTES = 11;

export type BlockHeader = { track: number; /** in timestamp ticks, relative to the cluster */ time: number; key: boolean; lacing: number; length: number };

/** Null while the header is not all here. */
export const readBlockHeader = (bytes: Uint8Array): BlockHeader | null => {
  const track = readVint(bytes, 0);
  if (!track || bytes.length < track.length + 3) return null;
  const flags = bytes[track.length + 2] ?? 0;
  return { track: track.value, time: viewOf(bytes).getInt16(track.length), key: (flags & 0x80) !== 0, lacing: (flags >> 1) & 3, length: track.length + 3 };
};

const [XIPH, FIXED, EBML] = [1, 2, 3];

const xiphSizes = (bytes: Uint8Array, count: number, from: number): { sizes: number[]; at: number } => {
  const sizes: number[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    let size = 0;
    let byte = 255;
    while (byte === 255) {
      const next = bytes[at++];
      if (next === undefined) throw malformed('a laced block ends inside its sizes');
      byte = next;
      size += byte;
    }
    sizes.push(size);
  }
  return { sizes, at };
};

/** The first size is plain, the others are signed differences to the one before. */
const ebmlSizes = (bytes: Uint8Array, count: number, from: number): { sizes: number[]; at: number } => {
  const sizes: number[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const number = readVint(bytes, at);
    if (!number) throw malformed('a laced block ends inside its sizes');
    at += number.length;
    sizes.push(i === 0 ? number.value : (sizes[i - 1] ?? 0) + number.value - (2 ** (7 * number.length - 1) - 1));
  }
  return { sizes, at };
};

export type Frame = { offset: number; size: number };

/** Where the frames lie in a block that is wholly here; offsets count from the start of the block. */
export const readFrames = (block: Uint8Array, header: BlockHeader): Frame[] => {
  if (header.lacing === 0) return [{ offset: header.length, size: block.length - header.length }];
  const count = (block[header.length] ?? 0) + 1;
  const from = header.length + 1;
  if (from > block.length) throw malformed('a laced block without a frame count');
  const fixed = (block.length - from) / count;
  const { sizes, at } =
    header.lacing === XIPH ? xiphSizes(block, count - 1, from)
    : header.lacing === EBML ? ebmlSizes(block, count - 1, from)
    : { sizes: Array.from({ length: count - 1 }, () => fixed), at: from };
  if (header.lacing === FIXED && !Number.isInteger(fixed)) throw malformed(`${block.length - from} bytes cannot hold ${count} frames of one size`);
  const frames: Frame[] = [];
  let offset = at;
  for (const size of [...sizes, block.length - at - sizes.reduce((a, b) => a + b, 0)]) {
    if (size < 0 || offset + size > block.length) throw malformed('a laced block whose sizes do not add up');
    frames.push({ offset, size });
    offset += size;
  }
  return frames;
};
