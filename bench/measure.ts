// Runs a scenario: every contender once a round, one after another, the order rotated so that none is always first.
import { cpuUsage } from 'node:process';
import type { Contender, Goal, Prepared, Ratio } from './scenario.ts';
import { median, spread, type Spread } from './statistics.ts';

/** One result per round. */
export type Series = Record<string, number[]>;
export type RatioResult = Spread & { better: 'lower' | 'higher' };
export type GoalResult = Goal & { value: number; met: boolean };
export type Result = {
  rounds: number;
  /** `contender.metric` */
  metrics: Record<string, Spread & { unit: string }>;
  ratios: Record<string, RatioResult>;
  goals: GoalResult[];
};

/** The load generator's own share of a core: near 1, the number beside it is limited by the generator. */
export const GENERATOR = 'generator.cpuShare';

/** What ends sooner was worked out, and loaded nothing. */
const LOAD_MS = 50;

export const rotated = <T>(list: T[], by: number): T[] => list.map((_, index) => list[(index + by) % list.length]!); // within the list

/** Rounds `from`…`to`, without `to`; what they measured is appended to `series`. */
export const runRounds = async (contenders: Contender[], series: Series, from: number, to: number, progress: (text: string) => void): Promise<void> => {
  for (let round = from; round < to; round += 1) {
    for (const contender of rotated(contenders, round)) {
      progress(`round ${round + 1}/${to}: ${contender.name}`);
      const [began, cpu] = [performance.now(), cpuUsage()];
      const numbers = await contender.run(round);
      const { user, system } = cpuUsage(cpu);
      const tookMs = performance.now() - began;
      const own = tookMs > LOAD_MS ? { [GENERATOR]: (user + system) / 1_000 / tookMs } : {};
      for (const [metric, value] of Object.entries({ ...own, ...numbers })) {
        if (!Number.isFinite(value)) throw new Error(`${contender.name}.${metric} is ${value} in round ${round + 1}`);
        (series[`${contender.name}.${metric}`] ??= []).push(value);
      }
    }
  }
};

const directionOf = (ratio: Ratio, goals: Goal[]): 'lower' | 'higher' => {
  if (ratio.better) return ratio.better;
  const goal = goals.find(({ name }) => name === ratio.name);
  return goal?.atLeast !== undefined ? 'higher' : 'lower';
};

const isMet = (goal: Goal, value: number): boolean => value <= (goal.atMost ?? Infinity) && value >= (goal.atLeast ?? -Infinity);

/** Throws where a ratio or a goal names a number that nobody measured. */
export const summarise = (series: Series, { ratios, goals, units }: Pick<Prepared, 'ratios' | 'goals' | 'units'>): Result => {
  const measured = (name: string, by: string): number[] => {
    const values = series[name];
    if (!values) throw new Error(`${by} names ${name}; measured were ${Object.keys(series).join(', ')}`);
    return values;
  };
  const quotients = ratios.map((ratio) => {
    const [of, to] = [measured(ratio.of, ratio.name), measured(ratio.to, ratio.name)];
    return { ratio, values: of.map((value, round) => value / to[round]!) }; // every contender runs in every round
  });
  const valuesOf = (name: string): number[] => quotients.find(({ ratio }) => ratio.name === name)?.values ?? measured(name, 'a goal');
  return {
    rounds: Math.max(...Object.values(series).map(({ length }) => length)),
    metrics: Object.fromEntries(Object.entries(series).map(([name, values]) => {
      const metric = name.slice(name.indexOf('.') + 1);
      return [name, { ...spread(values), unit: units[metric] ?? (metric === GENERATOR ? 'cores' : '') }];
    })),
    ratios: Object.fromEntries(quotients.map(({ ratio, values }) => [ratio.name, { ...spread(values), better: directionOf(ratio, goals) }])),
    goals: goals.map((goal) => {
      const value = median(valuesOf(goal.name));
      return { ...goal, value, met: isMet(goal, value) };
    }),
  };
};
