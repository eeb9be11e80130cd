// `npm run fuzz -- TARGET [--runs N] [--seed S] [--case K]`: hostile input from a seed; prints one line and every finding, exits 1
// where there is one. Targets: see server/testing/fuzz.
import { parseArgs } from 'node:util';
import type { FuzzOptions, FuzzReport } from '../server/testing/fuzz/fuzz.ts';
import { fuzzFrames } from '../server/testing/fuzz/frames.ts';

const TARGETS: Record<string, { runs: number; fuzz: (options: FuzzOptions) => FuzzReport | Promise<FuzzReport> }> = {
  frames: { runs: 1_000_000, fuzz: fuzzFrames },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string' }, seed: { type: 'string' }, case: { type: 'string' } } });
const [name = ''] = positionals;
const target = TARGETS[name];
if (!target) {
  console.error(`npm run fuzz -- TARGET [--runs N] [--seed S] [--case K]; targets: ${Object.keys(TARGETS).join(', ')}`);
  process.exit(2);
}
const seed = Number(values.seed ?? process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const report = await target.fuzz({ runs: Number(values.runs ?? target.runs), seed, ...(values.case === undefined ? {} : { only: Number(values.case) }), progress: (line) => process.stderr.write(`${line}\n`) });
console.log(`fuzz ${report.target}: ${report.runs} cases, seed ${seed}, ${report.findings.length} findings; ${report.summary}`);
for (const { number, what, input } of report.findings) console.log(`  case ${number}: ${what}\n    ${input}`);
process.exit(report.findings.length > 0 ? 1 : 0);
