// How loud Opus packets in CELT mode are, per band, without decoding their sound: the flags at the front of each frame and the
// coarse energy are read (RFC 6716 §4.3, §4.3.2.1; tables from there), fine energy, shapes and transform are left alone. Coarse
// energy is within 6 dB of a band's; over bands and 400 ms of speech or music that is half a dB (band-features.test.ts).
import { kWeighting } from './loudness.ts';
import { OPUS_RATE } from './opus.ts';
import { RangeDecoder } from './range-decoder.ts';

/** Bands read: up to 8 kHz, which is what the decoding path hears too. */
export const BANDS = 17;
/** Their edges in units of 200 Hz. */
export const BAND_EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40] as const;
const HERTZ = 200;
const MEANS = [6.4375, 6.25, 5.75, 5.3125, 5.0625, 4.8125, 4.5, 4.375, 4.875, 4.6875, 4.5625, 4.4375, 4.875, 4.625, 4.3125, 4.5, 4.375, 4.625, 4.75, 4.4375, 3.75];
const PREDICTION = [29440, 26112, 21248, 16384].map((q15) => q15 / 32768);
const SPREADING = [30147, 22282, 12124, 6554].map((q15) => q15 / 32768);
const INTRA_SPREADING = 4915 / 32768;
const SMALL = [2, 1, 0];
const PITCH_TAPS = [2, 1, 0];
/** Probability of no change and decay (Q8) per band: by frame size of 120, 240, 480, 960 samples, each inter then intra */
const MODEL: readonly (readonly number[])[] = [
  [72, 127, 65, 129, 66, 128, 65, 128, 64, 128, 62, 128, 64, 128, 64, 128, 92, 78, 92, 79, 92, 78, 90, 79, 116, 41, 115, 40, 114, 40, 132, 26, 132, 26, 145, 17, 161, 12, 176, 10, 177, 11],
  [24, 179, 48, 138, 54, 135, 54, 132, 53, 134, 56, 133, 55, 132, 55, 132, 61, 114, 70, 96, 74, 88, 75, 88, 87, 74, 89, 66, 91, 67, 100, 59, 108, 50, 120, 40, 122, 37, 97, 43, 78, 50],
  [83, 78, 84, 81, 88, 75, 86, 74, 87, 71, 90, 73, 93, 74, 93, 74, 109, 40, 114, 36, 117, 34, 117, 34, 143, 17, 145, 18, 146, 19, 162, 12, 165, 10, 178, 7, 189, 6, 190, 8, 177, 9],
  [23, 178, 54, 115, 63, 102, 66, 98, 69, 99, 74, 89, 71, 91, 73, 91, 78, 89, 86, 80, 92, 66, 93, 64, 102, 59, 103, 60, 104, 60, 117, 52, 123, 44, 138, 35, 133, 31, 97, 38, 77, 45],
  [61, 90, 93, 60, 105, 42, 107, 41, 110, 45, 116, 38, 113, 38, 112, 38, 124, 26, 132, 27, 136, 19, 140, 20, 155, 14, 159, 16, 158, 18, 170, 13, 177, 10, 187, 8, 192, 6, 175, 9, 159, 10],
  [21, 178, 59, 110, 71, 86, 75, 85, 84, 83, 91, 66, 88, 73, 87, 72, 92, 75, 98, 72, 105, 58, 107, 54, 115, 52, 114, 55, 112, 56, 129, 51, 132, 40, 150, 33, 140, 29, 98, 35, 77, 42],
  [42, 121, 96, 66, 108, 43, 111, 40, 117, 44, 123, 32, 120, 36, 119, 33, 127, 33, 134, 34, 139, 21, 147, 23, 152, 20, 158, 25, 154, 26, 166, 21, 173, 16, 184, 13, 184, 10, 150, 13, 139, 15],
  [22, 178, 63, 114, 74, 82, 84, 83, 92, 82, 103, 62, 96, 72, 96, 67, 101, 73, 107, 72, 113, 55, 118, 52, 125, 52, 118, 52, 117, 55, 135, 49, 137, 39, 157, 32, 145, 29, 97, 33, 77, 40],
];
/** bands of narrow, wide, super-wide and full band sound, as far as they are read */
const CODED_BANDS = [13, BANDS, BANDS, BANDS];
const SILENT = -28;

/** The decoder's pitch filter (§4.3.7.1): taps at the period, one beside it, two beside it. */
const TAPS = [[0.306640625, 0.2170410156, 0.1296386719], [0.4638671875, 0.2680664062, 0], [0.7998046875, 0.1000976562, 0]] as const;
const GAINS = 8;
const middleOf = (band: number): number => (HERTZ * (BAND_EDGES[band]! + BAND_EDGES[band + 1]!)) / 2; // there is one edge more than bands
/**
 * What the pitch filter adds to a band's power, by [(gain · 3 + taps) · BANDS + band]. It doubles what repeats with its period; a
 * voice's bands hold little else, so all of a band counts as repeating.
 */
const PITCH_POWER = Float64Array.from({ length: GAINS * TAPS.length * BANDS }, (_, at) => {
  const [centre, near, far] = TAPS[Math.floor(at / BANDS) % TAPS.length]!; // below TAPS.length
  const w = (2 * Math.PI * middleOf(at % BANDS)) / OPUS_RATE;
  const gain = (3 * (Math.floor(at / BANDS / TAPS.length) + 1)) / 32;
  return (1 - gain * (centre + 2 * near * Math.cos(w) + 2 * far * Math.cos(2 * w))) ** -2;
});

/** |H|² at an angle. */
const gainOf = ({ b0, b1, b2, a1, a2 }: { b0: number; b1: number; b2: number; a1: number; a2: number }, w: number): number => {
  const square = (x: number, y: number, z: number): number => (x + y * Math.cos(w) + z * Math.cos(2 * w)) ** 2 + (y * Math.sin(w) + z * Math.sin(2 * w)) ** 2;
  return square(b0, b1, b2) / square(1, a1, a2);
};
/** Mean of `f` over a band, in steps of 10 Hz. */
const over = (band: number, f: (w: number) => number): number => {
  const from = HERTZ * BAND_EDGES[band]!;
  const count = (HERTZ * BAND_EDGES[band + 1]! - from) / 10;
  return Array.from({ length: count }, (_, i) => f((2 * Math.PI * (from + 10 * i + 5)) / OPUS_RATE)).reduce((sum, value) => sum + value, 0) / count;
};
/** Energies are those of sound with its highs raised (§4.3, pre-emphasis 0.85), in units this far above full scale; measured, as the standard leaves the scale open. */
const SCALE = 10 ** -9.41;
const raised = (w: number): number => 1 + 0.85 ** 2 - 2 * 0.85 * Math.cos(w);
const PLAIN = Float64Array.from({ length: BANDS }, (_, band) => SCALE * over(band, (w) => 1 / raised(w)));
const [SHELF, HIGH_PASS] = kWeighting(OPUS_RATE);
const WEIGHTED = Float64Array.from({ length: BANDS }, (_, band) => over(band, (w) => (gainOf(SHELF, w) * gainOf(HIGH_PASS, w)) / raised(w)) / over(band, (w) => 1 / raised(w)));

/** 4^x in steps that are exact to 0.05 dB. */
const STEP = 64;
const LEAST = -30;
const MOST = 30;
const POWERS = Float64Array.from({ length: (MOST - LEAST) * STEP + 1 }, (_, i) => 4 ** (i / STEP + LEAST));
const powerOf = (log: number): number => POWERS[Math.round((Math.min(MOST, Math.max(LEAST, log)) - LEAST) * STEP)]!; // inside the table

/** How a frame is coded, from its packet's first byte: `size` 0 to 3 for 2.5, 5, 10, 20 ms; `bandwidth` 0 to 3. */
export type CeltCoding = { size: number; bandwidth: number; channels: number };

/** One stream's energies, frame after frame; each frame's are predicted from the one before. */
export class CeltEnergy {
  readonly #decoder = new RangeDecoder();
  /** log2 of amplitude above the band's usual one, by channel */
  readonly #logs = [new Float64Array(BANDS), new Float64Array(BANDS)] as const;
  /** of the last frame: mean square per band, channels averaged (a full-scale sine has 0.5) */
  readonly bands = new Float64Array(BANDS);
  /** of the last frame: K-weighted mean square, summed over two channels where `stereo` */
  loud = 0;
  #pitch = -1;

  /** Reads the frame at [from, to) of `bytes`, whatever they are. `stereo`: how it is presented. */
  frame(bytes: Uint8Array, range: { from: number; to: number }, coding: CeltCoding, stereo: boolean): void {
    const decoder = this.#decoder;
    const [left, right] = this.#logs;
    const total = (range.to - range.from) * 8;
    const coded = CODED_BANDS[coding.bandwidth] ?? BANDS;
    if (coding.channels === 1) for (let band = 0; band < BANDS; band++) left[band] = Math.max(left[band]!, right[band]!);
    decoder.begin(bytes, range.from, range.to);
    this.bands.fill(0);
    this.loud = 0;
    if (total < 16 || decoder.bit(15)) {
      for (const logs of this.#logs) logs.fill(SILENT);
      return;
    }
    this.#pitch = decoder.tell() + 16 <= total && decoder.bit(1) ? this.#pitchFilter(total) : -1;
    const transient = coding.size > 0 && decoder.tell() + 3 <= total && decoder.bit(3);
    const intra = decoder.tell() + 3 <= total && decoder.bit(3);
    this.#coarse(total, coding, intra, coded);
    if (coding.channels === 1) right.set(left);
    left.fill(0, coded);
    right.fill(0, coded);
    this.#sum(coded, stereo, transient ? coding.size / 2 : 0);
  }

  /** Gain and taps as an index of PITCH_POWER's rows; the period is passed over. */
  #pitchFilter(total: number): number {
    const decoder = this.#decoder;
    decoder.raw(4 + decoder.uniform(6));
    const gain = decoder.raw(3);
    const taps = decoder.tell() + 2 <= total ? decoder.symbol(PITCH_TAPS, 2) : 0;
    return gain * TAPS.length + taps;
  }

  #coarse(total: number, { size, channels }: CeltCoding, intra: boolean, coded: number): void {
    const decoder = this.#decoder;
    const model = MODEL[2 * size + (intra ? 1 : 0)]!; // four sizes
    const kept = intra ? 0 : PREDICTION[size]!;
    const passed = 1 - (intra ? INTRA_SPREADING : SPREADING[size]!);
    let before = 0;
    let beforeRight = 0;
    for (let band = 0; band < coded; band++) {
      for (let channel = 0; channel < channels; channel++) {
        const room = total - decoder.tell();
        let change = -1;
        if (room >= 15) change = decoder.laplace(model[2 * band]! << 7, model[2 * band + 1]! << 6);
        else if (room >= 2) {
          const code = decoder.symbol(SMALL, 2);
          change = (code >> 1) ^ -(code & 1);
        } else if (room >= 1) change = decoder.bit(1) ? -1 : 0;
        const logs = channel === 0 ? this.#logs[0] : this.#logs[1];
        logs[band] = Math.max(SILENT, kept * Math.max(-9, logs[band]!) + (channel === 0 ? before : beforeRight) + change);
        if (channel === 0) before += change * passed;
        else beforeRight += change * passed;
      }
    }
  }

  /** `lift`: a frame cut into short blocks has each band's amplitude raised by this many powers of two. */
  #sum(coded: number, stereo: boolean, lift: number): void {
    const [left, right] = this.#logs;
    const pitch = this.#pitch * BANDS;
    let all = 0;
    for (let band = 0; band < coded; band++) {
      const mean = MEANS[band]! - lift;
      let power = (PLAIN[band]! * (powerOf(left[band]! + mean) + powerOf(right[band]! + mean))) / 2;
      if (pitch >= 0) power *= PITCH_POWER[pitch + band]!;
      this.bands[band] = power;
      all += power;
      if (band > 0) this.loud += WEIGHTED[band]! * power;
    }
    this.loud = (this.loud + WEIGHTED[0]! * this.#lowest()) * (stereo ? 2 : 1);
    if (all <= 1) return;
    // damage can say anything; no sound is louder than full scale
    this.loud /= all;
    for (let band = 0; band < coded; band++) this.bands[band]! /= all;
  }

  /**
   * The lowest band holds voices and rumble, which K-weighting tells apart and the band does not. A voice has as much above
   * 200 Hz; what has far less there lies below 60 Hz, where the weighting takes up to 9 dB more.
   */
  #lowest(): number {
    const power = this.bands[0]!;
    const above = 4 * Math.max(this.bands[1]! * (WEIGHTED[1]! / WEIGHTED[0]!), this.bands[2]! * (WEIGHTED[2]! / WEIGHTED[0]!));
    return power > above ? Math.max(power / 8, Math.sqrt(power * above)) : power;
  }
}
