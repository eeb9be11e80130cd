// Many recordings at once: 2.5 Mbit/s each, a connection each, pieces of two seconds as the extension sends them; the server and
// its children bound to one core, the load made by another process on the other.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureLoad, type Measured } from './bound-server.ts';
import { recordedPieces, type Pieces } from './load.ts';
import { GENERATOR } from './measure.ts';
import type { Contender, Scale, Scenario } from './scenario.ts';

/** `sizes`: where the cost of a session is looked at, with and without features; `from`: where the search for the largest number begins, null: no search. */
type Plan = { sizes: { on: number[]; off: number[] }; rampSeconds: number; seconds: number; from: number | null };
const PLANS: Record<Scale, Plan> = {
  quick: { sizes: { on: [20], off: [20] }, rampSeconds: 4, seconds: 10, from: null },
  full: { sizes: { on: [1, 10, 100], off: [1, 10, 100, 500] }, rampSeconds: 10, seconds: 20, from: 100 },
};
const MOST = 3_200;
const LOOP_DELAY_MS = 50;
const ACK_MS = 1_000;

/** All acknowledged in time, and the event loop never late for long. */
const fits = ({ sent, acked, errors, probe, ackMs }: Measured): boolean =>
  acked >= sent && errors.length === 0 && probe.delayP99Ms < LOOP_DELAY_MS && ackMs.p99 < ACK_MS;

/** The largest number that fits, within a tenth: doubled from `from`, then halved between. */
const largest = async (from: number, tryOut: (sessions: number) => Promise<boolean>): Promise<number> => {
  let [low, high] = [0, from];
  while (high <= MOST && (await tryOut(high))) [low, high] = [high, high * 2];
  while (high - low > Math.max(1, high / 10)) {
    const middle = Math.round((low + high) / 2);
    if (await tryOut(middle)) low = middle;
    else high = middle;
  }
  return low;
};

const contender = (name: string, features: 'on' | 'off', plan: Plan, pieces: Pieces): Contender => {
  const measure = (sessions: number): Promise<Measured> => measureLoad(pieces, { oneCore: true, sessions, rampSeconds: plan.rampSeconds, seconds: plan.seconds, window: 0, env: { CLIPPY_FEATURES: features } });
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
      if (plan.from !== null) metrics['fits'] = await largest(plan.from, async (size) => fits(await measure(size).catch(() => TOO_MANY)));
      return metrics;
    },
  };
};
/** a server too busy to answer */
const TOO_MANY: Measured = { sent: 1, acked: 0, bytes: 0, seconds: 1, cpuSeconds: 0, ackMs: { p50: 0, p99: 0, max: 0 }, lateMs: { p50: 0, p99: 0, max: 0 }, errors: [], cpuS: 0, idleRss: 0, peakRss: 0, peakDepth: 0, probe: { seconds: 0, delayP50Ms: 0, delayP99Ms: Infinity, delayMaxMs: 0, busy: 1, cpuSeconds: 0, rssMb: 0, heapMb: 0, externalMb: 0 } };

export const sessions: Scenario = {
  name: 'sessions',
  question: 'How many recordings at once does one core take, with and without sound features, and what does one more cost?',
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
        ...(plan.from === null ? [] : [{ name: 'features.perCore', atLeast: 200 }, { name: 'plain.perCore', atLeast: 800 }, { name: 'features.fits', atLeast: 200 }, { name: 'plain.fits', atLeast: 800 }]),
        { name: 'features.delayP99', atMost: LOOP_DELAY_MS }, { name: 'plain.delayP99', atMost: LOOP_DELAY_MS },
        { name: 'features.ackedShare', atLeast: 1 }, { name: 'plain.ackedShare', atLeast: 1 },
      ],
      units: {
        fits: 'recordings', perCore: 'recordings by CPU', ackedShare: '', delayP50: 'ms', delayP99: 'ms', ackP50: 'ms', ackP99: 'ms', depth: 'items in stages', late: 'ms',
        ...Object.fromEntries(plan.sizes.off.flatMap((size) => [[`cpuMsAt${size}`, 'CPU-ms per recording and s'], [`rssAt${size}`, 'MB each'], [`delayP99At${size}`, 'ms'], [`ackP99At${size}`, 'ms']])),
      },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
};
