// The whole pipeline (speech recognition off, features on), beside `ffmpeg -c copy` of the same file and beside one ffmpeg
// spawned per two-second chunk.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { streamFile } from '../scripts/stream.ts';
import { startServer } from '../scripts/server-process.ts';
import { ffmpegPath, material } from './material.ts';
import { cpuOf, cpuSeconds } from './processor-time.ts';
import type { Scenario } from './scenario.ts';

const CHUNK_S = 2;

export const pipeline: Scenario = {
  name: 'pipeline',
  question: 'How many CPU-seconds does an hour of stream cost, without speech recognition?',
  prepare: async (scale) => {
    const seconds = scale === 'quick' ? 120 : 600;
    const file = material(seconds);
    const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
    const perHour = 3600 / seconds;
    const ours = async (round: number, scenes: 'on' | 'off'): Promise<Record<string, number>> => {
      const server = await startServer({ dataDir: join(folder, `data-${round}-${scenes}`), env: { CLIPPY_SCENES: scenes } });
      try {
        const before = cpuSeconds(server.pid);
        await streamFile({ file, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
        return { cpuS: (cpuSeconds(server.pid) - before) * perHour };
      } finally {
        await server.kill('SIGTERM');
      }
    };
    const copy = async () => ({ cpuS: (await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-i', file, '-c', 'copy', join(folder, 'copy.mp4')])) * perHour });
    const spawns = async () => {
      let spawned = 0;
      // A tenth of the chunks is enough to know the rest: each spawn costs the same.
      const sampled = Math.max(3, Math.floor(seconds / CHUNK_S / 10));
      for (let chunk = 0; chunk < sampled; chunk += 1) {
        spawned += await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-ss', String(chunk * CHUNK_S), '-t', String(CHUNK_S), '-i', file, '-vn', '-ac', '1', '-ar', '16000', '-f', 'wav', join(folder, 'chunk.wav')]);
      }
      return { cpuS: (spawned / sampled) * (3600 / CHUNK_S) };
    };
    return {
      rounds: scale === 'quick' ? 3 : 7,
      contenders: [
        { name: 'ours', run: (round) => ours(round, 'off') },
        { name: 'oursWithScenes', run: (round) => ours(round, 'on') },
        { name: 'copy', run: copy },
        { name: 'spawns', run: spawns },
      ],
      ratios: [
        { name: 'oursToCopy', of: 'ours.cpuS', to: 'copy.cpuS' },
        { name: 'oursWithScenesToCopy', of: 'oursWithScenes.cpuS', to: 'copy.cpuS' },
        { name: 'oursToSpawns', of: 'ours.cpuS', to: 'spawns.cpuS' },
      ],
      goals: [],
      units: { cpuS: 'CPU-s per hour' },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
};
