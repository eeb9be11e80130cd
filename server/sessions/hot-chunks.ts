// The latest chunks of all sessions as they were made durable, so that a pipeline that keeps up costs no read: neither from
// disk nor of a checksum.
import { LRUCache } from 'lru-cache';
import type { FrameMemory } from './frame-memory.ts';

export type HotChunks = {
  put(key: string, bytes: Uint8Array): void;
  /** Held for the caller, who releases it. */
  take(key: string): Uint8Array | undefined;
  /** Nobody is expected to ask for it again. */
  drop(key: string): void;
  release(bytes: Uint8Array): void;
  readonly bytes: number;
};

export const createHotChunks = ({ maxBytes, memory }: { maxBytes: number; memory: FrameMemory }): HotChunks => {
  const chunks = new LRUCache<string, Uint8Array>({ maxSize: maxBytes, sizeCalculation: (bytes) => bytes.buffer.byteLength || 1, dispose: (bytes) => memory.release(bytes) });
  return {
    put: (key, bytes) => {
      // a small view would hold on to all of a big buffer
      if (bytes.buffer.byteLength > 2 * bytes.length || bytes.buffer.byteLength > maxBytes) return;
      memory.hold(bytes);
      chunks.set(key, bytes);
    },
    take: (key) => {
      const bytes = chunks.get(key);
      if (bytes !== undefined) memory.hold(bytes);
      return bytes;
    },
    drop: (key) => void chunks.delete(key),
    release: memory.release,
    get bytes() {
      return chunks.calculatedSize;
    },
  };
};
