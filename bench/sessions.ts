// Many recordings at once: 2.5 Mbit/s each, the server bound to one core, the load made by this process on the others.
// Acknowledged in time means: within a second of being pushed, 99 times of 100.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { liveMedia } from '../scripts/live-media.ts';
import { startServer } from '../scripts/server-process.ts';
import { createClient } from '../shared/client.ts';
import { material } from './material.ts';
import { cpuSeconds, rssBytes } from './processor-time.ts';
import type { Scenario } from './scenario.ts';
import { percentile } from './statistics.ts';

const PER_CONNECTION = 25;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

type Piece = { bytes: Uint8Array; startMs: number; durationMs: number };

const measure = async ({ sessions, seconds, mime, pieces }: { sessions: number; seconds: number; mime: string; pieces: Piece[] }): Promise<Record<string, number>> => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  const server = await startServer({ dataDir: folder, env: { CLIPPY_SCENES: 'off' } });
  try {
    if (cpus().length > 1) execFileSync('taskset', ['-a', '-p', '-c', '0', String(server.pid)], { stdio: 'ignore' });
    const idle = { rss: rssBytes(server.pid), cpu: cpuSeconds(server.pid) };
    const latencies: number[] = [];
    let late = 0;
    let peakRss = idle.rss;
    const watch = setInterval(() => { peakRss = Math.max(peakRss, rssBytes(server.pid)); }, 1_000);
    const clients = Array.from({ length: Math.ceil(sessions / PER_CONNECTION) }, () => createClient({ url: server.url, token: server.token, client: 'bench', clientVersion: '1' }));
    const began = performance.now();
    const record = async (number: number): Promise<void> => {
      const sentAt: number[] = [];
      let seen = 0;
      const recording = clients[number % clients.length]!.record({ // one client for every PER_CONNECTION recordings
        key: ulid(), title: `bench ${number}`, sourceUrl: '', mime, video: null, mode: 'live',
        onStatus: ({ lastAcked }) => {
          for (; seen < lastAcked; seen += 1) latencies.push(performance.now() - (sentAt[seen] ?? 0));
        },
      });
      const phase = (1_000 * number) / sessions;
      for (const piece of pieces) {
        const due = began + phase + piece.startMs + piece.durationMs;
        await pause(due - performance.now());
        if (performance.now() - due > 1_000) late += 1;
        sentAt.push(performance.now());
        await recording.push(piece);
      }
      await recording.stop();
    };
    await Promise.all(Array.from({ length: sessions }, (_, number) => record(number)));
    const wallS = (performance.now() - began) / 1_000;
    clearInterval(watch);
    const cpu = cpuSeconds(server.pid) - idle.cpu;
    const busy = rssBytes(server.pid);
    for (const client of clients) client.close();
    latencies.sort((a, b) => a - b);
    return {
      sessions, megabitsPerS: (pieces.reduce((sum, piece) => sum + piece.bytes.length, 0) * 8) / seconds / 1e6,
      ackedShare: latencies.length / (sessions * pieces.length),
      ackP50: percentile(latencies, 0.5), ackP99: percentile(latencies, 0.99), ackMax: latencies.at(-1) ?? 0,
      cpuShare: cpu / wallS, generatorLate: late,
      rssIdle: idle.rss / 1e6, rssPeak: peakRss / 1e6, rssAfter: busy / 1e6, rssPerSession: (peakRss - idle.rss) / 1e3 / sessions,
    };
  } finally {
    await server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
};

export const sessions: Scenario = {
  name: 'sessions',
  question: 'How many recordings at once does one core take, acknowledged within a second?',
  prepare: async (scale) => {
    const load = scale === 'quick' ? { sessions: 20, seconds: 30 } : { sessions: 100, seconds: 60 };
    const { mime, chunks } = await liveMedia(material(load.seconds), { slice: 'gop' });
    const pieces: Piece[] = [];
    for await (const piece of chunks) pieces.push({ ...piece, bytes: piece.bytes.slice() });
    return {
      rounds: scale === 'quick' ? 1 : 7,
      contenders: [{ name: 'ours', run: () => measure({ ...load, mime, pieces }) }],
      ratios: [],
      goals: [{ name: 'ours.ackP99', atMost: 1_000 }, { name: 'ours.ackedShare', atLeast: 1 }],
      units: {
        sessions: 'recordings', megabitsPerS: 'Mbit/s each', ackP50: 'ms', ackP99: 'ms', ackMax: 'ms', cpuShare: 'cores', generatorLate: 'chunks',
        rssIdle: 'MB', rssPeak: 'MB', rssAfter: 'MB', rssPerSession: 'kB',
      },
      close: async () => undefined,
    };
  },
};
