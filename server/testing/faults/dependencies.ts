// The command line of the dependency campaign.
import { parseArgs } from 'node:util';
import { runCampaign, summaryLine } from './campaign.ts';
import { type WorldName, endWorlds } from './world.ts';

const WORLDS: WorldName[] = ['services', 'one disk'];

export const run = async (args: string[]): Promise<void> => {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string' }, world: { type: 'string' } } });
  const seed = Number(values.seed ?? process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
  const worlds = values.world === undefined ? WORLDS : WORLDS.filter((name) => name === values.world);
  if (worlds.length === 0) throw new Error(`--world ${values.world}: give ${WORLDS.map((name) => `"${name}"`).join(' or ')}`);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void endWorlds().then(() => process.exit(1)));
  console.log(`dependency faults: ${values.rounds} rounds, seed ${seed}`);
  const report = await runCampaign({ rounds: Number(values.rounds), seed, worlds, say: (line) => console.log(line) });
  for (const [name, count] of Object.entries(report.byKind).toSorted()) console.log(`  ${String(count).padStart(5)}  ${name}`);
  console.log(summaryLine(report, seed));
};
