// What every ring keeps to (shared/ring.ts); `lasting` ones also through the end of the process that wrote them.
import { describe, expect, it } from 'vitest';
import type { ChunkMeta, Ring } from '../ring.ts';

export const chunkOf = (seq: number, size = 1000): { meta: ChunkMeta; bytes: Uint8Array } => ({
  meta: { seq, crc: seq * 7, startMs: (seq - 1) * 2000, durationMs: 2000, size },
  bytes: Uint8Array.from({ length: size }, (_, index) => (seq * 31 + index * 7) & 255),
});

/** `fresh`: the ring of a new recording. `reopen`: the same recording's ring, as a later process finds it. */
export type RingFixture = { fresh(): Promise<Ring>; reopen: ((ring: Ring) => Promise<Ring>) | null };

export const ringContract = (name: string, { fresh, reopen }: RingFixture): void => {
  const filled = async (count: number): Promise<Ring> => {
    const ring = await fresh();
    await ring.load();
    for (let seq = 1; seq <= count; seq++) await ring.put(chunkOf(seq).meta, chunkOf(seq).bytes);
    return ring;
  };

  describe(`ring: ${name}`, () => {
    it('[RG1] is empty for a new recording', async () => {
      expect(await (await fresh()).load()).toEqual({ through: 0, hash: 0, chunks: [] });
    });

    it('[RG2] gives back what was put, byte for byte, and null for what was not', async () => {
      const ring = await filled(3);
      for (const seq of [2, 3, 1]) expect(await ring.read(seq)).toEqual(chunkOf(seq).bytes);
      expect(await ring.read(4)).toBeNull();
    });

    it('[RG2] keeps of a view only what it shows, also of a large one', async () => {
      const ring = await fresh();
      const { bytes } = chunkOf(1, 3_000_000);
      const part = bytes.subarray(1_000_001, 2_000_001);
      await ring.put({ ...chunkOf(1).meta, size: part.length }, part);
      const read = await ring.read(1);
      expect(read?.length).toBe(part.length);
      expect(Buffer.compare(read!, part)).toBe(0); // its length was looked at
    });

    it('[RG3] forgets the bytes of what is dropped, and nothing else', async () => {
      const ring = await filled(4);
      await ring.drop(2);
      expect(await ring.read(2)).toBeNull();
      for (const seq of [1, 3, 4]) expect(await ring.read(seq)).toEqual(chunkOf(seq).bytes);
    });

    it('[RG4] keeps what is above the settled sequence', async () => {
      const ring = await filled(5);
      await ring.release(3, 99);
      for (const seq of [4, 5]) expect(await ring.read(seq)).toEqual(chunkOf(seq).bytes);
    });

    if (reopen) {
      it('[RG5] a later process finds what is not settled, in order, and knows which bytes are gone', async () => {
        const ring = await filled(12);
        await ring.release(8, 4711);
        await ring.drop(10);
        const later = await reopen(ring);
        expect(await later.load()).toEqual({ through: 8, hash: 4711, chunks: [9, 10, 11, 12].map((seq) => ({ ...chunkOf(seq).meta, held: seq !== 10 })) });
        expect(await later.read(9)).toEqual(chunkOf(9).bytes);
        await later.put(chunkOf(13).meta, chunkOf(13).bytes);
        expect((await (await reopen(later)).load()).chunks.at(-1)).toEqual({ ...chunkOf(13).meta, held: true });
      });

      it('[RG6] a chunk that could not be written leaves no hole in the sequence', async () => {
        const ring = await filled(2);
        await ring.put(chunkOf(5).meta, chunkOf(5).bytes);
        const { chunks } = await (await reopen(ring)).load();
        expect(chunks.map(({ seq, held }) => [seq, held])).toEqual([[1, true], [2, true], [3, false], [4, false], [5, true]]);
        expect(chunks.slice(2, 4).map(({ startMs, durationMs, size }) => [startMs, durationMs, size])).toEqual([[4000, 2000, 0], [6000, 2000, 0]]);
      });
    }
  });
};
