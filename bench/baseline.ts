// What was measured before, and what counts as a regression against it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Machine, sameMachine } from './machine.ts';
import type { Result } from './measure.ts';
import type { Scale } from './scenario.ts';

/** Ratios are compared; absolute numbers are kept to be read. */
export type Saved = Result & { question: string; measuredAt: string; machine: Machine };
export type Baseline = Record<Scale, Record<string, Saved>>;

const FILE = join(import.meta.dirname, 'baseline.json');

export const readBaseline = (): Baseline => (existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Baseline) : { full: {}, quick: {} });

/** Four digits: more is noise, and the file is read in diffs. */
const shorter = (_key: string, value: unknown): unknown => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

const sorted = (entries: Record<string, Saved>): Record<string, Saved> => Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)));

export const baselineText = ({ full, quick }: Baseline): string => `${JSON.stringify({ full: sorted(full), quick: sorted(quick) }, shorter, 1)}\n`;

export const writeBaseline = (baseline: Baseline): void => writeFileSync(FILE, baselineText(baseline));

/** A ratio may be worse by this share: 15 % in full scale on the machine of the baseline; half as much again in few rounds or elsewhere. */
export const limitFor = (scale: Scale, saved: Machine, now: Machine): number => (scale === 'full' && sameMachine(saved, now) ? 0.15 : 0.5);

export type Regression = { ratio: string; was: number; is: number; worseBy: number };

/**
 * Ratios that became worse by more than `limit`: in the median AND in the best round. A busy machine spoils some rounds and so
 * the median; that no round at all comes near the best of before is the code's doing.
 */
export const regressions = (before: Pick<Result, 'ratios'>, now: Pick<Result, 'ratios'>, limit: number): Regression[] =>
  Object.entries(now.ratios).flatMap(([ratio, is]) => {
    const was = before.ratios[ratio];
    if (!was) return [];
    const worse = (old: number, fresh: number): number => (is.better === 'lower' ? fresh / old : old / fresh) - 1;
    const best = is.better === 'lower' ? 'min' : 'max';
    const [worseBy, bestWorseBy] = [worse(was.median, is.median), worse(was[best], is[best])];
    return worseBy > limit && bestWorseBy > limit ? [{ ratio, was: was.median, is: is.median, worseBy }] : [];
  });
