import { describe, expect, it } from 'vitest';
import { hunt, plantedBugs } from './planted.ts';

const SEEDS = 5_000;
const bugs = plantedBugs();

// Minutes of processor time: with the long rounds only.
describe.skipIf(process.env['CLIPPY_TEST_LONG'] === undefined)('planted bugs', () => {
  it.concurrent.each(bugs)(`[SIM15] $name is found within ${SEEDS} worlds`, { timeout: 300_000 }, async (bug) => {
    expect(bug.breaks).toMatch(/\.$/);
    const found = await hunt(bug, SEEDS);
    expect(found, bug.breaks).not.toBeNull();
    console.log(`${bug.name}: seed ${found?.seed}: ${found?.found.slice(0, 160)}`);
  });
});

it('[SIM15] there are twenty', () => expect(bugs.length).toBeGreaterThanOrEqual(20));
