// Sounds for test recordings, computed: noise beds, crowds, hits, music. 16 kHz mono, about full scale 1.
import type { Random } from '../clock.ts';
import { RATE } from './speech.ts';

/** Two-pole band-pass, in place of a library: `q` is centre over bandwidth. */
export const bandPass = (hertz: number, q: number): ((x: number) => number) => {
  const w = (2 * Math.PI * hertz) / RATE;
  const alpha = Math.sin(w) / (2 * q);
  const a0 = 1 + alpha;
  let x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  return (x) => {
    const y = (alpha * x - alpha * x2 + 2 * Math.cos(w) * y1 - (1 - alpha) * y2) / a0;
    x2 = x1; x1 = x; y2 = y1; y1 = y;
    return y;
  };
};

/** Many people: band-passed noises, each swelling at its own pace. Rises for 0.3 s, falls for 0.5 s. */
export const crowd = (seconds: number, random: Random): Float32Array => {
  const pcm = new Float32Array(Math.round(seconds * RATE));
  const voices = Array.from({ length: 18 }, () => ({ filter: bandPass(350 + 2400 * random() ** 1.5, 3 + 5 * random()), pace: 0.7 + 3 * random(), phase: random() * 6.28 }));
  for (let i = 0; i < pcm.length; i++) {
    const t = i / RATE;
    let sum = 0;
    for (const { filter, pace, phase } of voices) sum += filter(random() * 2 - 1) * (0.6 + 0.4 * Math.sin(2 * Math.PI * pace * t + phase));
    pcm[i] = sum * Math.min(1, t / 0.3, (seconds - t) / 0.5);
  }
  return pcm;
};

/** Brownish game ambience that drifts in level. */
export const ambience = (seconds: number, random: Random): Float32Array => {
  const pcm = new Float32Array(Math.round(seconds * RATE));
  const low = bandPass(180, 0.6);
  const mid = bandPass(900, 0.8);
  for (let i = 0; i < pcm.length; i++) {
    const x = random() * 2 - 1;
    pcm[i] = (low(x) * 1.2 + mid(x) * 0.5) * (0.8 + 0.2 * Math.sin((2 * Math.PI * i) / RATE / 23));
  }
  return pcm;
};

/** A hit or, with a longer decay, an explosion: a burst of low noise that falls away. */
export const blast = (decayS: number, random: Random): Float32Array => {
  const pcm = new Float32Array(Math.round(decayS * 4 * RATE));
  const low = bandPass(90, 0.5);
  const mid = bandPass(600, 0.5);
  for (let i = 0; i < pcm.length; i++) {
    const x = random() * 2 - 1;
    pcm[i] = (low(x) * 2 + mid(x)) * Math.exp(-i / RATE / decayS);
  }
  return pcm;
};

/** A short dry noise, as a cough. */
export const cough = (random: Random): Float32Array => {
  const pcm = new Float32Array(Math.round(0.35 * RATE));
  const band = bandPass(1100, 0.7);
  for (let i = 0; i < pcm.length; i++) pcm[i] = band(random() * 2 - 1) * 2 * Math.exp(-i / RATE / 0.08);
  return pcm;
};

/** Chords of three decaying tones, 100 beats a minute. */
export const music = (seconds: number, random: Random): Float32Array => {
  const pcm = new Float32Array(Math.round(seconds * RATE));
  const chords = [[220, 277, 330], [196, 247, 294], [175, 220, 262], [247, 311, 370]];
  let chord = chords[0]!; // four of them
  const beat = Math.round(0.6 * RATE);
  for (let i = 0; i < pcm.length; i++) {
    if (i % beat === 0) chord = chords[Math.floor(random() * 4)] ?? chord;
    const t = (i % beat) / RATE;
    let sum = 0;
    for (const hertz of chord) sum += Math.sin(2 * Math.PI * hertz * t) + 0.4 * Math.sin(4 * Math.PI * hertz * t);
    pcm[i] = sum * Math.exp(-t * 2.5) * 0.25 * Math.min(1, i / RATE, seconds - i / RATE);
  }
  return pcm;
};

/** RMS of the loudest 400 ms: what makes a hit loud is its beginning, what makes speech loud are its vowels. */
const loudestRms = (pcm: Float32Array): number => {
  const step = RATE / 10;
  const powers: number[] = [];
  for (let at = 0; at < pcm.length; at += step) {
    let sum = 0;
    for (let i = at; i < Math.min(pcm.length, at + step); i++) sum += pcm[i]! ** 2; // i < length
    powers.push(sum / step);
  }
  return Math.sqrt(Math.max(0, ...powers.map((_, i) => powers.slice(i, i + 4).reduce((sum, one) => sum + one, 0) / 4)));
};

/** Adds `pcm` to `mix` at a time, with the RMS of its loudest 400 ms brought to `db` (dB full scale). */
export const mixIn = (mix: Float32Array, pcm: Float32Array, options: { atS: number; db: number }): void => {
  const rms = loudestRms(pcm);
  const gain = rms === 0 ? 0 : 10 ** (options.db / 20) / rms;
  const at = Math.round(options.atS * RATE);
  for (let i = 0; i < pcm.length && at + i < mix.length; i++) if (at + i >= 0) mix[at + i]! += pcm[i]! * gain; // both bounded by the loop
};

/** 16-bit WAV with soft clipping above 0.7. */
export const wavOf = (mix: Float32Array): Buffer => {
  const bytes = Buffer.alloc(44 + mix.length * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + mix.length * 2, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(RATE * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(mix.length * 2, 40);
  for (let i = 0; i < mix.length; i++) {
    const x = mix[i]!; // i < length
    const soft = Math.abs(x) <= 0.7 ? x : Math.sign(x) * (0.7 + 0.28 * Math.tanh((Math.abs(x) - 0.7) / 0.28));
    bytes.writeInt16LE(Math.round(soft * 32767), 44 + i * 2);
  }
  return bytes;
};
