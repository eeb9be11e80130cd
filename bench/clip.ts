// One clip of 30 s out of a recording of five minutes, at places that begin inside a group of pictures. Ours: index, read, mux with
// an edit list, and the file stored durably, by a process that has cut some before; what the server does beside it (the wider clip
// for trimming, decoding the clip to prove it, the thumbnail) is shown on its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startChild } from './child.ts';
import { ffmpegPath, material } from './material.ts';
import { cpuOf, cpuSeconds } from './processor-time.ts';
import type { Scenario } from './scenario.ts';

const SECONDS = 300;
const CLIP_S = 30;
/** Cuts measured together: the kernel counts processor time in steps of 10 ms. */
const CUTS = 20;
const WARM_CUTS = 40;

export const clip: Scenario = {
  name: 'clip',
  question: 'What does one clip of 30 s cost?',
  prepare: async (scale) => {
    const file = material(SECONDS);
    const folder = await mkdtemp(join(tmpdir(), 'clippy-bench-'));
    const { child } = await startChild(resolve(import.meta.dirname, '../server/testing/clip-bench.ts'), [file, folder], 0);
    let next = 0;
    /** between 15 s and 255 s, never on a keyframe */
    const place = (): number => 15 + ((++next * 37) % 240) + 0.4;
    const ask = async (what: string): Promise<number> => (await child.ask<{ bytes: number }>({ what, fromMs: place() * 1000 })).bytes;
    const cost = async (what: string, times: number): Promise<number> => {
      const before = cpuSeconds(child.pid);
      for (let i = 0; i < times; i += 1) if ((await ask(what)) <= 0) throw new Error(`${what} gave nothing`);
      return ((cpuSeconds(child.pid) - before) / times) * 1000;
    };
    for (let i = 0; i < WARM_CUTS; i += 1) await ask('cut');
    const cli = async (args: string[]): Promise<number> => {
      const from = String(place());
      return (await cpuOf(ffmpegPath(), ['-v', 'error', '-y', '-ss', from, '-i', file, '-t', String(CLIP_S), ...args, join(folder, 'cli.mp4')])) * 1000;
    };
    const mean = async (times: number, run: () => Promise<number>): Promise<number> => {
      let sum = 0;
      for (let i = 0; i < times; i += 1) sum += await run();
      return sum / times;
    };
    return {
      rounds: scale === 'quick' ? 3 : 7,
      contenders: [
        {
          name: 'ours',
          run: async () => {
            const cpuMs = await cost('cut', CUTS);
            return { cpuMs, handlesCpuMs: await cost('handles', CUTS), thumbnailCpuMs: await cost('thumbnail', 3), verifyCpuMs: await cost('verify', 1) };
          },
        },
        { name: 'copy', run: async () => ({ cpuMs: await mean(5, () => cli(['-c', 'copy'])) }) },
        { name: 'encode', run: async () => ({ cpuMs: await cli(['-c:v', 'libx264', '-preset', 'veryfast', '-c:a', 'copy']) }) },
      ],
      ratios: [
        { name: 'oursToCopy', of: 'ours.cpuMs', to: 'copy.cpuMs' },
        { name: 'oursToEncode', of: 'ours.cpuMs', to: 'encode.cpuMs' },
      ],
      goals: [{ name: 'oursToCopy', atMost: 0.25 }],
      units: { cpuMs: 'CPU-ms', handlesCpuMs: 'CPU-ms', thumbnailCpuMs: 'CPU-ms', verifyCpuMs: 'CPU-ms' },
      close: async () => {
        await child.end();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};
