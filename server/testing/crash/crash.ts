// `npm run faults -- crash|power`: the command line of the crash and power rounds.
import { parseArgs } from 'node:util';
import { CRASH_POINTS } from './crash-points.ts';
import { crashRounds, summaryOf } from './crash-rounds.ts';

export const runRounds = async (args: string[], power: boolean): Promise<void> => {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
  const report = await crashRounds({ rounds: Number(values.rounds), seed, power, say: (line) => console.error(line) });
  for (const name of CRASH_POINTS) console.log(`  ${String(report.points.get(name) ?? 0).padStart(4)} × ${name}`);
  console.log(`${power ? 'power' : 'crash'}: ${summaryOf(report)}`);
  if (report.unreached.length > 0) throw new Error(`never reached: ${report.unreached.join(', ')}`);
};
export const run = (args: string[]): Promise<void> => runRounds(args, false);
