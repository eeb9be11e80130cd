import { expect, it } from 'vitest';
import { crc32c as byTables } from '../shared/crc32c.ts';
import { crc32c } from './crc32c.ts';

it('[P1] gives the checksum the tables give, for any length, offset and seed', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283); // RFC 3720, B.4
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7919) >>> 3);
  for (const [from, to] of [[0, 0], [0, 1], [3, 20], [7, 70_000], [1, 65_537]] as const) {
    const part = bytes.subarray(from, to);
    expect(crc32c(part)).toBe(byTables(part));
    expect(crc32c(part, 0xdeadbeef)).toBe(byTables(part, 0xdeadbeef));
  }
});
