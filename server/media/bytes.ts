// Reading numbers out of bytes; every reader is bounds-checked by its caller through `Uint8Array` lengths.
import { MediaError } from '../errors.ts';

export const EMPTY = new Uint8Array(0);

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const concat = (parts: Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};

/** Latin-1, for four-character codes and codec names. */
export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 256));

export const malformed = (message: string, atByte?: number): MediaError =>
  new MediaError('malformed', atByte === undefined ? message : `${message} at byte ${atByte}`, atByte === undefined ? {} : { atByte });
