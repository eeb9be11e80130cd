import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Report } from './tally.ts';
import { failures, tally } from './tally.ts';

const report = (tests: Record<string, string>, message = ''): Report => ({
  testResults: [{ name: '/r/a.test.ts', status: 'passed', message: '', assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status, failureMessages: status === 'failed' ? [message] : [] })) }],
});

describe('tally', () => {
  it('counts a test once, and its failure before its success', () => {
    const { counts, failed, reasons } = tally([{ name: 'bare.json', report: report({ one: 'passed', two: 'skipped' }) }, { name: 'full.json', report: report({ one: 'failed', two: 'passed' }, '\u001b[31mError: 3 is not 4\u001b[39m\n  at line 7') }], '/r');
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(failures({ failed, reasons }, ['lint'])).toEqual(['failed step: lint', 'failed: a.test.ts: one: Error: 3 is not 4']);
  });

  it('counts what a matrix runs again on its own, and what ran only there as no longer skipped', () => {
    const { counts, skipped } = tally([{ name: 'bare.json', report: report({ one: 'passed', two: 'skipped', three: 'pending' }) }, { name: 'matrix-x.json', report: report({ one: 'passed', two: 'passed' }) }], '/r');
    expect(counts).toEqual({ passed: 3, failed: 0, skipped: 1 });
    expect(skipped).toEqual(['a.test.ts: three']);
  });

  it('says at most 39 lines about failures, and how many there are besides', () => {
    const result = tally([{ name: 'bare.json', report: report(Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`test ${at}`, 'failed'])), 'x'.repeat(1_000)) }], '/r');
    const lines = failures(result, ['bare']);
    expect([lines.length, lines.at(-1)]).toEqual([39, 'and 23 more']);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(240);
  });
});

describe('tally as CI runs it', () => {
  let folder: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'clippy-tally-')); });
  afterEach(() => { rmSync(folder, { recursive: true }); });
  const run = (...steps: string[]): { status: number | null; lines: string[] } => {
    const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, 'tally.ts'), folder, ...steps], { encoding: 'utf8', env: { ...process.env, CI: '' } });
    return { status, lines: stdout.trim().split('\n') };
  };

  it('ends with the tally, after what failed, also when a report was cut short', () => {
    writeFileSync(join(folder, 'bare.json'), JSON.stringify(report({ one: 'passed', two: 'skipped' })));
    expect(run()).toMatchObject({ status: 0 });
    writeFileSync(join(folder, 'full.json'), '{"testResults":[');
    const { status, lines } = run('full');
    expect(status).toBe(1);
    expect(lines.at(-1)).toBe('1 passed, 2 failed, 1 skipped');
    expect(lines.at(-2)).toMatch(/^failed: .*full\.json \(full\.json\): the report cannot be read: SyntaxError/);
    expect(lines.at(-3)).toBe('failed step: full');
  });
});
