import { describe, expect, it } from 'vitest';
import { box, Fields } from './boxes.ts';
import { concat } from './bytes.ts';
import { SampleTable } from './sample-table.ts';

const SCALE = 1000;
const tables = (samples: [startMs: number, durationMs: number, key: boolean][], at = 0): Uint8Array => {
  const table = new SampleTable();
  for (const [startMs, durationMs, key] of samples) table.add({ startMs, durationMs, key, bytes: 10 });
  table.endChunk(at);
  return concat(table.boxes(SCALE, 100));
};
const words = (stbl: Uint8Array, name: string): number[] | null => {
  const body = box(stbl, name);
  if (!body) return null;
  const field = new Fields(body);
  return Array.from({ length: field.left() / 4 }, () => field.i32());
};

describe('[C6] sample tables', () => {
  it('give decode times to reordered pictures: the presentation times of each group in order', () => {
    const stbl = tables([[0, 40, true], [120, 40, false], [40, 40, false], [80, 40, false], [160, 40, true], [240, 80, false], [200, 40, false]]);
    expect(words(stbl, 'stts')).toEqual([2, 6, 40, 1, 80]); // until the last picture presented has ended
    expect(words(stbl, 'ctts')).toEqual([6, 1, 0, 1, 80, 2, -40, 1, 0, 1, 40, 1, -40]);
    expect(words(stbl, 'cslg')).toEqual([40, -40, 80, 0, 320]);
    expect(words(stbl, 'stss')).toEqual([2, 1, 5]);
    expect(words(stbl, 'stsz')).toEqual([0, 7, 10, 10, 10, 10, 10, 10, 10]);
  });

  it('leave out what says nothing: offsets of pictures in order, keyframes where all are', () => {
    const stbl = tables([[5, 20, true], [25, 20, true], [45, 20, true]]);
    expect([words(stbl, 'stts'), words(stbl, 'ctts'), words(stbl, 'cslg'), words(stbl, 'stss')]).toEqual([[1, 3, 20], null, null, null]);
  });

  it('do not add up rounded times', () => {
    const sound = Array.from({ length: 3000 }, (_, i): [number, number, boolean] => [(i * 1024) / 44.1, 1024 / 44.1, true]);
    const stts = words(tables(sound), 'stts') ?? [];
    const total = Array.from({ length: stts[0] ?? 0 }, (_, i) => stts[1 + 2 * i]! * stts[2 + 2 * i]!).reduce((a, b) => a + b, 0);
    expect(total).toBe(Math.round((3000 * 1024) / 44.1));
  });

  it('count chunks and use 64 bits beyond 4 GiB', () => {
    const table = new SampleTable();
    for (const [i, at] of [[0, 0], [1, 50], [2, 6e9]] as const) {
      for (let n = 0; n < (i === 2 ? 3 : 2); n += 1) table.add({ startMs: 100 * i + n, durationMs: 1, key: true, bytes: 1 });
      table.endChunk(at);
      table.endChunk(at + 7); // nothing new
    }
    const stbl = concat(table.boxes(SCALE, 100));
    expect(words(stbl, 'stsc')).toEqual([2, 1, 2, 1, 3, 3, 1]);
    expect(words(stbl, 'stco')).toBeNull();
    expect(words(stbl, 'co64')).toEqual([3, 0, 100, 0, 150, 1, (6e9 + 100) % 2 ** 32]);
  });

  it('refuse what they cannot say, and no more', () => {
    expect(() => tables([[0, 40, true], [5e9, 40, false]])).toThrow(/5000000 s apart/);
    expect(() => tables([[0, 40, true], [4e9, 40, false], [40, 40, false]])).toThrow(/s apart/);
    for (const wrong of [Number.NaN, Infinity, -1e300]) expect(() => tables([[wrong, 40, true]])).toThrow(/a packet at/);
    for (const wrong of [Number.NaN, -1, Infinity]) expect(() => tables([[0, wrong, true]])).toThrow(/lasts/);
    expect(words(tables([[0, 40, true], [40, 1e13, true]]), 'stts')).toEqual([2, 1, 40, 1, -1]); // 2^32 - 1
    expect(words(tables([[0, 0, true], [0, 0, true]]), 'stts')).toEqual([1, 2, 0]);
  });
});
