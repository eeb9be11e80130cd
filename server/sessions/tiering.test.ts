import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ColdSegment, ObjectStore } from '../ports.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { createTiering } from './tiering.ts';
import { bench, chunkOf, drain, payloads } from './timeline-fixture.ts';
import type { Bench } from './timeline-fixture.ts';
import type { Timeline } from './timeline.ts';

let at: Bench;
beforeEach(async () => {
  at = await bench();
});
afterEach(() => at.remove());

const log = { info: () => {}, warn: () => {}, error: () => {} };

/** A store in memory that can be down, and a repository of cold rows. */
const world = () => {
  const objects = new Map<string, Uint8Array>();
  const rows: ColdSegment[] = [];
  const state = { down: false, puts: 0, atOnce: 0, most: 0, short: 0 };
  const objectStore: Pick<ObjectStore, 'putFile' | 'stat'> = {
    putFile: async (key, path) => {
      state.puts++;
      state.most = Math.max(state.most, ++state.atOnce);
      try {
        if (state.down) throw new Error('store is down');
        objects.set(key, new Uint8Array(await readFile(path)));
      } finally {
        state.atOnce--;
      }
    },
    stat: async (key) => ({ bytes: objects.get(key)?.length ?? 0, etag: '"x"' }),
  };
  const clock = virtualClock();
  const tiering = createTiering({
    objectStore, clock, log, hotMs: 60_000, everyMs: 5000, concurrency: 2,
    repository: { addColdSegment: async (row) => void rows.push(row) },
    diskSpace: { shortBytes: () => state.short, refresh: async () => {} },
  });
  const open = (): Promise<Timeline> =>
    at.open({
      segmentBytes: 1000, coldSegments: rows,
      coldRead: async (index, start, end) => objects.get(`sessions/s1/segments/${index}`)!.subarray(start, end),
    });
  /** simulated time, each round on the real disk awaited */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 5000) {
      await clock.advance(5000);
      await tiering.sweep();
    }
  };
  return { objects, rows, state, clock, tiering, open, pass };
};

const record = async (timeline: Timeline): Promise<void> => {
  for (let seq = 1; seq <= 40; seq++) await timeline.append(chunkOf(seq));
};
const local = async (): Promise<number> => (await readdir(at.dir)).filter((name) => name.endsWith('.seg')).length;

describe('tiering', () => {
  it('[T4] sealed segments go to the store, then leave the disk with age; the recording reads the same, also after a restart', async () => {
    const { objects, rows, state, clock, tiering, open, pass } = world();
    let timeline = await open();
    await record(timeline);
    const sealed = timeline.sealed();
    tiering.add({ sessionId: 's1', timeline, pinned: () => false });
    expect(tiering.waiting()).toBe(sealed.length);
    await pass(5000);
    expect([...objects.keys()].sort()).toEqual(sealed.map(({ index }) => `sessions/s1/segments/${index}`).sort());
    expect(rows.map(({ index, fileBytes }) => [index, fileBytes]).sort()).toEqual(sealed.map(({ index, fileBytes }) => [index, fileBytes]).sort());
    expect(state).toMatchObject({ puts: sealed.length, most: 2 });
    expect(await local()).toBe(sealed.length + 1);
    await pass(60_000);
    expect(await local()).toBe(1);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 40));
    await tiering.remove('s1');
    await timeline.close();
    timeline = await open();
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 40));
    await timeline.close();
    await tiering.close();
    expect(clock.waiting()).toBe(0);
  });

  it('[T4] a store that is down is asked a few times, less and less often, and nothing leaves the disk', async () => {
    const { objects, state, tiering, open, pass } = world();
    const timeline = await open();
    await record(timeline);
    const count = timeline.sealed().length;
    tiering.add({ sessionId: 's1', timeline, pinned: () => false });
    state.down = true;
    state.short = 1e9;
    await pass(3_600_000);
    expect(await local()).toBe(count + 1);
    expect(objects.size).toBe(0);
    expect(state.puts).toBeLessThan(count * 20); // an hour of sweeps is 720
    state.down = false;
    state.short = 0;
    await pass(900_000);
    expect(tiering.waiting()).toBe(0);
    expect(objects.size).toBe(count);
    await tiering.close();
    await timeline.close();
  });

  it('[T4][T6] pressure drops cold segments oldest first until enough is free; pinned ones stay by age', async () => {
    const { state, tiering, open, pass } = world();
    const timeline = await open();
    await record(timeline);
    tiering.add({ sessionId: 's1', timeline, pinned: () => true });
    await pass(600_000);
    expect(timeline.sealed().every((segment) => segment.local)).toBe(true);
    const [first, second] = timeline.sealed();
    state.short = first!.fileBytes + 1;
    // nothing unpinned is left, so the oldest pinned go, as few as needed
    await tiering.sweep();
    state.short = 0;
    const left = timeline.sealed().filter((segment) => segment.local).map(({ index }) => index);
    expect(left).not.toContain(first!.index);
    expect(left).not.toContain(second!.index);
    expect(left.length).toBeGreaterThan(timeline.sealed().length - 6);
    expect((await drain(timeline)).bytes).toEqual(payloads(1, 40));
    await tiering.close();
    await timeline.close();
  });
});
