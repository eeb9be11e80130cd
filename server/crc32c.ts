// CRC-32C of big buffers: by the processor's own instruction where the native package loads (8 × the tables of shared/crc32c.ts,
// which serve elsewhere).
import { createRequire } from 'node:module';
import { crc32c as byTables } from '../shared/crc32c.ts';

type Crc32c = (bytes: Uint8Array, seed?: number) => number;

const load = (): Crc32c => {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc32c }).crc32c; // as the package's types say
  } catch {
    return byTables; // an optional package: no binary for this platform
  }
};

/** Checksum of `bytes` as an unsigned 32-bit number. With `seed` = crc32c(a), gives crc32c(a ++ bytes). */
export const crc32c: Crc32c = load();
