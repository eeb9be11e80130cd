// From the spawn of `node server/main.ts` to its port being open, beside a bare Node process and a bare embedded PostgreSQL, which
// no start can undercut. Seconds of processor time are what a busy machine does not change.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { startServer, temporaryFolder } from '../scripts/server-process.ts';
import { cpuSeconds } from './processor-time.ts';
import type { Scenario } from './scenario.ts';

/** Of a process that is told to print its own. */
const bare = async (script: string): Promise<Record<string, number>> => {
  const began = performance.now();
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${script};const { user, system } = process.cpuUsage(); console.log((user + system) / 1e6); process.exit(0)`], { cwd: resolve(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] });
  let cpu = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { cpu += text; });
  const [[code]] = await Promise.all([once(child, 'exit'), once(child.stdout, 'end')]);
  if (code !== 0) throw new Error(`a bare process ended with ${code}`);
  return { ready: performance.now() - began, cpu: Number(cpu) };
};

export const start: Scenario = {
  name: 'start',
  question: 'How long does a cold start take until the port is open?',
  prepare: async (scale) => {
    const folder = await temporaryFolder('bench-start');
    const dataDir = join(folder.path, 'data');
    const run = async (dir: string): Promise<Record<string, number>> => {
      const server = await startServer({ dataDir: dir });
      const cpu = cpuSeconds(server.pid);
      await server.kill('SIGTERM');
      return { ready: server.startedInMs, cpu };
    };
    await run(dataDir);
    const database = join(folder.path, 'database');
    const postgres = `const { startEmbeddedPostgres } = await import('./server/adapters/embedded-postgres.ts'); const quiet = () => {}; const began = await startEmbeddedPostgres({ dir: ${JSON.stringify(database)}, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } }); process.once('exit', () => process.kill(began.pid(), 'SIGINT'))`;
    await bare(postgres);
    return {
      rounds: scale === 'quick' ? 3 : 9,
      contenders: [
        { name: 'again', run: () => run(dataDir) },
        { name: 'first', run: async () => {
          const fresh = join(folder.path, 'fresh');
          await rm(fresh, { recursive: true, force: true });
          return run(fresh);
        } },
        { name: 'node', run: () => bare('') },
        { name: 'postgres', run: async () => {
          const result = await bare(postgres);
          await new Promise((done) => setTimeout(done, 500)); // it shuts down behind its parent
          return result;
        } },
      ],
      ratios: [{ name: 'start / bare PostgreSQL', of: 'again.ready', to: 'postgres.ready' }, { name: 'start / bare node', of: 'again.ready', to: 'node.ready' }],
      goals: [{ name: 'again.ready', atMost: 1_500 }],
      units: { ready: 'ms', cpu: 's' },
      close: folder.remove,
    };
  },
};
