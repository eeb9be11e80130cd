// CPU-seconds per stream-hour of the whole pipeline (speech recognition off, features on), beside `ffmpeg -c copy` of the same
// file and beside one ffmpeg spawned per two-second chunk, in the same run.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { streamFile } from '../scripts/stream.ts';
import { startServer } from '../scripts/server-process.ts';
import { ffmpegPath, material } from './material.ts';
import { cpuOf, cpuSeconds, median } from './processor-time.ts';

const CHUNK_S = 2;

export const pipelineBench = async ({ rounds, seconds }: { rounds: number; seconds: number }) => {
  const file = material(seconds);
  const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
  const perHour = 3600 / seconds;
  const results: Record<'ours' | 'oursWithScenes' | 'copy' | 'spawns', number[]> = { ours: [], oursWithScenes: [], copy: [], spawns: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const scenes of ['off', 'on'] as const) {
        const server = await startServer({ dataDir: join(folder, `data-${round}-${scenes}`), env: { CLIPPY_SCENES: scenes } });
        const before = cpuSeconds(server.pid);
        await streamFile({ file, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
        (scenes === 'on' ? results.oursWithScenes : results.ours).push((cpuSeconds(server.pid) - before) * perHour);
        await server.kill('SIGTERM');
      }
      results.copy.push((await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-i', file, '-c', 'copy', join(folder, 'copy.mp4')])) * perHour);
      let spawned = 0;
      // A tenth of the chunks is enough to know the rest: each spawn costs the same.
      const sampled = Math.max(3, Math.floor(seconds / CHUNK_S / 10));
      for (let chunk = 0; chunk < sampled; chunk += 1) {
        spawned += await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-ss', String(chunk * CHUNK_S), '-t', String(CHUNK_S), '-i', file, '-vn', '-ac', '1', '-ar', '16000', '-f', 'wav', join(folder, 'chunk.wav')]);
      }
      results.spawns.push((spawned / sampled) * (3600 / CHUNK_S));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const of = (name: keyof typeof results) => ({ cpuSecondsPerHour: round2(median(results[name])), spread: results[name].map(round2) });
  const copy = median(results.copy);
  return {
    scenario: 'pipeline', seconds, rounds,
    ours: of('ours'), oursWithScenes: of('oursWithScenes'), copy: of('copy'), spawns: of('spawns'),
    ratios: { oursToCopy: round2(median(results.ours) / copy), oursWithScenesToCopy: round2(median(results.oursWithScenes) / copy), oursToSpawns: round2(median(results.ours) / median(results.spawns)) },
  };
};

export const round2 = (value: number): number => Math.round(value * 100) / 100;
