// `npm run bench [-- SCENARIO…] [--quick] [--json]`: scenarios one by one or all.
import { cpus } from 'node:os';
import { pipelineBench } from './pipeline.ts';
import { sessionsBench } from './sessions.ts';

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const scenarios = {
  pipeline: () => pipelineBench(quick ? { rounds: 1, seconds: 120 } : { rounds: 5, seconds: 600 }),
  sessions: () => sessionsBench(quick ? { sessions: 20, seconds: 30 } : { sessions: 100, seconds: 60 }),
};
const asked = args.filter((arg) => !arg.startsWith('--'));
const unknown = asked.find((name) => !(name in scenarios));
if (unknown !== undefined) {
  console.error(`no scenario ${unknown}; there are ${Object.keys(scenarios).join(', ')}`);
  process.exit(2);
}
const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
console.log(JSON.stringify({ machine }));
for (const [name, run] of Object.entries(scenarios)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(JSON.stringify(await run(), null, args.includes('--json') ? 0 : 2));
}
