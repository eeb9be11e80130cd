// Sound of any rate to 16 kHz: a windowed-sinc low-pass evaluated at each output sample. Keeps its history between calls, so that
// the pieces join without a click and the length is exact to a sample. Pure but for that.

export const TARGET_RATE = 16_000;
/** zero crossings of the sinc on each side */
const CROSSINGS = 16;
/** share of the band kept, so that nothing folds back */
const BAND = 0.92;

export type Resampler = { push(pcm: Float32Array): Float32Array<ArrayBuffer> };

export const createResampler = (rate: number): Resampler => {
  const step = rate / TARGET_RATE;
  const cutoff = BAND * Math.min(1, TARGET_RATE / rate);
  const reach = Math.ceil(CROSSINGS / cutoff);
  let history = new Float32Array(reach);
  /** where the next output sample lies in `history` */
  let at = reach;

  const kernel = (x: number): number => {
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * cutoff) / (Math.PI * x * cutoff);
    return sinc * cutoff * (0.5 + 0.5 * Math.cos((Math.PI * x) / (reach + 1)));
  };
  // output samples fall on few distinct phases (48 kHz: one, 44.1 kHz: 160)
  const taps = new Map<number, Float32Array>();
  const tapsAt = (phase: number): Float32Array => {
    const known = taps.get(phase) ?? Float32Array.from({ length: 2 * reach }, (_, n) => kernel(n - reach + 1 - phase / 1e6));
    if (taps.size < 1000) taps.set(phase, known);
    return known;
  };

  return {
    push: (pcm) => {
      const input = new Float32Array(history.length + pcm.length);
      input.set(history);
      input.set(pcm, history.length);
      const output = new Float32Array(Math.max(0, Math.ceil((input.length - reach - at) / step)));
      let count = 0;
      for (; at + reach < input.length; at += step) {
        const whole = Math.floor(at);
        const weights = tapsAt(Math.round((at - whole) * 1e6));
        let sum = 0;
        for (let n = 0; n < weights.length; n++) sum += input[whole - reach + 1 + n]! * weights[n]!; // inside by the loop's condition
        output[count++] = sum;
      }
      const keepFrom = Math.max(0, Math.floor(at) - reach);
      history = input.slice(keepFrom);
      at -= keepFrom;
      return output.slice(0, count);
    },
  };
};
