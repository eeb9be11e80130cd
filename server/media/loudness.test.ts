import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { signalOf, wavOf } from '../testing/audio-fixture.ts';
import { hasTestdata, testdata } from '../testing/testdata.ts';
import { findFfmpeg, runFfmpeg } from '../workers/ffmpeg.ts';
import { kWeighting, LoudnessMeter } from './loudness.ts';

const RATE = 16_000;
const measure = (channels: Float32Array[], rate = RATE): number[] => {
  const meter = new LoudnessMeter(rate, channels.length);
  const step = rate / 10;
  const blocks = Math.floor((channels[0]?.length ?? 0) / step);
  return Array.from({ length: blocks }, (_, i) => meter.push(channels.map((samples) => samples.subarray(i * step, (i + 1) * step))));
};
const sine = (hz: number, dbfs: number, rate = RATE): Float32Array => signalOf(2, rate, (t) => 10 ** (dbfs / 20) * Math.sin(2 * Math.PI * hz * t));

/** absolute differences to FFmpeg's ebur128, where it is loud enough to matter */
const compare = async (samples: Float32Array): Promise<number[]> => {
  const ffmpeg = await findFfmpeg();
  const args = ['-f', 'wav', '-i', 'pipe:0', '-af', 'ebur128=metadata=1,ametadata=mode=print:key=lavfi.r128.M:file=-', '-f', 'null', '-'];
  const { stdout } = await runFfmpeg({ path: ffmpeg.path, args, input: wavOf(samples, RATE), maxOutputBytes: 1 << 22, timeoutMs: 20_000 }, AbortSignal.timeout(20_000));
  const theirs = [...stdout.toString().matchAll(/lavfi\.r128\.M=(-?[\d.]+)/g)].map((match) => Number(match[1]));
  const ours = measure([samples]);
  expect(theirs.length).toBeGreaterThan(20);
  return ours.map((level, i) => Math.abs(level - (theirs[i] ?? level))).filter((_, i) => i >= 4 && (ours[i] ?? -70) > -50);
};

describe('loudness', () => {
  it('[X1] gives the filters printed in BS.1770-4 at 48 kHz', () => {
    const [shelf, pass] = kWeighting(48_000);
    expect(shelf.b0).toBeCloseTo(1.53512485958697, 6);
    expect(shelf.b1).toBeCloseTo(-2.69169618940638, 6);
    expect(shelf.a2).toBeCloseTo(0.73248077421585, 6);
    expect(pass.a1).toBeCloseTo(-1.99004745483398, 6);
    expect(pass.a2).toBeCloseTo(0.99007225036621, 6);
  });

  // EBU Tech 3341, case 1: a 1 kHz sine of −23 dBFS on both channels is −23 LUFS
  it.each([[997, -23, -23], [997, -40, -40]])('[X1] hears %s Hz at %s dBFS on two channels as %s LUFS', (hz, dbfs, lufs) => {
    const tone = sine(hz, dbfs);
    expect(measure([tone, tone]).at(-1)).toBeCloseTo(lufs, 1);
    expect(measure([tone]).at(-1)).toBeCloseTo(lufs - 3.01, 1);
  });

  it('[X1] weights the rear channels and leaves out low frequency effects', () => {
    const tone = sine(997, -23);
    const none = new Float32Array(tone.length);
    const six = (at: number): number => measure(Array.from({ length: 6 }, (_, i) => (i === at ? tone : none))).at(-1) ?? 0;
    expect(six(3) - six(0)).toBeCloseTo(10 * Math.log10(1.41), 2);
    expect(six(5)).toBe(-70);
  });

  it('[X1] reads silence as −70 and comes back to it 400 ms after a sound', () => {
    const sound = new Float32Array(RATE * 2);
    sound.set(sine(440, -10).subarray(0, RATE / 2), 0);
    const levels = measure([sound]);
    expect(levels[4]).toBeGreaterThan(-20);
    expect(levels.slice(10).every((level) => level < -60)).toBe(true);
    expect(levels.at(-1)).toBe(-70);
  });

  it('[X1] agrees with FFmpeg’s ebur128 within 0.5 LU on a changing sound', async () => {
    const sound = signalOf(6, RATE, (t) => 0.4 * Math.abs(Math.sin(t * 1.7)) * (Math.sin(2 * Math.PI * 180 * t) + 0.5 * Math.sin(2 * Math.PI * 1100 * t) + 0.2 * Math.sin(2 * Math.PI * 3300 * t)));
    const differences = await compare(sound);
    expect(Math.max(...differences)).toBeLessThan(0.5);
  });

  it.skipIf(!hasTestdata || !existsSync(testdata('speech/jfk.wav')))('[X1] agrees with FFmpeg’s ebur128 within 0.5 LU on real speech (needs shared test data)', async () => {
    const wav = await readFile(testdata('speech/jfk.wav'));
    const samples = Float32Array.from({ length: Math.floor((wav.length - 44) / 2) }, (_, i) => wav.readInt16LE(44 + 2 * i) / 32768);
    expect(Math.max(...(await compare(samples)))).toBeLessThan(0.5);
  });
});
