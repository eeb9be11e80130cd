// Power spectrum of a real signal of fixed size: one half-size complex radix-2 transform (Cooley–Tukey) and the usual split.

/** `spectrum(samples, from, power)` writes size/2+1 squared magnitudes of `samples[from …)` under a Hann window into `power`. */
export type PowerSpectrum = (samples: Float32Array, from: number, power: Float64Array) => void;

const bitReversed = (size: number): Uint16Array => {
  const bits = Math.log2(size);
  const table = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    let reversed = 0;
    for (let b = 0; b < bits; b++) if (i & (1 << b)) reversed |= 1 << (bits - 1 - b);
    table[i] = reversed;
  }
  return table;
};

export const hann = (size: number): Float64Array => Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));

const transform = (re: Float64Array, im: Float64Array, cos: Float64Array, sin: Float64Array): void => {
  const size = re.length;
  for (let half = 1; half < size; half *= 2) {
    const stride = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0, t = 0; k < half; k++, t += stride) {
        const a = start + k;
        const b = a + half;
        const c = cos[t]!;
        const s = sin[t]!;
        const x = re[b]! * c + im[b]! * s;
        const y = im[b]! * c - re[b]! * s;
        re[b] = re[a]! - x;
        im[b] = im[a]! - y;
        re[a] = re[a]! + x;
        im[a] = im[a]! + y;
      }
    }
  }
};

/** `size` is a power of two, at least 8. The non-null assertions below read inside arrays whose lengths are fixed here. */
export const powerSpectrum = (size: number): PowerSpectrum => {
  const half = size / 2;
  const window = hann(size);
  const order = bitReversed(half);
  const cos = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / half));
  const sin = Float64Array.from({ length: half }, (_, i) => Math.sin((2 * Math.PI * i) / half));
  const splitCos = Float64Array.from({ length: half }, (_, i) => Math.cos((Math.PI * i) / half));
  const splitSin = Float64Array.from({ length: half }, (_, i) => Math.sin((Math.PI * i) / half));
  const re = new Float64Array(half);
  const im = new Float64Array(half);
  return (samples, from, power) => {
    for (let i = 0; i < half; i++) {
      const to = order[i]!;
      re[to] = samples[from + 2 * i]! * window[2 * i]!;
      im[to] = samples[from + 2 * i + 1]! * window[2 * i + 1]!;
    }
    transform(re, im, cos, sin);
    power[0] = (re[0]! + im[0]!) ** 2;
    power[half] = (re[0]! - im[0]!) ** 2;
    for (let k = 1; k < half; k++) {
      const evenRe = (re[k]! + re[half - k]!) / 2;
      const evenIm = (im[k]! - im[half - k]!) / 2;
      const oddRe = (im[k]! + im[half - k]!) / 2;
      const oddIm = (re[half - k]! - re[k]!) / 2;
      const x = evenRe + oddRe * splitCos[k]! + oddIm * splitSin[k]!;
      const y = evenIm + oddIm * splitCos[k]! - oddRe * splitSin[k]!;
      power[k] = x * x + y * y;
    }
  };
};
