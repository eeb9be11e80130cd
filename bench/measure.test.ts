import { describe, expect, it } from 'vitest';
import { limitFor, regressions } from './baseline.ts';
import { GENERATOR, type RatioResult, rotated, runRounds, type Series, summarise } from './measure.ts';
import type { Goal, Ratio } from './scenario.ts';
import { median, percentile, spread } from './statistics.ts';
import { figure, plainTable, rowsOf } from './table.ts';

const unseen = (): void => undefined;

describe('statistics', () => {
  it('take the middle of values in any order, and the mean of two middles', () => {
    expect([median([9, 1, 5]), median([10, 2, 4, 100]), median([7])]).toEqual([5, 7, 7]);
    expect(spread([3, 1, 10])).toEqual({ median: 3, min: 1, max: 10 });
  });
  it('take percentiles of what is sorted', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index);
    expect([percentile(hundred, 0), percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1), percentile([], 0.5)]).toEqual([0, 50, 99, 99, 0]);
  });
});

describe('rounds', () => {
  it('run every contender once, none always first', async () => {
    const order: string[] = [];
    const contenders = ['a', 'b', 'c'].map((name) => ({ name, run: async (round: number) => { order.push(`${name}${round}`); return { n: round }; } }));
    const series: Series = {};
    await runRounds(contenders, series, 0, 3, unseen);
    expect(order).toEqual(['a0', 'b0', 'c0', 'b1', 'c1', 'a1', 'c2', 'a2', 'b2']);
    await runRounds(contenders, series, 3, 4, unseen);
    expect(series['b.n']).toEqual([0, 1, 2, 3]);
    expect(rotated([], 3)).toEqual([]);
  });
  it('measure the generator unless the contender does', async () => {
    const series: Series = {};
    const spin = (): void => { for (const until = performance.now() + 60; performance.now() < until;); };
    await runRounds([{ name: 'own', run: async () => ({ [GENERATOR]: 0.25 }) }, { name: 'busy', run: async () => { spin(); return {}; } }], series, 0, 1, unseen);
    expect(series[`own.${GENERATOR}`]).toEqual([0.25]);
    expect(series[`busy.${GENERATOR}`]![0]).toBeGreaterThan(0); // it has run
  });
  it('refuse what is no number', async () => {
    await expect(runRounds([{ name: 'a', run: async () => ({ n: NaN }) }], {}, 0, 1, unseen)).rejects.toThrow('a.n is NaN in round 1');
  });
});

describe('a summary', () => {
  const series: Series = { 'a.s': [1, 20, 3], 'b.s': [2, 10, 1] };
  const of = (ratios: Ratio[], goals: Goal[] = []) => summarise(series, { ratios, goals, units: { s: 'seconds' } });
  const ratio: Ratio = { name: 'aToB', of: 'a.s', to: 'b.s' };

  it('forms ratios within a round, then takes the median', () => {
    const { ratios, metrics, rounds } = of([ratio]);
    expect(ratios['aToB']).toEqual({ median: 2, min: 0.5, max: 3, better: 'lower' }); // of the medians it would be 1.5
    expect(metrics['a.s']).toEqual({ median: 3, min: 1, max: 20, unit: 'seconds' });
    expect(rounds).toBe(3);
  });
  it('knows which direction is worse', () => {
    expect(of([ratio], [{ name: 'aToB', atLeast: 1 }]).ratios['aToB']?.better).toBe('higher');
    expect(of([ratio], [{ name: 'aToB', atMost: 1 }]).ratios['aToB']?.better).toBe('lower');
    expect(of([{ ...ratio, better: 'higher' }]).ratios['aToB']?.better).toBe('higher');
  });
  it('holds goals against medians of ratios and of numbers', () => {
    const met = (goal: Goal) => of([ratio], [goal]).goals[0];
    expect(met({ name: 'aToB', atMost: 2 })).toEqual({ name: 'aToB', atMost: 2, value: 2, met: true });
    expect(met({ name: 'aToB', atMost: 1.99 })?.met).toBe(false);
    expect(met({ name: 'a.s', atLeast: 3 })).toMatchObject({ value: 3, met: true });
    expect(met({ name: 'a.s', atLeast: 3.01 })?.met).toBe(false);
    expect(met({ name: 'a.s', atLeast: 1, atMost: 2 })?.met).toBe(false);
  });
  it('refuses names that nobody measured', () => {
    expect(() => of([{ ...ratio, to: 'c.s' }])).toThrow('aToB names c.s; measured were a.s, b.s');
    expect(() => of([], [{ name: 'nothing', atMost: 1 }])).toThrow('names nothing');
  });
});

describe('a regression', () => {
  const ratio = (better: 'lower' | 'higher', [middle, min, max]: [number, number, number]): { ratios: Record<string, RatioResult> } => ({ ratios: { r: { median: middle, min, max, better } } });
  const worse = (better: 'lower' | 'higher', before: [number, number, number], now: [number, number, number], limit = 0.15): number[] =>
    regressions(ratio(better, before), ratio(better, now), limit).map(({ worseBy }) => Number(worseBy.toFixed(2)));

  it('is seen in the bad direction only', () => {
    expect(worse('lower', [10, 9, 11], [12, 11, 13])).toEqual([0.2]);
    expect(worse('lower', [10, 9, 11], [5, 4, 6])).toEqual([]);
    expect(worse('higher', [10, 9, 11], [8, 7, 9])).toEqual([0.25]);
    expect(worse('higher', [10, 9, 11], [20, 19, 21])).toEqual([]);
  });
  it('is what lies beyond the limit', () => {
    expect(worse('lower', [10, 10, 10], [11.4, 11.4, 11.4])).toEqual([]);
    expect(worse('lower', [10, 10, 10], [11.6, 11.6, 11.6])).toEqual([0.16]);
    expect(worse('lower', [10, 10, 10], [14, 14, 14], 0.5)).toEqual([]);
  });
  it('needs the best round to be worse as well: noise spoils only some', () => {
    expect(worse('lower', [10, 9, 11], [14, 9.2, 20])).toEqual([]);
    expect(worse('higher', [10, 9, 11], [6, 3, 10.8])).toEqual([]);
    expect(worse('lower', [10, 9, 11], [10.5, 12, 13])).toEqual([]);
  });
  it('has nothing to say of a ratio that is new', () => {
    expect(regressions({ ratios: {} }, ratio('lower', [9, 9, 9]), 0.15)).toEqual([]);
  });
  it('is judged strictly only on the machine of the baseline in full scale', () => {
    const machine = { cpu: 'x', cores: 2, memoryGb: 4, kernel: '6', node: 'v22', ffmpeg: '5' };
    expect([limitFor('full', machine, { ...machine, kernel: '7' }), limitFor('quick', machine, machine), limitFor('full', machine, { ...machine, cores: 4 })]).toEqual([0.15, 0.5, 0.5]);
  });
});

describe('the table', () => {
  it('writes three digits that matter', () => {
    expect([0, 0.00012, 0.12345, 12.345, 123.45, 1234567].map(figure)).toEqual(['0', '1.2e-4', '0.123', '12.3', '123', '1,234,567']);
  });
  it('shows ratios first, goals, and a generator that was the limit', () => {
    const one = (value: number, unit: string) => ({ median: value, min: value, max: value, unit });
    const rows = rowsOf({
      metrics: { 'a.s': one(3, 's'), [`a.${GENERATOR}`]: one(0.95, 'cores'), [`b.${GENERATOR}`]: one(0.2, 'cores') },
      ratios: { aToB: { median: 2, min: 1, max: 3, better: 'lower' } },
      goals: [{ name: 'aToB', atMost: 1, value: 2, met: false }, { name: 'a.s', atLeast: 2, value: 3, met: true }],
    });
    expect(rows).toEqual([
      ['aToB', '2', '1 … 3', '×', '≤ 1: MISSED'],
      ['a.s', '3', '', 's', '≥ 2: met'],
      ['a.generator.cpuShare', '0.95', '', 'cores', 'the load generator was the limit'],
      ['b.generator.cpuShare', '0.2', '', 'cores', ''],
    ]);
    expect(plainTable(rows.slice(0, 2))).toBe(['number  median  min … max  unit  goal', 'aToB         2  1 … 3      ×     ≤ 1: MISSED', 'a.s          3             s     ≥ 2: met'].join('\n'));
  });
});
