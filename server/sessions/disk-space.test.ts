import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { factorOf, watchDiskSpace } from './disk-space.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';

const GIB = 1024 ** 3;
const wanted = { hardBytes: GIB, softBytes: 3 * GIB };
const log = { info: () => {}, warn: () => {}, error: () => {} };

describe('disk space', () => {
  it('[T6] the factor falls from 1 to 0 between the thresholds, which shrink with a small disk', () => {
    const big = { totalBytes: 100 * GIB };
    expect([4, 3, 2, 1.5, 1, 0].map((gib) => factorOf({ ...big, freeBytes: gib * GIB }, wanted))).toEqual([1, 1, 0.5, 0.25, 0, 0]);
    const small = { totalBytes: 10 * GIB };
    expect([1.5, 1, 0.5].map((gib) => factorOf({ ...small, freeBytes: gib * GIB }, wanted))).toEqual([1, 0.5, 0]);
    expect(factorOf({ freeBytes: 0, totalBytes: 0 }, wanted)).toBe(0);
  });

  it('[T6] measures on the clock, tells of changes once, survives a failing measurement, and stops', async () => {
    const clock = virtualClock();
    let freeGib = 5;
    let failing = false;
    const measure = async () => {
      if (failing) throw new Error('no such device');
      return { freeBytes: freeGib * GIB, totalBytes: 100 * GIB };
    };
    const disk = await watchDiskSpace({ dir: '/data', ...wanted, everyMs: 2000, clock, log, measure });
    const heard: number[] = [];
    const stop = disk.onChange((factor) => heard.push(factor));
    expect([disk.creditsFactor(), disk.shortBytes()]).toEqual([1, 0]);
    await clock.advance(2000);
    freeGib = 2;
    await clock.advance(2000);
    await clock.advance(2000);
    expect([disk.creditsFactor(), disk.shortBytes()]).toEqual([0.5, GIB]);
    freeGib = 1;
    await clock.advance(2000);
    failing = true;
    await clock.advance(4000);
    expect(disk.creditsFactor()).toBe(0);
    failing = false;
    freeGib = 50;
    await clock.advance(2000);
    expect(heard).toEqual([0.5, 0, 1]);
    stop();
    freeGib = 0;
    await disk.refresh();
    expect(heard).toEqual([0.5, 0, 1]);
    await disk.close();
    expect(clock.waiting()).toBe(0);
  });

  it('measures the real disk, and refuses to start without one', async () => {
    const disk = await watchDiskSpace({ dir: tmpdir(), ...wanted, everyMs: 2000, clock: virtualClock(), log });
    expect(disk.space().freeBytes).toBeGreaterThan(0);
    expect(disk.space().totalBytes).toBeGreaterThan(disk.space().freeBytes);
    await disk.close();
    await expect(watchDiskSpace({ dir: '/absent/folder', ...wanted, everyMs: 2000, clock: virtualClock(), log })).rejects.toMatchObject({ name: 'StartError' });
  });
});
