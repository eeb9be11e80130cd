// SIGKILL at named moments and at random, and power cuts, while three clients record: nothing acknowledged is missing or doubled.
// `npm run faults -- crash|power --rounds N --seed S` runs as many rounds as one likes.
import { describe, it } from 'vitest';
import { crashRounds, summaryOf } from '../testing/crash/crash-rounds.ts';
import { CRASH_POINTS } from '../testing/crash/crash-points.ts';

const ROUNDS = Number(process.env['CLIPPY_TEST_CRASH_ROUNDS'] ?? 5);
const POWER_ROUNDS = Math.ceil(ROUNDS / 5);
const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const timeout = (rounds: number): number => 120_000 + rounds * 30_000;

// Both wait for servers to come back most of their time: beside one another.
describe.concurrent(`a server that dies (seed ${SEED})`, () => {
  it(`[CR1][CR2][CR3][T1][P4][S4][W26] ${ROUNDS} times: every recording comes out whole, once, with the clips of an undisturbed one`, { timeout: timeout(ROUNDS) }, async ({ expect }) => {
    const report = await crashRounds({ rounds: ROUNDS, seed: SEED, power: false, say: (line) => console.log(`killed: ${line}`) });
    console.log(`${summaryOf(report)}\npoints: ${CRASH_POINTS.map((name) => `${name} × ${report.points.get(name) ?? 0}`).join(' · ')}`);
    expect(report.unreached).toEqual([]);
    expect(report.recordings.moments).toBeGreaterThan(0);
  });

  it(`[PL1][PL2][PL3] ${POWER_ROUNDS} times, and what was not synced is lost with it`, { timeout: timeout(POWER_ROUNDS) }, async ({ expect }) => {
    const report = await crashRounds({ rounds: POWER_ROUNDS, seed: SEED, power: true, say: (line) => console.log(`power: ${line}`) });
    console.log(summaryOf(report));
    expect(report.recordings.moments).toBeGreaterThan(0);
  });
});
