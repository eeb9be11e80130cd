// A plain frame maker for tests: what the media worker does with care, done simply (K-weighted loudness approximated by a
// high-pass, spectral flux by the change of band energies, voice by an energy gate), so that the analyser can be judged on real
// sound without the rest of the server.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type AudioFrame, FRAME_MS } from '../ports.ts';
import { testFfmpeg } from './ffmpeg-path.ts';
import { bandPass } from './sounds.ts';
import { RATE } from './speech.ts';

const run = promisify(execFile);
const STEP = (RATE * FRAME_MS) / 1000;
const BANDS = [200, 400, 800, 1600, 3200, 6000];

export const decodePcm = async (file: string): Promise<Float32Array> => {
  const { stdout } = await run(testFfmpeg(), ['-v', 'error', '-i', file, '-map', '0:a:0', '-ac', '1', '-ar', String(RATE), '-f', 's16le', '-'], { encoding: 'buffer', maxBuffer: 512 << 20 });
  const pcm = new Float32Array(stdout.length >> 1);
  for (let i = 0; i < pcm.length; i++) pcm[i] = stdout.readInt16LE(i * 2) / 32768;
  return pcm;
};

/** `voice`: `gate` takes anything clearly above the noise floor for speech (as an energy gate does), `bands` asks for speech-like bands too. */
export const framesOf = (pcm: Float32Array, options: { voice?: 'gate' | 'bands'; offsetLu?: number; jitter?: () => number } = {}): AudioFrame[] => {
  const filters = BANDS.map((hertz) => bandPass(hertz, 1));
  const frames: AudioFrame[] = [];
  const powers: number[] = [];
  let before = BANDS.map(() => 0);
  let high = 0;
  let last = 0;
  let floor = -50;
  for (let at = 0; at + STEP <= pcm.length; at += STEP) {
    let power = 0;
    const bands = BANDS.map(() => 0);
    for (let i = at; i < at + STEP; i++) {
      const x = pcm[i]!; // i < length
      high = 0.96 * (high + x - last);
      last = x;
      power += high * high;
      for (let n = 0; n < filters.length; n++) bands[n]! += filters[n]!(x) ** 2; // same length
    }
    powers.push(power / STEP);
    const window = powers.slice(-4);
    const mean = window.reduce((sum, one) => sum + one, 0) / 4;
    const loudness = Math.max(-70, mean <= 0 ? -70 : -0.691 + 10 * Math.log10(mean) + (options.offsetLu ?? 0) + (options.jitter?.() ?? 0));
    const logs = bands.map((band) => Math.log10(1e-9 + band / STEP));
    const flux = logs.reduce((sum, value, n) => sum + Math.max(0, value - before[n]!), 0) / BANDS.length; // same length
    before = logs;
    const instant = 10 * Math.log10(1e-9 + power / STEP);
    floor += instant < floor ? 0.3 * (instant - floor) : 0.004 * (instant - floor);
    const speechBand = (bands[1]! + bands[2]! + bands[3]!) / (1e-12 + bands.reduce((sum, one) => sum + one, 0)); // six bands
    const voiced = instant > floor + 8 && instant > -50 && (options.voice === 'bands' ? speechBand > 0.55 : true);
    frames.push({ startMs: (at / STEP) * FRAME_MS, loudness, onset: Math.min(1, flux), voice: voiced ? 0.9 : 0.1, laughter: 0 });
  }
  return frames;
};
