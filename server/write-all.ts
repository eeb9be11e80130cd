// A gathered write that is whole or throws.
import type { FileHandle } from 'node:fs/promises';

/** Every byte of the buffers, one after another, from `position`; after a throw any part of them may have been written. */
export const writeAll = async (handle: FileHandle, buffers: Uint8Array[], position: number): Promise<void> => {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    let skip = bytesWritten;
    let first = 0;
    while (first < rest.length && skip >= rest[first]!.length) skip -= rest[first++]!.length; // first < length
    rest = rest.slice(first);
    if (rest.length > 0) rest[0] = rest[0]!.subarray(skip);
  }
};
