// Memory of chunks between socket and disk, used again: a buffer allocated per chunk costs its pages anew each time, and V8
// collects its whole heap for every 64 MB of them.

export type FrameMemory = {
  /** A copy of `bytes` that is the caller's until released. */
  borrow(bytes: Uint8Array): Uint8Array;
  /** One holder more for the memory under `bytes`; it must be released as often. */
  hold(bytes: Uint8Array): void;
  /** The last holder gives the memory back: `bytes` must not be looked at afterwards. Who never releases leaves it to the garbage collector. */
  release(bytes: Uint8Array): void;
  /** bytes that wait to be used again */
  readonly freeBytes: number;
};

/** Smaller frames are copied into memory of their own, and holding and releasing them does nothing. */
const SMALL_BYTES = 16 * 1024;
/** Sizes rise by a quarter of a power of two, so that at most a fifth is left unused. */
const roundUp = (bytes: number): number => {
  const step = 2 ** Math.max(0, 29 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
};

/** `overwrite`: what is given back is overwritten, so that a test sees who still looks at it. */
export const createFrameMemory = ({ maxFreeBytes, smallBytes = SMALL_BYTES, overwrite = false }: { maxFreeBytes: number; smallBytes?: number; overwrite?: boolean }): FrameMemory => {
  const holders = new WeakMap<ArrayBufferLike, number>();
  const free = new Map<number, ArrayBuffer[]>();
  let freeBytes = 0;

  return {
    borrow: (bytes) => {
      if (bytes.length < smallBytes) return Uint8Array.prototype.slice.call(bytes);
      const size = roundUp(bytes.length);
      const used = free.get(size)?.pop();
      if (used) freeBytes -= size;
      const buffer = used ?? new ArrayBuffer(size);
      holders.set(buffer, 1);
      const copy = new Uint8Array(buffer, 0, bytes.length);
      copy.set(bytes);
      return copy;
    },
    hold: ({ buffer }) => {
      const count = holders.get(buffer);
      if (count !== undefined) holders.set(buffer, count + 1);
    },
    release: ({ buffer }) => {
      const count = holders.get(buffer);
      if (count === undefined || !(buffer instanceof ArrayBuffer)) return;
      if (count > 1) return void holders.set(buffer, count - 1);
      holders.delete(buffer);
      if (overwrite) new Uint8Array(buffer).fill(0xdd);
      if (freeBytes + buffer.byteLength > maxFreeBytes) return;
      const others = free.get(buffer.byteLength);
      if (others) others.push(buffer);
      else free.set(buffer.byteLength, [buffer]);
      freeBytes += buffer.byteLength;
    },
    get freeBytes() {
      return freeBytes;
    },
  };
};
