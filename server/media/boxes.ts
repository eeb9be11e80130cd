// Boxes of ISO/IEC 14496-12: size, four-character type, body.
import { concat, malformed, text, viewOf } from './bytes.ts';

/** `size` counts the header; null = to the end of the file. */
export type BoxHeader = { type: string; size: number | null; length: number };

export const BOX_HEADER_BYTES = 16;

/** Null while the header is not all here. */
export const readBoxHeader = (bytes: Uint8Array, at = 0): BoxHeader | null => {
  if (bytes.length < at + 8) return null;
  const view = viewOf(bytes);
  const short = view.getUint32(at);
  const type = text(bytes.subarray(at + 4, at + 8));
  if (short === 0) return { type, size: null, length: 8 };
  if (short !== 1) {
    if (short < 8) throw malformed(`a box of ${short} bytes`);
    return { type, size: short, length: 8 };
  }
  if (bytes.length < at + 16) return null;
  const size = view.getUint32(at + 8) * 2 ** 32 + view.getUint32(at + 12);
  if (size < 16 || size > Number.MAX_SAFE_INTEGER) throw malformed(`a box of ${size} bytes`);
  return { type, size, length: 16 };
};

export type Box = { type: string; body: Uint8Array };

/** The boxes inside a body that is wholly here. */
export const boxes = function* (bytes: Uint8Array): Generator<Box> {
  let at = 0;
  while (bytes.length - at >= 8) {
    const header = readBoxHeader(bytes, at);
    const end = header ? (header.size === null ? bytes.length : at + header.size) : Infinity;
    if (!header || end > bytes.length) throw malformed('a box is longer than its parent');
    yield { type: header.type, body: bytes.subarray(at + header.length, end) };
    at = end;
  }
};

export const box = (bytes: Uint8Array, ...path: string[]): Uint8Array | undefined => {
  let body: Uint8Array | undefined = bytes;
  for (const type of path) {
    let found: Uint8Array | undefined;
    for (const inner of boxes(body)) if (inner.type === type && !found) found = inner.body;
    if (!found) return undefined;
    body = found;
  }
  return body;
};

/** Walks fields of a full box in order; a read beyond its end throws. */
export class Fields {
  readonly version: number;
  readonly flags: number;
  readonly #view: DataView;
  #at = 4;

  constructor(body: Uint8Array) {
    if (body.length < 4) throw malformed('a full box without version and flags');
    this.#view = viewOf(body);
    const first = this.#view.getUint32(0);
    this.version = first >>> 24;
    this.flags = first & 0xffffff;
  }

  left(): number {
    return this.#view.byteLength - this.#at;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** 64 bits; exact up to 2^53, which is 3,000 years of nanoseconds too few but any media time there is */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8)));
  }

  i64(): number {
    return Number(this.#view.getBigInt64(this.#take(8)));
  }

  #take(bytes: number): number {
    this.#at += bytes;
    if (this.#at > this.#view.byteLength) throw malformed('a box is too short for its fields');
    return this.#at - bytes;
  }
}

/** Big-endian; negative numbers as their two's complement. */
export const u32s = (values: ArrayLike<number>): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  const view = viewOf(bytes);
  for (let i = 0; i < values.length; i++) view.setUint32(4 * i, values[i]!); // i < length
  return bytes;
};
export const u32 = (...values: number[]): Uint8Array => u32s(values);

/** `bytes` count the header. */
export const boxHeader = (type: string, bytes: number): Uint8Array => {
  const name = new TextEncoder().encode(type);
  return bytes < 2 ** 32 ? concat([u32(bytes), name]) : concat([u32(1), name, u32(Math.floor(bytes / 2 ** 32), bytes % 2 ** 32)]);
};

export const makeBox = (type: string, ...parts: Uint8Array[]): Uint8Array => {
  const bytes = parts.reduce((total, part) => total + part.length, 0);
  return concat([boxHeader(type, bytes + 8), ...parts]);
};

export const fullBox = (type: string, version: number, flags: number, ...parts: Uint8Array[]): Uint8Array => makeBox(type, u32((version << 24) | flags), ...parts);
