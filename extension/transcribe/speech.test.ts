import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../shared/testing/random.ts';
import { wordsOf } from './engine-words.ts';
import { checkModelHead, HEAD_BYTES, MAX_MODEL_BYTES } from './model-head.ts';
import { createResampler } from './resample.ts';
import { createSha256 } from './sha256.ts';
import { RATE, type SoundWindow, SpeechWindows } from './speech-windows.ts';
import { tinyModel } from './testing/tiny-model.ts';
import type { EngineSegment } from './worker-messages.ts';

/** noise of −60 dBFS, and a voice-like tone where `spoken` says so */
const soundOf = (seconds: number, spoken: (second: number) => boolean): Float32Array => {
  const random = seededRandom(1);
  return Float32Array.from({ length: seconds * RATE }, (_, at) => (random() - 0.5) * 0.002 + (spoken(at / RATE) ? 0.2 * Math.sin(at / 20) : 0));
};
const cut = (sound: Float32Array, slice: number, startMs = 0): SoundWindow[] => {
  const windows = new SpeechWindows();
  const all: SoundWindow[] = [];
  for (let at = 0; at < sound.length; at += slice) all.push(...windows.push(sound.subarray(at, at + slice), startMs + (at / RATE) * 1000));
  return [...all, ...windows.flush()];
};
const lengths = (windows: SoundWindow[]): number[] => windows.map(({ fromMs, untilMs }) => untilMs - fromMs);

describe('[Z1] windows of sound', () => {
  it('cover every sample once, in order, however the sound arrives; none is longer than 15 s', () => {
    const sound = soundOf(120, (second) => second % 23 < 19);
    const whole = cut(sound, RATE * 120);
    expect(lengths(whole).reduce((a, b) => a + b)).toBeCloseTo(120_000, 6);
    for (const [at, window] of whole.entries()) expect(window.fromMs).toBe(whole[at - 1]?.untilMs ?? 0);
    expect(Math.max(...lengths(whole))).toBeLessThanOrEqual(15_000);
    for (const slice of [1, 2].map((n) => n * 441)) expect(cut(sound, slice)).toEqual(whole);
    const spoken = whole.filter(({ pcm }) => pcm);
    for (const { pcm, fromMs } of spoken) expect(pcm).toEqual(sound.slice(Math.round(fromMs * 16), Math.round(fromMs * 16) + pcm!.length)); // filtered above
    expect(spoken.length).toBeGreaterThan(5);
  });

  it('end in pauses, and hold no sound where nobody speaks', () => {
    const windows = cut(soundOf(30, (second) => second < 7 || (second > 8 && second < 15)), 1_600);
    expect(windows.map(({ pcm }) => pcm !== null)).toEqual([true, true, ...windows.slice(2).map(() => false)]);
    expect(windows[0]!.untilMs).toBeGreaterThanOrEqual(7_000); // there are two
    expect(windows[0]!.untilMs).toBeLessThanOrEqual(8_000);
  });

  it('begin anew where the sound jumps', () => {
    const windows = new SpeechWindows();
    windows.push(soundOf(2, () => true), 0);
    expect(lengths(windows.push(soundOf(1, () => true), 10_000))).toEqual([2_000]);
    expect(windows.flush()).toMatchObject([{ fromMs: 10_000, untilMs: 11_000 }]);
  });
});

describe('[Z2] words of the engine', () => {
  const token = (text: string, from: number, to: number, p = 0.5) => ({ text, offsets: { from, to }, p });
  const segment = (...tokens: EngineSegment['tokens']): EngineSegment => ({ text: tokens.map(({ text }) => text).join(''), offsets: { from: tokens[0]?.offsets.from ?? 0, to: tokens.at(-1)?.offsets.to ?? 0 }, tokens });
  const at = { fromMs: 60_000, untilMs: 70_000 };

  it('are joined from pieces, in media time, in order and inside their window', () => {
    const words = wordsOf([segment(token('[_BEG_]', 0, 0), token(' Un', 500, 700, 1), token('believ', 700, 800), token('able', 800, 900, 0), token('!', 900, 950), token(' No', 850, 9_900), token(' way', 12_000, 13_000))], at);
    expect(words).toEqual([{ startMs: 60_500, endMs: 60_950, text: 'Unbelievable!', confidence: 0.5 }, { startMs: 60_950, endMs: 63_950, text: 'No', confidence: 0.5 }]);
  });

  it('that nobody said are left out', () => {
    expect(wordsOf([segment(token(' Thank', 0, 500), token(' you', 500, 900), token('.', 900, 900))], at)).toEqual([]);
    expect(wordsOf([segment(token(' [', 0, 100), token('Music', 100, 200), token(']', 200, 300))], at)).toEqual([]);
    const loop = Array.from({ length: 40 }, (_, n) => token(' no', n * 100, n * 100 + 90));
    expect(wordsOf([segment(...loop)], at)).toHaveLength(8);
  });

  it('cut inside a character are taken from the whole text', () => {
    const broken = { ...segment(token(' gr\ufffd', 0, 400), token('\ufffd', 400, 800)), text: ' grün blau' };
    expect(wordsOf([broken], at).map(({ text, startMs }) => [text, startMs])).toEqual([['grün', 60_000], ['blau', 60_400]]);
  });
});

describe('[Z3] resampling', () => {
  const tone = (rate: number, hertz: number): Float32Array => Float32Array.from({ length: rate }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));
  const rms = (pcm: Float32Array): number => Math.sqrt(pcm.reduce((sum, value) => sum + value * value, 0) / pcm.length);
  it.each([48_000, 44_100, 16_000, 8_000])('from %i Hz keeps pitch and level, is the same in any slices, and folds nothing back', (rate) => {
    const sound = tone(rate, 440);
    const whole = createResampler(rate).push(sound);
    const resampler = createResampler(rate);
    const pieces = Array.from({ length: Math.ceil(rate / 441) }, (_, at) => resampler.push(sound.subarray(at * 441, at * 441 + 441)));
    const joined = pieces.flatMap((piece) => [...piece]);
    expect(joined.length).toBe(whole.length);
    expect(Math.max(...joined.map((value, at) => Math.abs(value - (whole[at] ?? Infinity))))).toBeLessThan(1e-5);
    expect(Math.abs(whole.length - 16_000)).toBeLessThan(64);
    const crossings = whole.slice(1_000, 15_000).filter((value, at, all) => at > 0 && all[at - 1]! < 0 && value >= 0).length; // at > 0
    expect(Math.abs(crossings / (14_000 / 16_000) - 440)).toBeLessThan(3);
    expect(rms(whole.slice(1_000, 15_000))).toBeCloseTo(Math.SQRT1_2, 2);
    if (rate > 16_000) expect(rms(createResampler(rate).push(tone(rate, 10_000)).slice(1_000, 15_000))).toBeLessThan(0.01);
  });
});

describe('[Z4] the model', () => {
  it('is hashed as SHA-256 says, in any pieces', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 10_000]) {
      const bytes = randomBytes(length);
      const hash = createSha256();
      for (let at = 0; at < length; at += 37) hash.push(bytes.subarray(at, at + 37));
      expect(hash.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('is refused by name where it is not one', () => {
    const head = tinyModel().subarray(0, HEAD_BYTES);
    checkModelHead(head, 8_000_000);
    const other = head.slice();
    new DataView(other.buffer).setInt32(4, 32_000, true);
    expect(() => checkModelHead(head, MAX_MODEL_BYTES + 1)).toThrow('the file has 2.0 GB');
    expect(() => checkModelHead(head.subarray(0, 20), 20)).toThrow('only 20 bytes');
    expect(() => checkModelHead(new Uint8Array(HEAD_BYTES), 8_000_000)).toThrow('does not begin like a ggml model');
    expect(() => checkModelHead(other, 8_000_000)).toThrow('not of Whisper (32000 tokens, 80 mel bands)');
  });
});
