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
import { round2 } from './pipeline.ts';
import { cpuSeconds, rssBytes } from './processor-time.ts';

const PER_CONNECTION = 25;

const percentile = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

export const sessionsBench = async ({ sessions, seconds }: { sessions: number; seconds: number }) => {
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  const { mime, chunks } = await liveMedia(material(seconds), { slice: 'gop' });
  const pieces: { bytes: Uint8Array; startMs: number; durationMs: number }[] = [];
  for await (const piece of chunks) pieces.push({ ...piece, bytes: piece.bytes.slice() });
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
      scenario: 'sessions', sessions, seconds, megabitsPerS: round2((pieces.reduce((sum, piece) => sum + piece.bytes.length, 0) * 8) / seconds / 1e6),
      acked: latencies.length, expected: sessions * pieces.length,
      ackMs: { p50: round2(percentile(latencies, 0.5)), p99: round2(percentile(latencies, 0.99)), max: round2(latencies.at(-1) ?? 0) },
      cpuShareOfOneCore: round2(cpu / wallS), generatorLate: late,
      rssMb: { idle: Math.round(idle.rss / 1e6), peak: Math.round(peakRss / 1e6), after: Math.round(busy / 1e6) },
      rssKbPerSession: Math.round((peakRss - idle.rss) / 1e3 / sessions),
      inTime: percentile(latencies, 0.99) < 1_000 && latencies.length === sessions * pieces.length,
    };
  } finally {
    await server.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  }
};
