// Voice activity without a model: speech-band level above a tracked noise floor, shaped by what speech is not (flat, hissing, all bass).
import type { Spectrum } from './onset.ts';

/** The floor is the quietest hop of the last 8 × 500 ms: speech pauses within that time, fans and held chords do not. */
const SLICE_FRAMES = 5;
const SLICES = 8;
/** quieter than this is nobody talking, dB */
const LEAST_DB = -58;
/** above the floor at which it is as likely speech as not, dB */
const EVEN_DB = 11;
const STEEPNESS_DB = 2;

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
/** 1 below `from`, falling to 0 at `to` */
const fade = (value: number, from: number, to: number): number => Math.min(1, Math.max(0, (to - value) / (to - from)));

/** One frame of 100 ms after the other → probability of speech, 0..1. */
export class VoiceGate {
  readonly #slices: number[] = [];
  #inSlice = 0;
  #before = 0;

  push(spectrum: Spectrum): number {
    const floor = this.#floor(spectrum.quietestDb);
    const loud = logistic((spectrum.speechDb - floor - EVEN_DB) / STEEPNESS_DB) * fade(-spectrum.speechDb, -LEAST_DB - 4, -LEAST_DB);
    const shaped = fade(spectrum.flatness, 0.45, 0.7) * fade(-spectrum.speechShare, -0.35, -0.15) * fade(spectrum.crossings, 0.3, 0.45);
    const now = loud * shaped;
    // a syllable's tail and an unvoiced consonant belong to the word before them
    const voice = Math.max(now, this.#before * 0.6);
    this.#before = now > this.#before * 0.6 ? now : this.#before * 0.6;
    return voice;
  }

  #floor(quietestDb: number): number {
    if (this.#inSlice === 0) {
      this.#slices.push(quietestDb);
      if (this.#slices.length > SLICES) this.#slices.shift();
    } else {
      const last = this.#slices.length - 1;
      this.#slices[last] = Math.min(this.#slices[last]!, quietestDb);
    }
    this.#inSlice = (this.#inSlice + 1) % SLICE_FRAMES;
    return Math.max(-75, Math.min(...this.#slices));
  }
}
