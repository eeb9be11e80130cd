// What the signal chart draws: the seconds in view, thinned to what the width can show, one percentile row per lane.
import type { Highlight, SignalBin } from '../shared/model.ts';
import type { Ranks } from './ranks.ts';

export type LaneWindow = 180 | 600 | 'all';
export type Range = { startS: number; endS: number };

/** The view: `span` seconds that end with the newest one (or with `endS` when not following). */
export const viewRange = (bins: readonly SignalBin[], window: LaneWindow, endS: number | null): Range => {
  const last = (bins.at(-1)?.second ?? 0) + 1;
  if (window === 'all') return { startS: 0, endS: Math.max(last, 10) };
  const end = Math.min(Math.max(endS ?? last, window), Math.max(last, window));
  return { startS: end - window, endS: end };
};

/** First index whose second is not before `second`; bins are in order. */
export const lowerBound = (bins: readonly SignalBin[], second: number): number => {
  let low = 0;
  let high = bins.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bins[middle]!.second < second) low = middle + 1;
    else high = middle;
  }
  return low;
};

export const binAt = (bins: readonly SignalBin[], second: number): SignalBin | null => {
  const bin = bins[lowerBound(bins, second)];
  return bin && bin.second === second ? bin : null;
};

/**
 * Columns for uPlot: x in seconds, then one row per lane with 0..1 percentiles, null where no second was reported (a gap).
 * At most `columns` of them: each takes the highest percentile of its seconds, so that a short peak stays visible.
 */
export const laneColumns = (bins: readonly SignalBin[], range: Range, lanes: readonly number[], ranks: Ranks, columns: number): { x: number[]; rows: (number | null)[][] } => {
  const step = Math.max(1, Math.ceil((range.endS - range.startS) / Math.max(1, columns)));
  const x: number[] = [];
  const rows: (number | null)[][] = lanes.map(() => []);
  let at = lowerBound(bins, range.startS);
  for (let second = Math.floor(range.startS / step) * step; second < range.endS; second += step) {
    x.push(second + step / 2);
    const from = at;
    while (at < bins.length && bins[at]!.second < second + step) at += 1;
    lanes.forEach((lane, row) => {
      let highest: number | null = null;
      for (let index = from; index < at; index += 1) highest = Math.max(highest ?? 0, ranks.rank(lane, bins[index]!.values[lane] ?? -Infinity));
      rows[row]!.push(highest);
    });
  }
  return { x, rows };
};

export const highlightAt = (highlights: readonly Highlight[], ms: number): Highlight | null =>
  highlights.find((highlight) => highlight.state !== 'vetoed' && highlight.startMs <= ms && ms < highlight.endMs) ?? null;
