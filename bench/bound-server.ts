// A server under load, on all cores or bound to one, with a probe in it that tells how late its event loop was.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startServer } from '../scripts/server-process.ts';
import { rssBytes, treeOf } from '../server/testing/processes.ts';
import type { LoadReport } from './load.ts';
import { openLoad, type Pieces } from './load.ts';
import type { ProbeLine } from './probe.ts';
import { cpuSeconds } from './processor-time.ts';

const SERVER_CORE = 0;
const SAMPLE_MS = 1_000;
const PROBE_MS = 30_000;

/** `cpuS`: of the server and its children, in the time reported. `peakRss`, `peakDepth`: bytes, and items in its stages, sampled every second. */
export type Measured = LoadReport & { cpuS: number; idleRss: number; peakRss: number; peakDepth: number; probe: ProbeLine };

/** `oneCore`: the server's threads and children share one. */
export type Trial = { oneCore: boolean; sessions: number; rampSeconds: number; seconds: number; window: number; env: Record<string, string> };

export const measureLoad = async (pieces: Pieces, { oneCore, sessions, rampSeconds, seconds, window, env }: Trial): Promise<Measured> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  const probe = join(folder, 'probe');
  const server = await startServer({
    dataDir: join(folder, 'data'),
    env: { CLIPPY_SCENES: 'off', CLIPPY_MAX_SESSIONS: '100000', CLIPPY_METRICS_PUBLIC: 'on', CLIPPY_TEST_PROBE: probe, NODE_OPTIONS: `--import=${resolve(import.meta.dirname, 'probe.ts')}`, ...env },
  });
  try {
    const several = oneCore && cpus().length > 1;
    // threads and children begun later stay on the core of who began them
    if (several) for (const { pid } of treeOf(server.pid)) execFileSync('taskset', ['-a', '-p', '-c', String(SERVER_CORE), String(pid)], { stdio: 'ignore' });
    const idleRss = rssBytes(server.pid);
    const load = await openLoad({ ...pieces, url: server.url, token: server.token, sessions, firstKey: 0, rampSeconds, seconds, window }, several ? 1 : null);
    try {
      const { report } = await load.go();
      const before = cpuSeconds(server.pid); // the probe answers when the server finds the time
      await askProbe(server.pid, probe, 1);
      let [peakRss, peakDepth] = [idleRss, 0];
      const watch = setInterval(() => {
        peakRss = Math.max(peakRss, rssBytes(server.pid));
        void depthOf(server.url).then((depth) => { peakDepth = Math.max(peakDepth, depth); }, () => undefined); // too busy to answer: seen elsewhere
      }, SAMPLE_MS);
      const told = await report.finally(() => clearInterval(watch));
      const cpuS = cpuSeconds(server.pid) - before;
      return { ...told, cpuS, idleRss, peakRss, peakDepth, probe: await askProbe(server.pid, probe, 2) };
    } finally {
      load.stop();
    }
  } finally {
    await server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
};

/** Line `nth` of the probe, which it writes when asked. */
const askProbe = async (pid: number, file: string, nth: number): Promise<ProbeLine> => {
  process.kill(pid, 'SIGUSR2');
  for (const until = performance.now() + PROBE_MS; performance.now() < until;) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (lines.length > nth) return JSON.parse(lines[nth - 1]!) as ProbeLine; // of probe.ts; more lines than nth
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`the server did not answer its probe in ${PROBE_MS} ms; it has too much to do`);
};

const depthOf = async (url: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(SAMPLE_MS) })).text();
  return [...text.matchAll(/^clippy_stage_depth\{[^}]*\} (\d+)/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
};
