// Memory of chunks between socket and disk, used again: a buffer allocated per chunk costs its pages anew each time, and V8
// collects its whole heap for every 64 MB of them.

export type FrameMemory = {
  /** A copy of `bytes` that is the caller's until released. */
  borrow(bytes: Uint8Array): Uint8Array;
  /** One holder more for the memory under `bytes`; it must be released as often. */
  hold(bytes: Uint8Array): void;
  /** The last holder gives the memory back: `bytes` must not be looked at afterwards. Who never releases leaves it to the garbage collector. */
  release(bytes: Uint8Array): void;
  /** Lets go of what was not used since the call before. */
  trim(): void;
  /** bytes that wait to be used again */
  readonly freeBytes: number;
};

/** Smaller frames are copied into memory of their own, and holding and releasing them does nothing. */
const SMALL_BYTES = 16 * 1024;
/** Sizes rise by a quarter of a power of two, so that frames of about one size use the same memory. */
const roundUp = (bytes: number): number => {
  const step = 2 ** Math.max(0, 29 - Math.clz32(bytes - 1));
  return Math.ceil(bytes / step) * step;
};
/** free buffers looked at for one that fits */
const LOOK_AT = 16;

/** `overwrite`: what is given back is overwritten, so that a test sees who still looks at it. */
export const createFrameMemory = ({ smallBytes = SMALL_BYTES, overwrite = false }: { smallBytes?: number; overwrite?: boolean } = {}): FrameMemory => {
  const holders = new WeakMap<ArrayBufferLike, number>();
  /** last used last */
  const free: ArrayBuffer[] = [];
  let freeBytes = 0;
  /** the least that was free since the last trim: nobody needed it */
  let unused = 0;

  /** At most half of it stays unused. */
  const fitting = (size: number): ArrayBuffer | null => {
    for (let at = free.length - 1; at >= Math.max(0, free.length - LOOK_AT); at--) {
      const { byteLength } = free[at]!; // within its length
      if (byteLength < size || byteLength > 2 * size) continue;
      freeBytes -= byteLength;
      unused = Math.min(unused, free.length - 1);
      return free.splice(at, 1)[0]!; // it was just looked at
    }
    return null;
  };

  return {
    borrow: (bytes) => {
      if (bytes.length < smallBytes) return Uint8Array.prototype.slice.call(bytes);
      const buffer = fitting(bytes.length) ?? new ArrayBuffer(roundUp(bytes.length));
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
      free.push(buffer);
      freeBytes += buffer.byteLength;
    },
    trim: () => {
      for (const { byteLength } of free.splice(0, unused)) freeBytes -= byteLength;
      unused = free.length;
    },
    get freeBytes() {
      return freeBytes;
    },
  };
};
