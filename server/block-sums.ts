// Checksums of stored bytes in blocks, so that any part can be checked without reading the rest: a bit that turned over where an
// object lies is found when it is read. CRC-32 finds every single flipped bit and every burst up to 32 bits; it is no defence
// against somebody who changes objects on purpose.
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

export const BLOCK_BYTES = 256 * 1024;

const encode = (sums: number[]): string => Buffer.from(Uint32Array.from(sums).buffer).toString('base64url');

/** One sum per block, as text. */
export const sumsOf = (bytes: Uint8Array): string => encode(Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, at) => crc32(bytes.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES))));

export const sumsOfFile = async (path: string): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    const sums: number[] = [];
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, at); // a local file: short only at its end
      if (bytesRead === 0) return encode(sums);
      sums.push(crc32(block.subarray(0, bytesRead)));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
};

/** `bytes` begin at block `first`. */
export const blocksMatch = (sums: string, first: number, bytes: Uint8Array): boolean => {
  const view = Buffer.from(sums, 'base64url');
  for (let at = 0; at * BLOCK_BYTES < bytes.length; at++) {
    const place = (first + at) * 4;
    if (place + 4 > view.length || view.readUInt32LE(place) !== crc32(bytes.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES))) return false;
  }
  return true;
};
