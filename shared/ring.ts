// Where a recording keeps chunks until they are acknowledged (P4). Memory here; the extension puts IndexedDB behind the
// same port. What to keep and for how long is the outbox's business.

export type ChunkMeta = { seq: number; crc: number; startMs: number; durationMs: number; size: number };
type Maybe<T> = T | Promise<T>;

export type Ring = {
  /** What an earlier run of the same recording left: all ≤ `through` is settled. Empty for a new recording. */
  load(): Maybe<{ through: number; hash: number; chunks: (ChunkMeta & { held: boolean })[] }>;
  put(chunk: ChunkMeta, bytes: Uint8Array): Maybe<void>;
  /** null: no longer held */
  read(seq: number): Maybe<Uint8Array | null>;
  /** forgets the bytes, keeps the meta until `release` */
  drop(seq: number): Maybe<void>;
  /** all ≤ `through` is stored or declared lost; `hash` is the rolling hash up to there */
  release(through: number, hash: number): Maybe<void>;
};

export const memoryRing = (): Ring => {
  const held = new Map<number, Uint8Array>(); // in order of sequence, as Map keeps insertion order
  return {
    load: () => ({ through: 0, hash: 0, chunks: [] }),
    put: ({ seq }, bytes) => void held.set(seq, bytes),
    read: (seq) => held.get(seq) ?? null,
    drop: (seq) => void held.delete(seq),
    release: (through) => {
      for (const seq of held.keys()) {
        if (seq > through) break;
        held.delete(seq);
      }
    },
  };
};
