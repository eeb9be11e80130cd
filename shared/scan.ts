// Walks msgpack bytes by the format's own lengths before anything is decoded, because a decoder allocates what a length
// declares and builds whatever an extension asks for. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
import { FrameError } from './frame-error.ts';

export type ScanLimits = {
  maxBytes: number;
  /** containers inside containers, the top-level map included */
  maxDepth: number;
  /** keys and values of the whole frame */
  maxItems: number;
  maxStringBytes: number;
  maxBinBytes: number;
};

const bad = (at: number, what: string): FrameError =>
  new FrameError('bad_frame', `byte ${at} of the frame: ${what}; send one msgpack map of plain values (no extension types, no records)`);
const large = (what: string, value: number, limit: number): FrameError =>
  new FrameError('too_large', `${what} is ${value}, the limit is ${limit}; send it in smaller pieces`);

const isString = (type: number): boolean => (type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb);
const isMap = (type: number): boolean => (type >= 0x80 && type <= 0x8f) || type === 0xde || type === 0xdf;

/**
 * Passes exactly one map with string keys, of nil, booleans, finite numbers within ±2^53, strings, binaries, arrays and
 * maps, all within `limits` and with nothing behind it. Anything else throws FrameError. Allocates `maxDepth` numbers.
 */
export const scan = (bytes: Uint8Array, limits: ScanLimits): void => {
  const size = bytes.length;
  if (size > limits.maxBytes) throw large('the frame in bytes', size, limits.maxBytes);
  if (size === 0 || !isMap(bytes[0]!)) throw bad(0, size === 0 ? 'nothing' : `type 0x${bytes[0]!.toString(16)} instead of a map`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const left: number[] = []; // values still to come, per open container
  const keyed: boolean[] = []; // whether that container is a map
  let at = 0;
  let items = 0;

  const need = (length: number): void => {
    if (length > size - at) throw bad(at, `${length} more bytes declared, ${size - at} there`);
  };
  /** steps over `length` bytes and says where they begin */
  const take = (length: number): number => {
    need(length);
    at += length;
    return at - length;
  };
  const payload = (head: 1 | 2 | 4): number =>
    head === 1 ? view.getUint8(take(1)) : head === 2 ? view.getUint16(take(2)) : view.getUint32(take(4));
  const skip = (what: string, length: number, limit: number): void => {
    if (length > limit) throw large(`${what} at byte ${at} in bytes`, length, limit);
    take(length);
  };
  const open = (count: number, map: boolean): void => {
    const values = map ? count * 2 : count;
    if (items + values > limits.maxItems) throw large(`the number of items at byte ${at}`, items + values, limits.maxItems);
    need(values); // every value takes at least one byte
    if (left.length >= limits.maxDepth) throw large(`the depth at byte ${at}`, left.length + 1, limits.maxDepth);
    items += values;
    left.push(values);
    keyed.push(map);
  };
  const whole = (value: bigint): void => {
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) throw bad(at - 8, `the integer ${value} is beyond 2^53`);
  };
  const finite = (value: number): void => {
    if (!Number.isFinite(value)) throw bad(at, `${value} is not a finite number`);
  };

  const close = (): void => {
    while (left.at(-1) === 0) {
      left.pop();
      keyed.pop();
    }
  };

  const first = view.getUint8(take(1));
  open(first <= 0x8f ? first & 0x0f : payload(first === 0xde ? 2 : 4), true);
  for (close(); left.length > 0; close()) {
    const type = view.getUint8(take(1));
    const top = left.length - 1;
    const remaining = left[top]!; // the loop runs while a container is open
    if (keyed[top] && remaining % 2 === 0 && !isString(type)) throw bad(at - 1, `a map key of type 0x${type.toString(16)}`);
    left[top] = remaining - 1;
    if (type <= 0x7f || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) continue;
    if (type <= 0x8f) open(type & 0x0f, true);
    else if (type <= 0x9f) open(type & 0x0f, false);
    else if (type <= 0xbf) skip('a string', type & 0x1f, limits.maxStringBytes);
    else if (type >= 0xc4 && type <= 0xc6) skip('a binary', payload(type === 0xc4 ? 1 : type === 0xc5 ? 2 : 4), limits.maxBinBytes);
    else if (type >= 0xd9 && type <= 0xdb) skip('a string', payload(type === 0xd9 ? 1 : type === 0xda ? 2 : 4), limits.maxStringBytes);
    else if (type === 0xdc || type === 0xdd) open(payload(type === 0xdc ? 2 : 4), false);
    else if (type === 0xde || type === 0xdf) open(payload(type === 0xde ? 2 : 4), true);
    else if (type === 0xca) finite(view.getFloat32(take(4)));
    else if (type === 0xcb) finite(view.getFloat64(take(8)));
    else if (type === 0xcc || type === 0xd0) take(1);
    else if (type === 0xcd || type === 0xd1) take(2);
    else if (type === 0xce || type === 0xd2) take(4);
    else if (type === 0xcf) whole(view.getBigUint64(take(8)));
    else if (type === 0xd3) whole(view.getBigInt64(take(8)));
    else throw bad(at - 1, `type 0x${type.toString(16)} is not allowed`);
  }
  if (at !== size) throw bad(at, `${size - at} bytes after the end of the map`);
};
