// `npm run fuzz -- TARGET [--runs N] [--seed S] [--case K]`: hostile input from a seed; prints one line and every finding, exits 1
// where there is one. Targets: see server/testing/fuzz.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { FuzzOptions, FuzzReport } from '../server/testing/fuzz/fuzz.ts';
import { fuzzChunks } from '../server/testing/fuzz/chunks.ts';
import { fuzzFrames } from '../server/testing/fuzz/frames.ts';
import { fuzzHttp } from '../server/testing/fuzz/http.ts';
import { fuzzInjection } from '../server/testing/fuzz/injection.ts';
import { fuzzOpus } from '../server/testing/fuzz/opus.ts';
import { fuzzProviders } from '../server/testing/fuzz/providers.ts';
import { fuzzServerChunks } from '../server/testing/fuzz/server-chunks.ts';
import { fuzzServerFrames } from '../server/testing/fuzz/server-frames.ts';
import { type ServerProcess, startServer, temporaryFolder } from './server-process.ts';

const demo = join(import.meta.dirname, 'demo.mp4');

/** Against a server of its own, in a folder that goes afterwards. */
const onServer = (fuzz: (options: FuzzOptions & { server: ServerProcess; bystanderFile: string }) => Promise<FuzzReport>) => async (options: FuzzOptions): Promise<FuzzReport> => {
  const folder = await temporaryFolder('fuzz');
  const server = await startServer({ dataDir: join(folder.path, 'data') });
  let alive = true;
  void server.kill('SIGCONT').then(() => (alive = false));
  try {
    const report = await fuzz({ ...options, server, bystanderFile: demo });
    if (!alive) report.findings.push({ number: -1, what: `the server ended:\n${server.log().slice(-20).join('\n')}`, input: '' });
    for (const line of server.log()) if (/a defect|TypeError|RangeError/.test(line)) report.findings.push({ number: -1, what: line, input: '' });
    return report;
  } finally {
    await server.kill('SIGTERM');
    await folder.remove();
  }
};

const TARGETS: Record<string, { runs: number; fuzz: (options: FuzzOptions) => FuzzReport | Promise<FuzzReport> }> = {
  frames: { runs: 1_000_000, fuzz: fuzzFrames },
  chunks: { runs: 100_000, fuzz: fuzzChunks },
  http: { runs: 50_000, fuzz: onServer(fuzzHttp) },
  injection: { runs: 100_000, fuzz: fuzzInjection },
  opus: { runs: 200_000, fuzz: fuzzOpus },
  providers: { runs: 20_000, fuzz: fuzzProviders },
  'server-chunks': { runs: 100_000, fuzz: onServer(fuzzServerChunks) },
  'server-frames': { runs: 1_000_000, fuzz: onServer(fuzzServerFrames) },
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
