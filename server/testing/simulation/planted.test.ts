import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hunt, plantedBugs } from './planted.ts';

const SEEDS = 5_000;
const bugs = plantedBugs();

// Minutes of processor time: with the long rounds only.
describe.skipIf(process.env['CLIPPY_TEST_LONG'] === undefined)('planted bugs', () => {
  it.concurrent.each(bugs)(`[SIM15] $name is found within ${SEEDS} worlds`, { timeout: 900_000 }, async (bug) => {
    expect(bug.breaks).toMatch(/\.$/);
    const found = await hunt(bug, SEEDS);
    expect(found, bug.breaks).not.toBeNull();
    console.log(`${bug.name}: seed ${found?.seed}: ${found?.found.slice(0, 160)}`);
  });
});

describe('their patches', () => {
  it('[SIM15] are twenty or more', () => expect(bugs.length).toBeGreaterThanOrEqual(20));
  // regenerate what does not apply any more: the sources have moved on
  it.each(bugs)('[SIM15] $name applies', ({ patch }) => {
    execFileSync('git', ['apply', '--check', patch], { cwd: join(import.meta.dirname, '../../..') });
  });
});
