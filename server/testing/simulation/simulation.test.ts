import { describe, expect, it } from 'vitest';
import { drawPlan } from './plan.ts';
import { runWorldLater } from './world.ts';

const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const WORLDS = Number(process.env['CLIPPY_TEST_WORLDS'] ?? 200);

const worlds = async (seeds: Iterable<number>): Promise<{ broken: string[]; clips: number; lives: number; stopped: number }> => {
  const seen = { broken: [] as string[], clips: 0, lives: 0, stopped: 0 };
  for (const seed of seeds) {
    const { violation, clips, lives, ended } = await runWorldLater(seed);
    if (violation) seen.broken.push(`seed ${seed}: ${violation.rule} ${violation.message}`);
    seen.clips += clips;
    seen.lives += lives;
    if (ended === 'stopped') seen.stopped += 1;
  }
  return seen;
};

describe('the whole session path in simulated time', () => {
  it(`[SIM1][SIM2][SIM3][SIM4][SIM5][SIM6][SIM7][SIM8][SIM9][SIM10][SIM11][SIM12][SIM13] nothing breaks a rule in ${WORLDS} worlds (SEED=${SEED})`, { timeout: 600_000 }, async () => {
    const seen = await worlds(Array.from({ length: WORLDS }, (_, i) => SEED + i));
    expect(seen.broken).toEqual([]);
    // and they were worlds in which something happened
    expect(seen.lives).toBeGreaterThan(WORLDS);
    expect(seen.clips).toBeGreaterThan(WORLDS / 10);
    expect(seen.stopped).toBeGreaterThan(WORLDS * 0.9);
  });

  it.each([
    [1_006_196, 'the name of a media index was not durable when a cursor counted on it'],
    [1_009_230, 'a start whose connection had gone took the recording from the next'],
    [1_013_292, 'the same, in a server that had stood still'],
    [1_033_970, 'records of a failed write came before what was acknowledged after them'],
    [416_572_465, 'a signals cursor went back after a power cut'],
    [416_564_181, 'a stop that waited for words longer than its client for an answer'],
    [300_244_788, 'chunks were written to a file whose name had gone although its removal failed'],
    [300_329_630, 'a clip that was vetoed while it was being stored left its objects behind'],
    [300_549_119, 'sound was passed over although its dead letter could not be stored'],
    [300_523_432, 'an empty segment that was removed came back after a power cut, with a record nobody was promised'],
  ])('world %i breaks no rule any more: %s', async (seed) => {
    expect((await runWorldLater(seed)).violation).toBeNull();
  });

  it('[SIM14] the same seed gives the same world, another seed another', { timeout: 60_000 }, async () => {
    const hashes = new Set<number>();
    for (const seed of [3, 47, 1178, 5467]) {
      const [one, again] = [await runWorldLater(seed, { traced: true }), await runWorldLater(seed, { traced: true })];
      expect(again.hash).toBe(one.hash);
      expect(again.trace).toEqual(one.trace);
      hashes.add(one.hash);
    }
    expect(hashes.size).toBe(4);
    expect(drawPlan(47)).toEqual(drawPlan(47));
  });

  it('worlds that find the planted bugs are sound without them', { timeout: 120_000 }, async () => {
    expect((await worlds([1, 3, 4, 8, 9, 20, 38, 59, 124, 161, 1_361, 1_459, 1_872, 2_060])).broken).toEqual([]);
  });
});
