import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { buildDashboard } from './build.ts';

const dir = mkdtempSync(join(tmpdir(), 'clippy-build-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('builds once, names by content, leaves nothing inline, and sees when its output is gone or its kind is another', async () => {
  const outDir = join(dir, 'page');
  const first = await buildDashboard({ outDir });
  expect(first.rebuilt).toBe(true);
  expect(readdirSync(outDir).sort()).toEqual(first.files);
  expect(readdirSync(dir).sort()).toEqual(['page', 'page.json']);
  expect(first.files.filter((name) => name !== 'index.html').every((name) => /-[A-Z0-9]{8}\./.test(name))).toBe(true);

  const page = readFileSync(join(outDir, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1]!);
  expect(named).toHaveLength(3);
  for (const name of named) expect(existsSync(join(outDir, name))).toBe(true);
  expect(page).not.toMatch(/\{\{|<style|style=|\son\w+=|<script(?![^>]*src=)/);
  expect(readFileSync(join(outDir, named.find((name) => name.endsWith('.js'))!), 'utf8')).not.toContain('sourceMappingURL');

  expect(await buildDashboard({ outDir })).toEqual({ ...first, rebuilt: false });
  rmSync(join(outDir, 'index.html'));
  expect((await buildDashboard({ outDir })).rebuilt).toBe(true);
  const dev = await buildDashboard({ outDir, dev: true });
  expect(dev.rebuilt).toBe(true);
  expect(dev.files.some((name) => name.endsWith('.js.map'))).toBe(true);

  const stamp = `${outDir}.json`;
  writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(/"digest":"./, '"digest":"x')); // as if an input had changed
  expect((await buildDashboard({ outDir, dev: true })).rebuilt).toBe(true);
});
