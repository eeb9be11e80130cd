// A hundred recordings are being fed when the server is killed, alone or with its PostgreSQL, and started again at once. Each real
// client, with its own pauses, counts as back when a chunk it made after the kill is acknowledged.
import { setTimeout as pause } from 'node:timers/promises';
import { startServer, temporaryFolder } from '../scripts/server-process.ts';
import { signal, treeOf } from '../server/testing/processes.ts';
import { smallMaterial, startFleet } from './fleet.ts';
import { cpuSeconds } from './processor-time.ts';
import type { Scenario } from './scenario.ts';
import { percentile } from './statistics.ts';

const FED_MS = 5_000;
const CHUNK_MS = 1_000;

const measure = async (sessions: number, whole: boolean): Promise<Record<string, number>> => {
  const folder = await temporaryFolder('bench-recovery');
  const options = { dataDir: folder.path, env: { CLIPPY_SCENES: 'off' } };
  let server = await startServer(options);
  const port = Number(new URL(server.url).port);
  const fleet = await startFleet({ url: server.url, token: server.token, perConnection: 1, file: smallMaterial() });
  try {
    await fleet.open(sessions);
    await fleet.feed(CHUNK_MS);
    await pause(FED_MS);
    const killedAt = Date.now();
    for (const pid of whole ? treeOf(server.pid).map((each) => each.pid) : [server.pid]) signal(pid, 'SIGKILL');
    await server.kill('SIGKILL');
    await fleet.mark();
    const startedAt = Date.now();
    server = await startServer({ ...options, port });
    const readyAt = Date.now();
    const { acked, lost } = await fleet.acked();
    const cpu = cpuSeconds(server.pid);
    const after = acked.map((at) => at - startedAt).toSorted((a, b) => a - b);
    return {
      ready: readyAt - startedAt, p50: percentile(after, 0.5), p99: percentile(after, 0.99), max: after.at(-1) ?? 0,
      p99FromKill: percentile(after, 0.99) + startedAt - killedAt, cpu, lost,
    };
  } finally {
    fleet.close();
    await server.kill('SIGKILL');
    await folder.remove();
  }
};

export const recovery: Scenario = {
  name: 'recovery',
  question: 'After a SIGKILL, when does each of a hundred recordings have an acknowledgement again?',
  prepare: async (scale) => {
    const sessions = scale === 'quick' ? 20 : 100;
    return {
      rounds: scale === 'quick' ? 1 : 5,
      contenders: [{ name: 'server', run: () => measure(sessions, false) }, { name: 'withPostgres', run: () => measure(sessions, true) }],
      ratios: [],
      goals: [{ name: 'server.p99', atMost: 3_000 }, { name: 'withPostgres.p99', atMost: 3_000 }, { name: 'server.lost', atMost: 0 }, { name: 'withPostgres.lost', atMost: 0 }],
      units: { ready: 'ms', p50: 'ms', p99: 'ms', max: 'ms', p99FromKill: 'ms', cpu: 's', lost: 'chunks' },
      close: async () => undefined,
    };
  },
};
