import { array, assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIGNALS, type Highlight, type SignalBin } from '../shared/model.ts';
import { binAt, highlightAt, laneColumns, lowerBound, viewRange } from './lanes.ts';
import { createRanks } from './ranks.ts';
import { activeLanes } from '../shared/signals.ts';

const bin = (second: number, values: Partial<Record<(typeof SIGNALS)[number], number>> = {}): SignalBin => ({ second, speech: 0, values: SIGNALS.map((signal) => values[signal] ?? (signal === 'loudness' ? -70 : 0)) });
const VOICE = SIGNALS.indexOf('voice');

describe('ranks', () => {
  it('rank values as a sort would, within one step of the histogram', () => {
    assert(
      property(array(integer({ min: 1, max: 511 }), { minLength: 1, maxLength: 60 }), (steps) => {
        const values = steps.map((step) => step / 511);
        const ranks = createRanks();
        ranks.update(values.map((voice, second) => bin(second, { voice })));
        for (const value of values) {
          const lower = values.filter((other) => other < value).length;
          const equal = values.filter((other) => other === value).length;
          expect(ranks.rank(VOICE, value)).toBeCloseTo((lower + equal / 2) / values.length, 9);
        }
      }),
    );
  });
  it('count each second once, however the list arrives, and replace a second that is reported again', () => {
    const bins = Array.from({ length: 40 }, (_, second) => bin(second, { voice: second / 40 }));
    const whole = createRanks();
    whole.update(bins);
    const parts = createRanks();
    for (let length = 1; length <= 40; length += 1) parts.update(bins.slice(0, length));
    parts.update(bins);
    expect(parts.rank(VOICE, 0.5)).toBe(whole.rank(VOICE, 0.5));
    parts.update([...bins.slice(0, 39), bin(39, { voice: 1 })]);
    expect(parts.rank(VOICE, 1)).toBeCloseTo(39.5 / 40);
  });
  it('a resting signal has no rank, and its lane is left out', () => {
    const ranks = createRanks();
    ranks.update([bin(0, { loudness: -20 }), bin(1, { scene: 0.4 })]);
    expect(ranks.rank(VOICE, 0)).toBe(0);
    expect(activeLanes(ranks.heard).map((index) => SIGNALS[index])).toEqual(['loudness', 'rise', 'voice', 'scene']);
  });
});

describe('the view', () => {
  const bins = Array.from({ length: 1000 }, (_, second) => bin(second));
  it('follows the newest second, stays where it is put, or shows all', () => {
    expect(viewRange(bins, 180, null)).toEqual({ startS: 820, endS: 1000 });
    expect(viewRange(bins, 180, 400)).toEqual({ startS: 220, endS: 400 });
    expect(viewRange(bins, 600, 10)).toEqual({ startS: 0, endS: 600 });
    expect(viewRange(bins.slice(0, 20), 180, null)).toEqual({ startS: 0, endS: 180 });
    expect(viewRange(bins, 'all', null)).toEqual({ startS: 0, endS: 1000 });
    expect(viewRange([], 'all', null)).toEqual({ startS: 0, endS: 10 });
  });
  it('thins a long stream without losing a one-second peak, and leaves gaps empty', () => {
    const long = bins.map((each) => (each.second === 777 ? bin(777, { voice: 1 }) : each)).filter(({ second }) => second < 300 || second >= 400);
    const ranks = createRanks();
    ranks.update(long);
    const { x, rows } = laneColumns(long, { startS: 0, endS: 1000 }, [VOICE], ranks, 100);
    expect(x).toHaveLength(100);
    expect(rows[0]![77]).toBeGreaterThan(0.99);
    expect(rows[0]!.slice(30, 40)).toEqual(Array(10).fill(null));
    expect(rows[0]![29]).toBe(0);
  });
  it('finds the second and the highlight under the pointer', () => {
    expect(lowerBound(bins, 1e9)).toBe(1000);
    expect(binAt(bins.slice(0, 5), 3)?.second).toBe(3);
    expect(binAt(bins.slice(0, 5), 7)).toBeNull();
    const highlight: Highlight = { id: 'h', sessionId: 's', version: 1, state: 'refined', startMs: 1000, endMs: 2000, peakMs: 1500, score: 1, title: '', reasons: [] };
    expect(highlightAt([highlight], 1999)).toBe(highlight);
    expect(highlightAt([highlight], 2000)).toBeNull();
    expect(highlightAt([{ ...highlight, state: 'vetoed' }], 1500)).toBeNull();
  });
});
