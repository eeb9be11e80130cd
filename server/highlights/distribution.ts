// How unusual a value is: percentile within the whole stream (fixed histogram) and within the last three minutes (ring).
import { SIGNALS, type Signal } from '../../shared/model.ts';

export const RECENT_S = 180;
const BUCKETS = 320;
/** lowest and highest value told apart, per signal */
const RANGES: Record<Signal, [number, number]> = {
  loudness: [-70, 10], rise: [-40, 40], voice: [0, 1], onset: [0, 1], rate: [0, 10], phrase: [-2, 2], sentiment: [0, 20], laughter: [0, 1], scene: [0, 1], silence: [0, 1],
};

/** Histogram of one number: 320 buckets, whatever the length of the stream. */
export const createHistogram = ([low, high]: [number, number]) => {
  const counts = new Uint32Array(BUCKETS);
  let total = 0;
  const bucketOf = (value: number): number => Math.max(0, Math.min(BUCKETS - 1, Math.floor(((value - low) / (high - low)) * BUCKETS)));
  return {
    add: (value: number): void => {
      counts[bucketOf(value)]! += 1; // bucketOf stays inside the array
      total += 1;
    },
    total: () => total,
    /** share below, half of the equals counted; 0.5 when nothing is known */
    percentile: (value: number): number => {
      if (total === 0) return 0.5;
      const bucket = bucketOf(value);
      let below = 0;
      for (let i = 0; i < bucket; i++) below += counts[i]!; // i < BUCKETS
      return (below + counts[bucket]! / 2) / total; // bucketOf stays inside the array
    },
    /** upper edge of the bucket where `share` of all values lie at or below */
    quantile: (share: number): number => {
      let seen = 0;
      for (let i = 0; i < BUCKETS; i++) {
        seen += counts[i]!; // i < BUCKETS
        if (total > 0 && seen >= share * total) return low + ((i + 1) / BUCKETS) * (high - low);
      }
      return high;
    },
  };
};

/** The last `size` numbers. */
export const createRing = (size: number) => {
  const values: number[] = [];
  return {
    add: (value: number): void => {
      values.push(value);
      if (values.length > size) values.shift();
    },
    last: (count: number): number[] => values.slice(-count),
    percentile: (value: number): number => {
      if (values.length === 0) return 0.5;
      let halves = 0;
      for (const one of values) halves += one < value ? 2 : one === value ? 1 : 0;
      return halves / 2 / values.length;
    },
  };
};

export const quantileOf = (values: number[], share: number): number | null =>
  Float64Array.from(values).sort()[Math.max(0, Math.ceil(share * values.length) - 1)] ?? null;

export type Distribution = {
  add(values: Partial<Record<Signal, number>>): void;
  /** percentile within the stream and within the last three minutes, the lower of both: unusual must mean unusual in either */
  percentile(signal: Signal, value: number): number;
};

export const createDistribution = (): Distribution => {
  const lanes = new Map(SIGNALS.map((signal) => [signal, { all: createHistogram(RANGES[signal]), recent: createRing(RECENT_S) }]));
  return {
    add: (values) => {
      for (const signal of SIGNALS) {
        const value = values[signal];
        if (value === undefined) continue;
        lanes.get(signal)?.all.add(value);
        lanes.get(signal)?.recent.add(value);
      }
    },
    percentile: (signal, value) => {
      const lane = lanes.get(signal);
      return lane ? Math.min(lane.all.percentile(value), lane.recent.percentile(value)) : 0.5;
    },
  };
};
