import { seededRandom } from '../../shared/testing/random.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faulty } from './faulty-file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import { createMediaIndex } from './media-index.ts';
import type { MediaIndex } from './media-index.ts';
import { bench, counted } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';

let at: Bench;
beforeEach(async () => {
  at = await bench();
});
afterEach(() => at.remove());

const log = { info: () => {}, warn: () => {}, error: () => {} };
const open = (): Promise<MediaIndex> => createMediaIndex({ dir: at.dir, log });
const init = (part: number, byteStart: number) => ({ part, byteStart, byteEnd: byteStart + 4, offsetMs: part * 100_000, bytes: Uint8Array.of(1, 2, 3, part) });
/** a fragment each 2 s with its keyframe 40 ms in; two parts */
const fill = (index: MediaIndex, from: number, to: number): void => {
  index.addInit(init(0, 0));
  if (to > 50) index.addInit(init(1, 50_000));
  for (let i = from; i < to; i++) {
    index.addFragments([{ byteStart: 100 + i * 1000, startMs: i * 2000, part: i < 50 ? 0 : 1 }]);
    index.addKeyframes([{ timeMs: i * 2000 + 40, fragmentByteStart: 100 + i * 1000 }]);
  }
};
const seen = (index: MediaIndex) => ({
  parts: index.parts(), durationMs: index.durationMs, to: index.indexedTo(),
  at: [-1, 0, 1999, 2000, 99_999, 100_000, 1e9].map((ms) => index.fragmentAt(ms)),
  keys: [-1, 39, 40, 2039, 2040, 1e9].map((ms) => index.keyframeBefore(ms)),
  after: [-1, 100, 1099, 99_100].map((byte) => index.fragmentAfter(byte)),
});

describe('media index', () => {
  it('[T8] holds its file open only while something is added, and syncs before it lets go', async () => {
    const files = counted();
    const index = await createMediaIndex({ dir: at.dir, log, fs: files.fs });
    expect(files.open()).toBe(0);
    fill(index, 0, 3);
    await index.flush();
    expect(files.open()).toBe(1);
    await index.rest();
    expect(files.open()).toBe(0);
    fill(index, 3, 6);
    await index.rest();
    const there = seen(index);
    await index.close();
    expect(files.open()).toBe(0);
    const again = await open();
    expect(seen(again)).toEqual(there);
    await again.close();
  });

  it('[T7] a flush is about what was added before it, not about what comes while it waits', async () => {
    let index: MediaIndex | null = null;
    let more = 0;
    const fs = { ...nodeFileSystem, open: async (path: string, mode: 'create' | 'update' | 'read') => {
      const file = await nodeFileSystem.open(path, mode);
      return { ...file, writev: async (buffers: Uint8Array[], position: number) => {
        await file.writev(buffers, position);
        for (const _ of Array.from({ length: 4 })) void Promise.resolve().then(() => {}).then(() => {}).then(() => { if (more < 9) fill(index!, ++more, more + 1); }); // opened below
      } };
    } };
    index = await createMediaIndex({ dir: at.dir, log, fs });
    fill(index, 0, 1);
    await index.flush();
    expect(more).toBeGreaterThan(0);
    await index.close();
  });

  it('finds the fragment and the keyframe at or before a time', async () => {
    const index = await open();
    fill(index, 0, 100);
    expect(seen(index)).toEqual({
      parts: [init(0, 0), init(1, 50_000)], durationMs: 198_040, to: 99_100,
      at: [null, { byteStart: 100, startMs: 0, part: 0 }, { byteStart: 100, startMs: 0, part: 0 }, { byteStart: 1100, startMs: 2000, part: 0 }, { byteStart: 49_100, startMs: 98_000, part: 0 }, { byteStart: 50_100, startMs: 100_000, part: 1 }, { byteStart: 99_100, startMs: 198_000, part: 1 }],
      keys: [null, null, { timeMs: 40, fragmentByteStart: 100 }, { timeMs: 40, fragmentByteStart: 100 }, { timeMs: 2040, fragmentByteStart: 1100 }, { timeMs: 198_040, fragmentByteStart: 99_100 }],
      after: [{ byteStart: 100, startMs: 0, part: 0 }, { byteStart: 1100, startMs: 2000, part: 0 }, { byteStart: 1100, startMs: 2000, part: 0 }, null],
    });
    await index.close();
  });

  const seed = Number(process.env.SEED ?? Date.now() % 1e6);
  it(`survives restarts, repeats and any order; a repeat costs no byte on disk (SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    let index = await open();
    fill(index, 0, 100);
    const expected = seen(index);
    await index.close();
    const bytes = (await readFile(join(at.dir, 'media.index'))).length;
    index = await open();
    expect(seen(index)).toEqual(expected);
    fill(index, 30, 100);
    await index.flush();
    expect(seen(index)).toEqual(expected);
    expect((await readFile(join(at.dir, 'media.index'))).length).toBe(bytes);
    await index.close();

    await writeFile(join(at.dir, 'media.index'), '');
    index = await open();
    const order = Array.from({ length: 100 }, (_, i) => i).sort(() => random() - 0.5);
    for (const i of order) fill(index, i, i + 1);
    expect(seen(index)).toEqual(expected);
    await index.close();
  });

  it('[T2] a tail torn at any byte is dropped, what is before it kept, and decoding again completes it', async () => {
    let index = await open();
    fill(index, 0, 20);
    await index.close();
    const whole = await readFile(join(at.dir, 'media.index'));
    index = await open();
    const expected = seen(index);
    await index.close();
    for (let cut = 0; cut < whole.length; cut += 7) {
      const torn = Buffer.from(whole.subarray(0, cut));
      if (cut > 20) torn[cut - 1 - (cut % 9)]! ^= 1;
      await writeFile(join(at.dir, 'media.index'), torn);
      index = await open();
      expect(index.fragmentAt(1e9)?.byteStart ?? 0).toBe(index.indexedTo());
      fill(index, 0, 20);
      await index.close();
      index = await open();
      expect(seen(index)).toEqual(expected);
      await index.close();
    }
  });

  it('keeps what a failing disk did not take, says so on flush, and writes it later', async () => {
    let failing = true;
    const fs = faulty(nodeFileSystem, (operation) => (failing && operation === 'writev' ? { code: 'ENOSPC', when: 'half' } : null));
    let index = await createMediaIndex({ dir: at.dir, log, fs });
    fill(index, 0, 3);
    await expect(index.flush()).rejects.toThrow('ENOSPC');
    failing = false;
    fill(index, 3, 5);
    await index.flush();
    const expected = seen(index);
    await index.close();
    index = await open();
    expect(seen(index)).toEqual(expected);
    await index.close();
  });

  it('48 hours of 2-second fragments stay under 8 MiB of memory', async () => {
    const index = await open();
    const rows = Array.from({ length: 86_400 }, (_, i) => i);
    index.addFragments(rows.map((i) => ({ byteStart: i * 600_000, startMs: i * 2000, part: 0 })));
    index.addKeyframes(rows.map((i) => ({ timeMs: i * 2000, fragmentByteStart: i * 600_000 })));
    expect(index.byteLength).toBeLessThan(8 * 1024 * 1024);
    await index.close();
  });
});
