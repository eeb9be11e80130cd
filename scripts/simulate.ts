// `npm run simulate -- [--seeds N] [--from S] [--workers W] [--days D] [--trace] [--stop]`: runs the worlds S … S+N−1, each worker every W-th of them.
// A world that breaks a rule prints its seed; `--trace` prints what happened in it. `--stop` ends at the first. `--rotate` begins where
// today's date says. `--days D` runs D days of one server for each seed instead, and prints every night.
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runDays } from '../server/testing/simulation/days.ts';
import { runWorldLater } from '../server/testing/simulation/world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' }, from: { type: 'string', default: '1' }, workers: { type: 'string', default: '1' }, stride: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false }, stop: { type: 'boolean', default: false }, days: { type: 'string' }, rotate: { type: 'boolean', default: false },
  },
});

type Tally = { seeds: number; violations: number; ends: Record<string, number>; steps: number; clips: number; lives: number; cpuMs: number };
const SHOWN = 20;

const runSeeds = async (from: number, until: number, stride: number): Promise<Tally> => {
  const tally: Tally = { seeds: 0, violations: 0, ends: {}, steps: 0, clips: 0, lives: 0, cpuMs: 0 };
  for (let seed = from; seed < until; seed += stride) {
    const outcome = await runWorldLater(seed, { traced: values.trace });
    tally.seeds++;
    tally.steps += outcome.steps;
    tally.clips += outcome.clips;
    tally.lives += outcome.lives;
    tally.ends[outcome.ended] = (tally.ends[outcome.ended] ?? 0) + 1;
    if (values.trace) console.log(outcome.trace.join('\n'));
    if (!outcome.violation) continue;
    tally.violations++;
    if (tally.violations <= SHOWN) console.log(`seed ${seed}: ${outcome.violation.rule} ${outcome.violation.message}\n  npm run simulate -- --seeds 1 --from ${seed} --trace`);
    if (values.stop) break;
  }
  const { user, system } = process.cpuUsage();
  return { ...tally, cpuMs: (user + system) / 1_000 };
};

const add = (a: Tally, b: Tally): Tally => ({
  seeds: a.seeds + b.seeds, violations: a.violations + b.violations, steps: a.steps + b.steps, clips: a.clips + b.clips, lives: a.lives + b.lives, cpuMs: a.cpuMs + b.cpuMs,
  ends: Object.fromEntries([...new Set([...Object.keys(a.ends), ...Object.keys(b.ends)])].map((end) => [end, (a.ends[end] ?? 0) + (b.ends[end] ?? 0)])),
});

const workers = Number(values.workers);
const from = values.rotate ? 1_000_000 + Math.floor(Date.now() / 86_400_000) * 20_000 : Number(values.from);
const until = from + Number(values.seeds ?? (values.days === undefined ? 1_000 : 1));

const inChild = (nth: number): Promise<Tally> =>
  new Promise((resolve, reject) => {
    const args = ['--seeds', String(until - from - nth), '--from', String(from + nth), '--stride', String(workers), ...(values.stop ? ['--stop'] : [])];
    const child = fork(import.meta.filename, args, { execArgv: ['--max-semi-space-size=64'] });
    let tally: Tally | null = null;
    child.on('message', (message) => { tally = message as Tally; });
    child.on('exit', (code) => (tally ? resolve(tally) : reject(new Error(`worker ${nth} ended with ${code}`))));
  });

const runLives = async (days: number): Promise<boolean> => {
  let ok = true;
  for (let seed = from; seed < until; seed++) {
    const { violation, trace, nights, ...counts } = await runDays(seed, { days, traced: values.trace, onNight: (night) => console.log(JSON.stringify(night)) });
    if (values.trace) console.log(trace.join('\n'));
    if (violation) console.log(`seed ${seed}: ${violation.rule} ${violation.message}\n  npm run simulate -- --days ${days} --from ${seed} --trace`);
    console.log(JSON.stringify({ ...counts, violations: violation ? 1 : 0, nights: nights.length }));
    ok &&= violation === null;
  }
  return ok;
};

if (values.days !== undefined) process.exitCode = (await runLives(Number(values.days))) ? 0 : 1;
else if (workers > 1) {
  console.log(`worlds ${from} to ${until - 1} on ${workers} workers`);
  const total = (await Promise.all(Array.from({ length: workers }, (_, nth) => inChild(nth)))).reduce(add);
  console.log(JSON.stringify({ ...total, msPerSeed: total.cpuMs / total.seeds }));
  process.exitCode = total.violations > 0 ? 1 : 0;
} else {
  const total = await runSeeds(from, until, Number(values.stride));
  if (process.send) process.send(total);
  else console.log(JSON.stringify({ ...total, msPerSeed: total.cpuMs / total.seeds }));
  process.exitCode = total.violations > 0 ? 1 : 0;
}
