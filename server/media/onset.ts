// Short-time spectrum of 16 kHz mono sound, four hops to a 100 ms frame, and the spectral flux that marks onsets.
import { powerSpectrum } from './fft.ts';

const SIZE = 512;
const HOP = 400;
/** Band edges in FFT bins (31.25 Hz each), narrow where speech lives. */
const EDGES = [2, 4, 6, 8, 10, 13, 16, 20, 24, 29, 35, 42, 50, 60, 72, 86, 103, 128, 160, 200, 257];
const BANDS = EDGES.length - 1;
/** 250 Hz to 4 kHz */
const SPEECH_FROM = 8;
const SPEECH_TO = 128;
/** Amplitude per band below which a change is noise nobody hears (about −75 dBFS); keeps silence at flux 0. */
const FLOOR = 0.05;

export type Spectrum = {
  /** 0..1: largest of the frame's hops */
  onset: number;
  /** mean power between 250 Hz and 4 kHz, dB (0 dB ≈ full-scale sine) */
  speechDb: number;
  /** the quietest hop's, for a noise floor */
  quietestDb: number;
  /** share of the frame's power that lies between 250 Hz and 4 kHz */
  speechShare: number;
  /** 1 = as flat as noise, 0 = tonal, within the speech band */
  flatness: number;
  /** changes of sign per sample at 16 kHz */
  crossings: number;
};

const crossingRate = (frame: Float32Array): number => {
  let crossings = 0;
  for (let i = 1; i < frame.length; i++) if (frame[i - 1]! < 0 !== frame[i]! < 0) crossings++; // i is below length
  return crossings / frame.length;
};

const toDb = (power: number): number => 10 * Math.log10(power / (SIZE * SIZE * (1 / 16)) + 1e-10);

/** Keeps 112 samples and one spectrum between frames. */
export class SpectrumAnalyser {
  readonly #spectrum = powerSpectrum(SIZE);
  readonly #power = new Float64Array(SIZE / 2 + 1);
  readonly #mean = new Float64Array(SIZE / 2 + 1);
  readonly #bands = new Float64Array(BANDS);
  readonly #before = new Float64Array(BANDS);
  readonly #buffer = new Float32Array(SIZE - HOP + 4 * HOP);

  /** `frame`: 1600 samples */
  push(frame: Float32Array): Spectrum {
    this.#buffer.copyWithin(0, 4 * HOP);
    this.#buffer.set(frame, SIZE - HOP);
    this.#mean.fill(0);
    let onset = 0;
    let quietest = Infinity;
    for (let hop = 0; hop < 4; hop++) {
      this.#spectrum(this.#buffer, hop * HOP, this.#power);
      onset = Math.max(onset, this.#flux());
      let speech = 0;
      for (let k = SPEECH_FROM; k < SPEECH_TO; k++) speech += this.#power[k]!;
      quietest = Math.min(quietest, speech);
      for (let k = 0; k < this.#power.length; k++) this.#mean[k]! += this.#power[k]! / 4;
    }
    return { onset, quietestDb: toDb(quietest), crossings: crossingRate(frame), ...this.#shape() };
  }

  /** Half-wave rectified change of band amplitudes over their sum: 0 steady, 1 out of nothing. */
  #flux(): number {
    let rise = 0;
    let total = FLOOR * BANDS;
    for (let band = 0; band < BANDS; band++) {
      let power = 0;
      for (let k = EDGES[band]!; k < EDGES[band + 1]!; k++) power += this.#power[k]!;
      const amplitude = Math.sqrt(power);
      rise += Math.max(0, amplitude - this.#before[band]!);
      total += amplitude;
      this.#bands[band] = amplitude;
    }
    this.#before.set(this.#bands);
    return rise / total;
  }

  #shape(): Pick<Spectrum, 'speechDb' | 'speechShare' | 'flatness'> {
    let all = 0;
    let speech = 0;
    let logs = 0;
    for (let k = 1; k < this.#mean.length; k++) {
      const power = this.#mean[k]!;
      all += power;
      if (k < SPEECH_FROM || k >= SPEECH_TO) continue;
      speech += power;
      logs += Math.log(power + 1e-12);
    }
    const bins = SPEECH_TO - SPEECH_FROM;
    return {
      speechDb: toDb(speech),
      speechShare: all > 0 ? speech / all : 0,
      flatness: speech > 0 ? Math.min(1, Math.exp(logs / bins) / (speech / bins)) : 1,
    };
  }
}
