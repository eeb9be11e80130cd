// What a recording of the stage page shows: decoded by FFmpeg, read as numbers.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from '../../server/workers/ffmpeg.ts';

const run = promisify(execFile);
const RATE = 16_000;
const WIDTH = 64;
const HEIGHT = 36;

export type Measured = {
  durationMs: number;
  frames: number;
  framesPerSecond: number;
  /** what FFmpeg complained of */
  errors: string;
  /** mean luma 0..255 of all frames, and of the darkest */
  luma: number;
  /** RMS of all sound, −100 for none; and how many audio tracks there are */
  soundDb: number;
  audioTracks: number;
  /** beep's start minus flash's start, for each second in which both were found */
  offsetsMs: number[];
  /** strongest tone of the beeps, Hz, by counting zero crossings */
  toneHz: number;
};

/** `bytes`: MP4 or WebM. The flash is looked for in the middle of the picture. */
export const measure = async (bytes: Uint8Array): Promise<Measured> => {
  const { path } = await findFfmpeg();
  const folder = await mkdtemp(join(tmpdir(), 'clippy-measure-'));
  const ffmpeg = async (...args: string[]): Promise<{ out: Buffer; said: string }> => {
    const { stdout, stderr } = await run(path, ['-hide_banner', '-nostats', ...args], { encoding: 'buffer', maxBuffer: 1 << 29 });
    return { out: stdout, said: stderr.toString() };
  };
  try {
    const file = join(folder, 'recording');
    await writeFile(file, bytes);
    const streams = (await run(path, ['-hide_banner', '-i', file]).catch((error: { stderr: string }) => error)).stderr;
    const audioTracks = [...streams.matchAll(/Stream #0:\d+.*: Audio:/g)].length;
    const picture = await ffmpeg('-v', 'info', '-i', file, '-map', '0:v:0', '-vf', `crop=iw/4:ih/4,scale=${WIDTH}:${HEIGHT},format=gray,showinfo`, '-vsync', 'passthrough', '-f', 'rawvideo', 'pipe:1');
    const times = [...picture.said.matchAll(/ pts_time:\s*([\d.]+)/g)].map(([, time]) => Number(time) * 1_000);
    const size = WIDTH * HEIGHT;
    const lumas = times.map((_, n) => picture.out.subarray(n * size, (n + 1) * size).reduce((sum, value) => sum + value, 0) / size);
    const sound = audioTracks === 0 ? Buffer.alloc(0) : (await ffmpeg('-v', 'error', '-i', file, '-map', '0:a:0', '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', String(RATE), '-f', 'f32le', 'pipe:1')).out;
    const samples = new Float32Array(sound.buffer.slice(sound.byteOffset, sound.byteOffset + sound.byteLength));
    const whole = await ffmpeg('-v', 'error', '-i', file, '-f', 'null', '-');
    const flashes = onsets(lumas.map((luma, n) => ({ at: times[n]!, on: luma > 200 }))); // one time per frame
    const step = RATE / 200; // 5 ms
    const levels = Array.from({ length: Math.floor(samples.length / step) }, (_, n) => samples.subarray(n * step, (n + 1) * step).reduce((peak, value) => Math.max(peak, Math.abs(value)), 0));
    const loud = Math.max(0.02, 0.3 * levels.reduce((most, level) => Math.max(most, level), 0));
    const beeps = onsets(levels.map((level, n) => ({ at: n * 5, on: level > loud })));
    const energy = samples.reduce((sum, value) => sum + value * value, 0) / Math.max(1, samples.length);
    const durationMs = Math.max(times.at(-1) ?? 0, (samples.length / RATE) * 1_000);
    return {
      durationMs, frames: times.length, errors: whole.said.trim(),
      framesPerSecond: times.length < 2 ? 0 : ((times.length - 1) * 1_000) / (times.at(-1)! - times[0]!), // at least two
      luma: lumas.reduce((sum, value) => sum + value, 0) / Math.max(1, lumas.length),
      soundDb: energy === 0 ? -100 : 10 * Math.log10(energy), audioTracks,
      offsetsMs: flashes.flatMap((flash) => {
        const beep = beeps.reduce<number | null>((best, each) => (best === null || Math.abs(each - flash) < Math.abs(best - flash) ? each : best), null);
        return beep !== null && Math.abs(beep - flash) < 500 ? [beep - flash] : [];
      }),
      toneHz: toneOf(samples, beeps),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Starts of what is on after at least 300 ms of off. */
const onsets = (values: { at: number; on: boolean }[]): number[] => {
  let lastOn = -Infinity;
  return values.flatMap(({ at, on }) => {
    const begins = on && at - lastOn > 300 && at > 0;
    if (on) lastOn = at;
    return begins ? [at] : [];
  });
};

const toneOf = (samples: Float32Array, beeps: number[]): number => {
  const rates = beeps.map((at) => {
    const part = samples.subarray(((at + 30) * RATE) / 1_000, ((at + 80) * RATE) / 1_000);
    let crossings = 0;
    for (let n = 1; n < part.length; n++) if (part[n - 1]! < 0 !== part[n]! < 0) crossings++; // both inside the part
    return (crossings * RATE) / (2 * Math.max(1, part.length));
  });
  return rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)] ?? 0;
};

export const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
