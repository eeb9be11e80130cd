// Loudness after ITU-R BS.1770-4: K-weighting, channel weights, momentary window of 400 ms.

/** Direct form coefficients, a0 = 1. */
export type Biquad = { b0: number; b1: number; b2: number; a1: number; a2: number };

/** What silence reads as; BS.1770 gates here too. */
export const SILENCE_LUFS = -70;
const BLOCKS = 4;

/**
 * The two K-weighting filters for any sample rate. The standard gives coefficients for 48 kHz only; these are its analogue
 * prototypes (high shelf +4 dB at 1682 Hz, high-pass at 38 Hz) by the bilinear transform, which at 48 kHz gives the printed table.
 */
export const kWeighting = (sampleRate: number): [Biquad, Biquad] => {
  const shelfK = Math.tan((Math.PI * 1681.974450955533) / sampleRate);
  const shelfQ = 0.7071752369554196;
  const high = 10 ** (3.999843853973347 / 20);
  const band = high ** 0.4996667741545416;
  const shelf0 = 1 + shelfK / shelfQ + shelfK * shelfK;
  const passK = Math.tan((Math.PI * 38.13547087602444) / sampleRate);
  const passQ = 0.5003270373238773;
  const pass0 = 1 + passK / passQ + passK * passK;
  return [
    {
      b0: (high + (band * shelfK) / shelfQ + shelfK * shelfK) / shelf0,
      b1: (2 * (shelfK * shelfK - high)) / shelf0,
      b2: (high - (band * shelfK) / shelfQ + shelfK * shelfK) / shelf0,
      a1: (2 * (shelfK * shelfK - 1)) / shelf0,
      a2: (1 - shelfK / shelfQ + shelfK * shelfK) / shelf0,
    },
    { b0: 1, b1: -2, b2: 1, a1: (2 * (passK * passK - 1)) / pass0, a2: (1 - passK / passQ + passK * passK) / pass0 },
  ];
};

const SURROUND = 1.41;
/** Channel weights in the order Opus and Vorbis give them (RFC 7845 §5.1.1.2): centre 1, surround 1.41, low frequency effects 0. */
const WEIGHTS: Record<number, number[]> = {
  1: [1],
  2: [1, 1],
  3: [1, 1, 1],
  4: [1, 1, SURROUND, SURROUND],
  5: [1, 1, 1, SURROUND, SURROUND],
  6: [1, 1, 1, SURROUND, SURROUND, 0],
  7: [1, 1, 1, SURROUND, SURROUND, SURROUND, 0],
  8: [1, 1, 1, SURROUND, SURROUND, SURROUND, SURROUND, 0],
};
export const channelWeights = (channels: number): number[] => WEIGHTS[channels] ?? Array.from({ length: channels }, () => 1);

/** Filter memory of one channel, transposed direct form II. */
type Memory = { s1: number; s2: number; t1: number; t2: number };

/** a decaying filter reaches denormal numbers in silence, which cost a hundred times the time */
const keep = (value: number): number => (Math.abs(value) < 1e-20 ? 0 : value);

/** Sum of squares of one channel's K-weighted block; moves the memory on. */
const weightedEnergy = (samples: Float32Array, [f, g]: [Biquad, Biquad], memory: Memory): number => {
  let { s1, s2, t1, t2 } = memory;
  let sum = 0;
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i]!; // i is below length
    const y = f.b0 * x + s1;
    s1 = f.b1 * x - f.a1 * y + s2;
    s2 = f.b2 * x - f.a2 * y;
    const z = g.b0 * y + t1;
    t1 = g.b1 * y - g.a1 * z + t2;
    t2 = g.b2 * y - g.a2 * z;
    sum += z * z;
  }
  Object.assign(memory, { s1: keep(s1), s2: keep(s2), t1: keep(t1), t2: keep(t2) });
  return sum;
};

/** Pushed the K-weighted mean squares of blocks of 100 ms, summed over channels, gives the loudness of the 400 ms that end with each; before the first there was silence. */
export class Momentary {
  readonly #energies = new Float64Array(BLOCKS);
  #next = 0;

  /** LUFS, never below −70 */
  push(energy: number): number {
    this.#energies[this.#next] = energy;
    this.#next = (this.#next + 1) % BLOCKS;
    let sum = 0;
    for (const value of this.#energies) sum += value;
    const mean = sum / BLOCKS;
    return mean > 0 ? Math.max(SILENCE_LUFS, -0.691 + 10 * Math.log10(mean)) : SILENCE_LUFS;
  }
}

/** The same from sound, in blocks of 100 ms. */
export class LoudnessMeter {
  readonly #filters: [Biquad, Biquad];
  readonly #weights: number[];
  readonly #memories: Memory[];
  readonly #window = new Momentary();

  constructor(sampleRate: number, channels: number) {
    this.#filters = kWeighting(sampleRate);
    this.#weights = channelWeights(channels);
    this.#memories = this.#weights.map(() => ({ s1: 0, s2: 0, t1: 0, t2: 0 }));
  }

  /** one array of equal length per channel → LUFS, never below −70 */
  push(channels: Float32Array[]): number {
    let energy = 0;
    for (const [i, samples] of channels.entries()) {
      const weight = this.#weights[i];
      const memory = this.#memories[i];
      if (weight && memory) energy += (weight * weightedEnergy(samples, this.#filters, memory)) / samples.length;
    }
    return this.#window.push(energy);
  }
}
