import { describe, expect, it } from 'vitest';
import { type Baseline, baselineText, readBaseline } from './baseline.ts';
import { missedGoals, readReadme, withResults } from './readme.ts';

const machine = { cpu: 'a cpu', cores: 2, memoryGb: 4, kernel: '6', node: 'v22', ffmpeg: '5' };
const baseline = (value: number): Baseline => ({
  quick: {},
  full: {
    walk: {
      question: 'How far?', measuredAt: '2026-01-01', machine, rounds: 7,
      metrics: { 'ours.metres': { median: 12.345, min: 10, max: 14, unit: 'm' } },
      ratios: { oursToTheirs: { median: value, min: 0.5, max: 2, better: 'higher' } },
      goals: [{ name: 'oursToTheirs', atLeast: 0.8, value, met: value >= 0.8 }],
    },
  },
});
const page = 'before <!-- results -->old<!-- /results --> after';

describe('the README of the benches', () => {
  it('has the saved results', () => {
    expect(readReadme()).toBe(withResults(readReadme(), readBaseline()));
  });

  it('says why, for each goal that is missed and for no other', () => {
    const [, reasons = ''] = readReadme().split('\n## Why goals are missed\n');
    const explained = [...reasons.matchAll(/^### (.+)\n+(\S.*)/gm)].map(([, name]) => name);
    expect(explained.toSorted()).toEqual(missedGoals(readBaseline()).toSorted());
  });

  it('shows goals, ratios and what is behind them', () => {
    const text = withResults(page, baseline(0.5));
    expect(text).toMatch(/^before <!-- results -->\n/);
    expect(text).toMatch(/<!-- \/results --> after$/);
    expect(text).not.toContain('old');
    expect(text).toContain('| walk | oursToTheirs | ≥ 0.8 | 0.5 | **missed** |');
    expect(text).toContain('| oursToTheirs | 0.5 | 0.5 … 2 | × | ≥ 0.8: MISSED |');
    expect(text).toContain('| ours.metres | 12.3 | 10 … 14 | m |  |');
    expect(missedGoals(baseline(0.5))).toEqual(['walk: oursToTheirs']);
    expect(missedGoals(baseline(0.8))).toEqual([]);
    expect(() => withResults('no markers', baseline(1))).toThrow('needs <!-- results -->');
  });

  it('is kept from numbers longer than they are worth, in an order that does not change', () => {
    const { walk } = baseline(0.123456789).full;
    const text = baselineText({ quick: {}, full: { b: walk!, a: walk! } }); // just made
    expect(text).toContain('0.1235');
    expect(Object.keys((JSON.parse(text) as Baseline).full)).toEqual(['a', 'b']);
  });
});
