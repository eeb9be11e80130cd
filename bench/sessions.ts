// Many recordings at once: 2.5 Mbit/s each, a connection each, pieces of two seconds as the extension sends them; the server and
// its children bound to one core, the load made by another process on the other.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureLoad, type Measured } from './bound-server.ts';
import { recordedPieces, type Pieces } from './load.ts';
import { GENERATOR } from './measure.ts';
import type { Contender, Scale, Scenario } from './scenario.ts';

/** `sizes`: how many at once, with and without features; what is promised is looked at at the largest */
type Plan = { sizes: { on: number[]; off: number[] }; seconds: number };
const PLANS: Record<Scale, Plan> = {
  quick: { sizes: { on: [20], off: [20] }, seconds: 10 },
  full: { sizes: { on: [1, 200], off: [1, 200, 800] }, seconds: 12 },
};
const LOOP_DELAY_MS = 50;
/** Opening a recording costs more than a second of it: they come one after another, as viewers turn up, not as after a restart (`recovery`). */
const rampSeconds = (sessions: number): number => Math.max(4, sessions / 33);

const contender = (name: string, features: 'on' | 'off', plan: Plan, pieces: Pieces): Contender => {
  const measure = (sessions: number): Promise<Measured> => measureLoad(pieces, { oneCore: true, sessions, rampSeconds: rampSeconds(sessions), seconds: plan.seconds, window: 0, env: { CLIPPY_FEATURES: features } });
  return {
    name,
    run: async () => {
      const metrics: Record<string, number> = {};
      for (const size of plan.sizes[features]) {
        const { cpuS, seconds, peakRss, idleRss, probe, ackMs, cpuSeconds, sent, acked, lateMs, peakDepth } = await measure(size);
        const cpuMs = (cpuS * 1_000) / seconds / size;
        Object.assign(metrics, {
          [`cpuMsAt${size}`]: cpuMs, [`rssAt${size}`]: (peakRss - idleRss) / 1e6 / size, [`delayP99At${size}`]: probe.delayP99Ms, [`ackP99At${size}`]: ackMs.p99,
          // of the largest size
          perCore: 1_000 / cpuMs, ackedShare: acked / sent, delayP50: probe.delayP50Ms, delayP99: probe.delayP99Ms, ackP50: ackMs.p50, ackP99: ackMs.p99, depth: peakDepth, late: lateMs.p99, [GENERATOR]: cpuSeconds / seconds,
        });
      }
      return metrics;
    },
  };
};

export const sessions: Scenario = {
  name: 'sessions',
  question: 'Does one core take 200 recordings with sound features and 800 without, and what does one more cost as they grow?',
  prepare: async (scale) => {
    const plan = PLANS[scale];
    const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
    const pieces = await recordedPieces(folder, 60);
    const compared = plan.sizes.on.at(-1)!; // a plan has sizes
    return {
      rounds: scale === 'quick' ? 1 : 7,
      contenders: [contender('features', 'on', plan, pieces), contender('plain', 'off', plan, pieces)],
      ratios: [{ name: 'plainToFeatures', of: `plain.cpuMsAt${compared}`, to: `features.cpuMsAt${compared}`, better: 'lower' }],
      goals: [
        // short runs pay for start-up
        ...(scale === 'quick' ? [] : [{ name: 'features.perCore', atLeast: 200 }, { name: 'plain.perCore', atLeast: 800 }]),
        { name: 'features.delayP99', atMost: LOOP_DELAY_MS }, { name: 'plain.delayP99', atMost: LOOP_DELAY_MS },
        { name: 'features.ackedShare', atLeast: 1 }, { name: 'plain.ackedShare', atLeast: 1 },
      ],
      units: {
        perCore: 'recordings by CPU', ackedShare: '', delayP50: 'ms', delayP99: 'ms', ackP50: 'ms', ackP99: 'ms', depth: 'items in stages', late: 'ms',
        ...Object.fromEntries(plan.sizes.off.flatMap((size) => [[`cpuMsAt${size}`, 'CPU-ms per recording and s'], [`rssAt${size}`, 'MB each'], [`delayP99At${size}`, 'ms'], [`ackP99At${size}`, 'ms']])),
      },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
};
