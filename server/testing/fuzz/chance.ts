// Chance for fuzzing: every case has its own, made from seed and number, so that one case is run again without those before it.
import { seededRandom } from '../../../shared/testing/random.ts';

export type Chance = {
  /** uniform in [0, 1) */
  next(): number;
  /** a whole number in [0, n) */
  below(n: number): number;
  /** true so often */
  often(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  bytes(length: number): Uint8Array<ArrayBuffer>;
};

export const chanceOf = (seed: number, number: number): Chance => {
  const next = seededRandom(Math.imul(seed, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca6b));
  const below = (n: number): number => Math.floor(next() * n);
  return {
    next, below,
    often: (share) => next() < share,
    pick: (list) => {
      if (list.length === 0) throw new RangeError('nothing to pick from');
      return list[below(list.length)]!; // the index is below the length
    },
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
};
