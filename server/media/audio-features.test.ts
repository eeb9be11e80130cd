import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { signalOf } from '../testing/audio-fixture.ts';
import { hasTestdata, testdata } from '../testing/testdata.ts';
import { FeatureExtractor, type FrameFeatures } from './audio-features.ts';
import { hann, powerSpectrum } from './fft.ts';
import { FRAME_SAMPLES, mixDown, PCM_RATE } from './pcm-frames.ts';

const features = (samples: Float32Array): FrameFeatures[] => {
  const extractor = new FeatureExtractor(1, { voice: null, laughter: null });
  const frames: FrameFeatures[] = [];
  for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) frames.push(extractor.push(at / 16, [samples.subarray(at, at + FRAME_SAMPLES)]));
  return frames;
};
const randomOf = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 1_073_741_824 - 1;
  };
};
const noise = (seconds: number, level: number, seed = 7): Float32Array => {
  const random = randomOf(seed);
  return signalOf(seconds, PCM_RATE, () => level * random());
};
/** like a vowel: a train of pulses with a slow contour, with pauses between the words */
const babble = (seconds: number, level: number): Float32Array =>
  signalOf(seconds, PCM_RATE, (t) => {
    const word = t % 0.5 < 0.32 ? Math.sin((Math.PI * (t % 0.5)) / 0.32) : 0;
    const pitch = 2 * Math.PI * (120 * t + 4 * Math.sin(t * 3));
    return level * word * [1, 0.9, 0.8, 0.9, 0.7, 0.4, 0.3, 0.2].reduce((sum, gain, i) => sum + (gain * Math.sin((i + 1) * 2 * pitch)) / 4, 0);
  });
const share = (frames: FrameFeatures[], from = 0): number => frames.slice(from).filter((frame) => frame.voice >= 0.5).length / (frames.length - from);

describe('audio features', () => {
  it('[X2] computes the power spectrum a direct transform gives', () => {
    const samples = noise(0.01, 1).slice(0, 64);
    const power = new Float64Array(33);
    powerSpectrum(64)(samples, 0, power);
    const window = hann(64);
    for (const k of [0, 1, 5, 31, 32]) {
      let re = 0;
      let im = 0;
      for (let i = 0; i < 64; i++) {
        re += (samples[i] ?? 0) * (window[i] ?? 0) * Math.cos((2 * Math.PI * k * i) / 64);
        im -= (samples[i] ?? 0) * (window[i] ?? 0) * Math.sin((2 * Math.PI * k * i) / 64);
      }
      expect(power[k]).toBeCloseTo(re * re + im * im, 8);
    }
  });

  it('[X2] marks a click and a chord change as onsets, and neither steady noise nor silence', () => {
    const sound = signalOf(3, PCM_RATE, (t) => 0.2 * Math.sin(2 * Math.PI * (t < 1.5 ? 300 : 700) * t));
    sound.fill(0, 0, PCM_RATE / 2);
    const onsets = features(sound).map((frame) => frame.onset);
    expect(Math.max(...onsets.slice(0, 4))).toBeLessThan(0.01);
    expect(onsets[5]).toBeGreaterThan(0.7);
    expect(Math.max(...onsets.slice(7, 14))).toBeLessThan(0.1);
    expect(Math.max(onsets[15] ?? 0, onsets[14] ?? 0)).toBeGreaterThan(0.3);
    expect(Math.max(...features(noise(2, 0.1)).slice(2).map((frame) => frame.onset))).toBeLessThan(0.35);
    for (const onset of [...onsets, ...features(noise(1, 1)).map((frame) => frame.onset)]) expect(onset >= 0 && onset <= 1).toBe(true);
  });

  it('[X3] hears voice in speech-like sound, alone and over a held chord', () => {
    expect(share(features(babble(8, 0.3)), 5)).toBeGreaterThan(0.5);
    const chord = signalOf(8, PCM_RATE, (t) => 0.008 * [262, 330, 392].reduce((sum, hz) => sum + Math.sin(2 * Math.PI * hz * t), 0));
    const mixed = babble(8, 0.3).map((value, i) => value + (chord[i] ?? 0));
    expect(share(features(mixed), 10)).toBeGreaterThan(0.4);
    expect(share(features(chord), 5)).toBeLessThan(0.05);
  });

  it('[X3] hears none in silence, hiss, rumble and a chord progression', () => {
    expect(share(features(new Float32Array(PCM_RATE * 5)))).toBe(0);
    expect(share(features(noise(8, 0.2)))).toBeLessThan(0.05);
    const random = randomOf(3);
    let level = 0;
    expect(share(features(signalOf(8, PCM_RATE, () => (level = 0.98 * level + 0.05 * random()))))).toBeLessThan(0.05);
    const music = signalOf(16, PCM_RATE, (t) => {
      const root = [262, 220, 196, 175][Math.floor(t) % 4] ?? 262;
      return 0.15 * Math.exp(-(t % 0.5) * 2) * [1, 1.25, 1.5].reduce((sum, ratio) => sum + Math.sin(2 * Math.PI * root * ratio * t), 0);
    });
    expect(share(features(music))).toBeLessThan(0.2);
  });

  it.skipIf(!hasTestdata)('[X3] finds most of the words that a forced alignment finds, and not the pauses (needs shared test data)', async () => {
    const base = 'speech/librivox/sense_and_sensibility_01_austen_64kb-0870';
    const wav = await readFile(testdata(`${base}.wav`));
    const samples = Float32Array.from({ length: Math.floor((wav.length - 44) / 2) }, (_, i) => wav.readInt16LE(44 + 2 * i) / 32768);
    const aligned = JSON.parse(await readFile(testdata(`${base}.align.json`), 'utf8')) as { w: { b: number; d: number; t: string }[] };
    const words = aligned.w.filter((word) => /^[a-z]/i.test(word.t));
    const frames = features(samples);
    const spoken = frames.filter((frame) => words.some((word) => word.b * 1000 < frame.startMs + 50 && (word.b + word.d) * 1000 > frame.startMs + 50));
    expect(spoken.filter((frame) => frame.voice >= 0.5).length / spoken.length).toBeGreaterThan(0.8);
  });

  it('[X1] mixes down without the low frequency channel', () => {
    const target = new Float32Array(2);
    expect([...mixDown([Float32Array.of(1, 0), Float32Array.of(0, 1)], [1, 1], target)]).toEqual([0.5, 0.5]);
    expect([...mixDown([Float32Array.of(0.25, 0.5)], [1], target)]).toEqual([0.25, 0.5]);
    expect([...mixDown([Float32Array.of(0.3, 0), Float32Array.of(0.6, 0), Float32Array.of(0.9, 0), Float32Array.of(9, 9)], [1, 1, 1, 0], target)].map((value) => Math.round(value * 10))).toEqual([6, 0]);
  });
});
