// SHA-256 of what comes piece by piece: Web Crypto only takes a whole buffer, and a model may have two gigabytes. FIPS 180-4.

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter((n) => n > 1 && Array.from({ length: n }, (_, d) => d).every((d) => d < 2 || n % d !== 0));
const fraction = (root: number): number => Math.floor((root % 1) * 2 ** 32) >>> 0;
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const K = Uint32Array.from(PRIMES.slice(0, 64), (prime) => fraction(Math.cbrt(prime)));
const BLOCK = 64;

export const createSha256 = () => {
  const state = Uint32Array.from(START);
  const w = new Uint32Array(64);
  const block = new Uint8Array(BLOCK);
  let filled = 0;
  let total = 0;

  // all indexes are below the arrays' fixed lengths
  const mix = (bytes: Uint8Array, at: number): void => {
    for (let i = 0; i < 16; i++) w[i] = (bytes[at + i * 4]! << 24) | (bytes[at + i * 4 + 1]! << 16) | (bytes[at + i * 4 + 2]! << 8) | bytes[at + i * 4 + 3]!;
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      w[i] = w[i - 16]! + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + w[i - 7]! + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
    }
    let [a, b, c, d, e, f, g, h] = [state[0]!, state[1]!, state[2]!, state[3]!, state[4]!, state[5]!, state[6]!, state[7]!];
    for (let i = 0; i < 64; i++) {
      const t1 = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const t2 = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => { state[i]! += value; });
  };

  const push = (bytes: Uint8Array): void => {
    total += bytes.length;
    let at = 0;
    if (filled > 0) {
      at = Math.min(BLOCK - filled, bytes.length);
      block.set(bytes.subarray(0, at), filled);
      filled += at;
      if (filled < BLOCK) return;
      mix(block, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) mix(bytes, at);
    block.set(bytes.subarray(at));
    filled = bytes.length - at;
  };

  return {
    push,
    /** lower-case hex; nothing may be pushed after it */
    digest: (): string => {
      const length = total * 8;
      const tail = new Uint8Array((filled < 56 ? BLOCK : 2 * BLOCK) - filled);
      tail[0] = 0x80;
      const view = new DataView(tail.buffer);
      view.setUint32(tail.length - 8, Math.floor(length / 2 ** 32));
      view.setUint32(tail.length - 4, length >>> 0);
      push(tail);
      return [...state].map((value) => value.toString(16).padStart(8, '0')).join('');
    },
  };
};
