// `npm run simulate -- --seeds N --from S [--workers W] [--trace]`: runs the worlds S … S+N−1; prints each that breaks a rule, with its trace.
import { parseArgs } from 'node:util';
import { type Outcome, runWorld } from '../server/testing/simulation/world.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' }, workers: { type: 'string', default: '1' }, trace: { type: 'boolean', default: false }, stop: { type: 'boolean', default: false } } });

const run = async (): Promise<void> => {
  const from = Number(values.from);
  const until = from + Number(values.seeds);
  const ends: Record<string, number> = {};
  let [steps, clips, bad, lives] = [0, 0, 0, 0];
  const began = process.cpuUsage();
  for (let seed = from; seed < until; seed++) {
    const outcome = await new Promise<Outcome>((resolve) => { setImmediate(() => resolve(runWorld(seed, { traced: values.trace }))); });
    steps += outcome.steps;
    clips += outcome.clips;
    lives += outcome.lives;
    ends[outcome.ended] = (ends[outcome.ended] ?? 0) + 1;
    if (values.trace) console.log(outcome.trace.join('\n'));
    if (outcome.violation) {
      bad++;
      console.log(`seed ${seed}: ${outcome.violation.rule} ${outcome.violation.message} (${outcome.steps} steps)`);
      if (values.stop) break;
    }
  }
  const { user, system } = process.cpuUsage(began);
  const count = until - from;
  console.log(JSON.stringify({ seeds: count, violations: bad, ends, steps: Math.round(steps / count), clips, lives, msPerSeed: (user + system) / 1000 / count }));
};
await run();
