// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight table look-ups per eight bytes ("slicing by 8", Kounavis and Berry 2005).
const POLYNOMIAL = 0x82f63b78; // reflected 0x1EDC6F41
const SLICES = 8;

let tables: Uint32Array | null = null;

/** Slice k, byte b stands at k·256 + b. Built at first use: 8 KiB, under a millisecond. */
const build = (): Uint32Array => {
  const table = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!; // at ≥ 256
    table[at] = (before >>> 8) ^ table[before & 0xff]!; // a byte indexes slice 0
  }
  return table;
};

/** Checksum of `bytes` as an unsigned 32-bit number. With `seed` = crc32c(a), gives crc32c(a ++ bytes). */
export const crc32c = (bytes: Uint8Array, seed = 0): number => {
  const t = (tables ??= build());
  const length = bytes.length;
  const whole = length - (length % SLICES);
  let crc = ~seed;
  let at = 0;
  // every index below is in range: at + 7 < length, and look-ups are masked to a byte within their slice
  for (; at < whole; at += SLICES) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
};

const word = new Uint8Array(4);

/**
 * One step of the rolling hash a `stop` frame carries: the CRC-32C over the stored chunks' own CRC-32Cs, each as four
 * little-endian bytes, in order of sequence, starting from 0. Chunks declared lost by `gap` are left out; a chunk sent
 * twice counts once. So both ends can keep it as chunks become durable, without the bytes.
 */
export const foldHash = (hash: number, crc: number): number => {
  word[0] = crc;
  word[1] = crc >>> 8;
  word[2] = crc >>> 16;
  word[3] = crc >>> 24;
  return crc32c(word, hash);
};
