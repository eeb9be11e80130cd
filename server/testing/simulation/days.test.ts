import { expect, it } from 'vitest';
import { runDays } from './days.ts';

const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
const DAYS = Number(process.env['CLIPPY_TEST_DAYS'] ?? 2);

it(`[SIM16][SIM17][SIM18] ${DAYS} days of a server, and until all of them has expired (SEED=${SEED})`, { timeout: 600_000 }, async () => {
  const { violation, nights, clips } = await runDays(SEED, { days: DAYS });
  expect(violation).toBeNull();
  // and something was recorded, cut, and has gone
  expect(nights.at(-1)).toMatchObject({ begun: 6 * DAYS, gone: 6 * DAYS, objects: 0, files: 0 });
  expect(clips).toBeGreaterThan(DAYS);
});
