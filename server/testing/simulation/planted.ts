// Planted bugs: patches of the production code, applied to a scratch copy of the sources in which the simulation runs until it
// finds something. What it cannot find is a hole in it.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const bugsDir = join(import.meta.dirname, 'bugs');

export type PlantedBug = { name: string; patch: string; /** the first line of its patch */ breaks: string };

export const plantedBugs = (): PlantedBug[] =>
  readdirSync(bugsDir).filter((name) => name.endsWith('.patch')).toSorted().map((name) => {
    const patch = join(bugsDir, name);
    return { name: name.replace(/\.patch$/, ''), patch, breaks: readFileSync(patch, 'utf8').split('\n')[0] ?? '' };
  });

/** The first seed that finds it and what it says; null where none of `seeds` does. */
export const hunt = async (bug: PlantedBug | null, seeds: number): Promise<{ seed: number; found: string } | null> => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-planted-'));
  try {
    for (const folder of ['server', 'shared', 'scripts']) cpSync(join(root, folder), join(dir, folder), { recursive: true, filter: (path) => !/\.(mp4|test\.ts|patch)$|dashboard/.test(path.slice(root.length)) });
    cpSync(join(root, 'package.json'), join(dir, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
    if (bug) await run('git', ['apply', bug.patch], { cwd: dir, env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() } });
    const child = run(process.execPath, ['--max-semi-space-size=64', 'scripts/simulate.ts', '--seeds', String(seeds), '--from', '1', '--stop'], { cwd: dir, maxBuffer: 1 << 24 });
    const { stdout } = await child.catch((error: unknown) => error as { stdout: string });
    const match = /^seed (\d+): (.*)$/m.exec(stdout);
    return match ? { seed: Number(match[1]), found: match[2] ?? '' } : null;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

if (import.meta.main) {
  const names = process.argv.slice(2);
  const bugs = plantedBugs().filter(({ name }) => names.length === 0 || names.some((wanted) => name.includes(wanted)));
  const next = async (): Promise<void> => {
    for (let bug = bugs.shift(); bug; bug = bugs.shift()) {
      const began = Date.now();
      const found = await hunt(bug, 5_000);
      console.log(`${bug.name}: ${found ? `seed ${found.seed}: ${found.found}` : 'NOT FOUND'} (${Math.round((Date.now() - began) / 1_000)} s)`);
    }
  };
  await Promise.all([next(), next()]);
}
