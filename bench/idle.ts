// Memory of recordings that are open: at rest with nothing sent, at rest after a few chunks, and fed at 2.5 Mbit/s. RSS of the
// server's process before and after, divided by their number; the load is made by a process of its own.
import { setTimeout as pause } from 'node:timers/promises';
import { startServer, temporaryFolder } from '../scripts/server-process.ts';
import { descriptors, rssBytes, treeBytes } from '../server/testing/processes.ts';
import { smallMaterial, startFleet } from './fleet.ts';
import { material } from './material.ts';
import { cpuSeconds } from './processor-time.ts';
import type { Contender, Scenario } from './scenario.ts';

type Load = { sessions: number; perConnection: number } & ({ sent: 'nothing' } | { sent: 'chunks'; chunks: number } | { sent: 'always'; seconds: number });

/** Quiet recordings rest after some seconds where there are many, after a minute at the latest; their garbage is collected some time later. */
const SETTLE_MS = { nothing: 20_000, chunks: 90_000 };
const WATCH_MS = 5_000;

const measure = async (load: Load): Promise<Record<string, number>> => {
  const folder = await temporaryFolder('bench-idle');
  const server = await startServer({ dataDir: folder.path, env: { CLIPPY_MAX_SESSIONS: String(load.sessions + 1), CLIPPY_SCENES: 'off' } });
  const file = load.sent === 'nothing' ? null : load.sent === 'always' ? material(60) : smallMaterial();
  const fleet = await startFleet({ url: server.url, token: server.token, perConnection: load.perConnection, file });
  try {
    await fleet.open(1);
    if (file) await fleet.send(1); // what the first one loads is not counted to the others
    await pause(3_000);
    const before = { rss: rssBytes(server.pid), tree: treeBytes(server.pid) };
    const opensPerS = await fleet.open(load.sessions - 1);
    if (load.sent === 'chunks') await fleet.send(load.chunks);
    if (load.sent === 'always') await fleet.feed(1_000);
    await pause(load.sent === 'always' ? load.seconds * 1_000 : SETTLE_MS[load.sent]);
    const cpu = cpuSeconds(server.pid);
    await pause(WATCH_MS);
    const after = { rss: rssBytes(server.pid), tree: treeBytes(server.pid) };
    return {
      rssPerSession: (after.rss - before.rss) / 1_024 / load.sessions, treePerSession: (after.tree - before.tree) / 1_024 / load.sessions,
      rss: after.rss / 1e6, opensPerS, cpuShare: (cpuSeconds(server.pid) - cpu) / (WATCH_MS / 1_000),
      files: descriptors(server.pid), generatorRss: rssBytes(fleet.pid) / 1e6,
    };
  } finally {
    fleet.close();
    await server.kill('SIGKILL');
    await folder.remove();
  }
};

const contender = (name: string, load: Load): Contender => ({ name, run: () => measure(load) });

export const idle: Scenario = {
  name: 'idle',
  question: 'What does a recording cost that is open and sends nothing, and one that sends all the time?',
  prepare: async (scale) => ({
    rounds: 1,
    contenders: scale === 'quick'
      ? [contender('opened1000', { sent: 'nothing', sessions: 1_000, perConnection: 25 }), contender('quiet200', { sent: 'chunks', chunks: 2, sessions: 200, perConnection: 25 })]
      : [
          contender('opened100', { sent: 'nothing', sessions: 100, perConnection: 1 }),
          contender('opened1000', { sent: 'nothing', sessions: 1_000, perConnection: 25 }),
          contender('opened10000', { sent: 'nothing', sessions: 10_000, perConnection: 25 }),
          contender('opened10000own', { sent: 'nothing', sessions: 10_000, perConnection: 1 }),
          contender('quiet1000', { sent: 'chunks', chunks: 2, sessions: 1_000, perConnection: 25 }),
          contender('quiet10000', { sent: 'chunks', chunks: 2, sessions: 10_000, perConnection: 25 }),
          contender('active50', { sent: 'always', seconds: 30, sessions: 50, perConnection: 25 }),
        ],
    ratios: scale === 'quick' ? [] : [{ name: 'rss of one of 10,000 / of one of 1,000', of: 'opened10000.rssPerSession', to: 'opened1000.rssPerSession' }],
    goals: scale === 'quick'
      ? [{ name: 'opened1000.rssPerSession', atMost: 64 }]
      : [{ name: 'opened10000.rssPerSession', atMost: 64 }, { name: 'opened10000own.rssPerSession', atMost: 64 }, { name: 'quiet10000.rssPerSession', atMost: 64 }],
    units: { rssPerSession: 'KB', treePerSession: 'KB', rss: 'MB', opensPerS: 'recordings/s', cpuShare: 'cores', files: 'descriptors', generatorRss: 'MB' },
    close: async () => undefined,
  }),
};
