// Each signal as a percentile within this stream: a histogram per signal (fixed range, 512 steps) is fed each second once, so
// that a stream of two days costs no sorting. A bin reported again (same second) replaces what it said before.
import { SIGNALS, type SignalBin } from '../shared/model.ts';
import { SIGNAL_LABELS } from '../shared/signals.ts';

const STEPS = 512;

export type Ranks = {
  /** Takes the whole list each time; only what is new or changed since the last call is counted. */
  update(bins: readonly SignalBin[]): void;
  /** Share of this stream's seconds with a lower value, ties counted half; 0 for a value no second has risen above. */
  rank(index: number, value: number): number;
  /** has this signal ever differed from its resting value? */
  heard(index: number): boolean;
};

export const createRanks = (): Ranks => {
  const ranges = SIGNALS.map((signal) => SIGNAL_LABELS[signal]);
  const counts = SIGNALS.map(() => new Uint32Array(STEPS));
  let below = counts.map(() => new Uint32Array(STEPS));
  let total = 0;
  let seen: readonly SignalBin[] = [];

  const step = (index: number, value: number): number => {
    const { low, high } = ranges[index]!; // index follows SIGNALS
    return Math.min(STEPS - 1, Math.max(0, Math.round(((value - low) / (high - low)) * (STEPS - 1))));
  };
  const count = (bin: SignalBin, by: 1 | -1): void => {
    total += by;
    for (let index = 0; index < counts.length; index += 1) {
      const row = counts[index]!;
      const at = step(index, bin.values[index] ?? ranges[index]!.low);
      row[at] = row[at]! + by;
    }
  };

  return {
    update: (bins) => {
      let same = 0;
      const shared = Math.min(seen.length, bins.length);
      while (same < shared && seen[same] === bins[same]) same += 1;
      for (const gone of seen.slice(same)) count(gone, -1);
      for (const come of bins.slice(same)) count(come, 1);
      if (same === seen.length && same === bins.length) return;
      seen = bins.slice();
      below = counts.map((row) => {
        const sums = new Uint32Array(STEPS);
        for (let at = 1; at < STEPS; at += 1) sums[at] = sums[at - 1]! + row[at - 1]!;
        return sums;
      });
    },
    rank: (index, value) => {
      const at = step(index, value);
      if (total === 0 || at === 0) return 0;
      return (below[index]![at]! + counts[index]![at]! / 2) / total;
    },
    heard: (index) => counts[index]!.some((amount, at) => at > 0 && amount > 0),
  };
};
