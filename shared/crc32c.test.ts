import { expect, it } from 'vitest';
import { crc32c, foldHash } from './crc32c.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it('gives the vectors of RFC 3720 B.4', () => {
  expect(crc32c(text('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at))).toBe(0x46dd794e);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, at) => 31 - at))).toBe(0x113fdb5c);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

it('continues from a seed at every split', () => {
  const bytes = Uint8Array.from({ length: 61 }, (_, at) => (at * 97) & 0xff);
  const whole = crc32c(bytes);
  for (let cut = 0; cut <= bytes.length; cut++) expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(whole);
});

it('reads a view that starts at an odd offset', () => {
  const bytes = new Uint8Array([7, 7, 7, ...text('123456789')]);
  expect(crc32c(bytes.subarray(3))).toBe(0xe3069283);
});

it('folds crcs as their little-endian bytes, so order and count matter', () => {
  const crcs = [0x01020304, 0xfffffffe, 0];
  const flat = new Uint8Array(crcs.flatMap((crc) => [crc & 0xff, (crc >>> 8) & 0xff, (crc >>> 16) & 0xff, crc >>> 24]));
  expect(crcs.reduce(foldHash, 0)).toBe(crc32c(flat));
  expect(crcs.toReversed().reduce(foldHash, 0)).not.toBe(crc32c(flat));
});
