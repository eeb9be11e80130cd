// EBML as RFC 8794 writes it: elements of a variable-length id, a variable-length size, and a body.
import { malformed, viewOf } from './bytes.ts';

export const ID = {
  ebml: 0x1a45dfa3, docType: 0x4282, segment: 0x18538067, seekHead: 0x114d9b74, info: 0x1549a966, timestampScale: 0x2ad7b1,
  tracks: 0x1654ae6b, cues: 0x1c53bb6b, chapters: 0x1043a770, tags: 0x1254c367, attachments: 0x1941a469,
  cluster: 0x1f43b675, timestamp: 0xe7, simpleBlock: 0xa3, blockGroup: 0xa0, block: 0xa1, blockDuration: 0x9b, referenceBlock: 0xfb,
  void: 0xec, crc32: 0xbf, position: 0xa7, prevSize: 0xab, silentTracks: 0x5854, encryptedBlock: 0xaf,
  trackEntry: 0xae, trackNumber: 0xd7, trackType: 0x83, codecId: 0x86, codecPrivate: 0x63a2, codecDelay: 0x56aa, defaultDuration: 0x23e383,
  video: 0xe0, pixelWidth: 0xb0, pixelHeight: 0xba, displayWidth: 0x54b0, displayHeight: 0x54ba, audio: 0xe1, samplingFrequency: 0xb5, channels: 0x9f,
  contentEncodings: 0x6d80, contentEncoding: 0x6240, contentEncodingScope: 0x5032, contentEncodingType: 0x5033,
  contentCompression: 0x5034, contentCompAlgo: 0x4254, contentCompSettings: 0x4255,
} as const;

/** `size` is null where it is unknown (all size bits set): the body ends where an element of a higher level begins. */
export type ElementHeader = { id: number; size: number | null; length: number };

/** Longest id (4) and longest size (8) RFC 9559 allows in Matroska. */
export const HEADER_BYTES = 12;

export type Vint = { value: number; length: number; unknown: boolean };

/** A size-like number: the length marker is taken off. Null while bytes are missing; throws where no vint begins. */
export const readVint = (bytes: Uint8Array, at: number): Vint | null => {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first === 0) throw malformed('no EBML number of up to 8 bytes begins here');
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return null;
  let value = first & (0xff >> length);
  let ones = value === 0xff >> length;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    ones &&= byte === 0xff;
    value = value * 256 + byte;
  }
  return { value, length, unknown: ones };
};

/** Null while the header is not all here; throws where none can begin. */
export const readElementHeader = (bytes: Uint8Array, at = 0): ElementHeader | null => {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first < 0x10) throw malformed(`0x${first.toString(16)} begins no EBML element`);
  const idLength = Math.clz32(first) - 23;
  if (at + idLength > bytes.length) return null;
  let id = 0;
  for (let i = 0; i < idLength; i++) id = id * 256 + (bytes[at + i] ?? 0);
  const size = readVint(bytes, at + idLength);
  return size && { id, size: size.unknown ? null : size.value, length: idLength + size.length };
};

export type Element = { id: number; body: Uint8Array };

/** The children of a body that is wholly here. */
export const elements = function* (bytes: Uint8Array): Generator<Element> {
  let at = 0;
  while (at < bytes.length) {
    const header = readElementHeader(bytes, at);
    const end = header?.size == null ? Infinity : at + header.length + header.size;
    if (!header || end > bytes.length) throw malformed('an EBML element is longer than its parent');
    yield { id: header.id, body: bytes.subarray(at + header.length, end) };
    at = end;
  }
};

export const child = (bytes: Uint8Array, id: number): Uint8Array | undefined => {
  for (const element of elements(bytes)) if (element.id === id) return element.body;
  return undefined;
};

export const unsigned = (body: Uint8Array | undefined, fallback: number): number => {
  if (!body || body.length === 0) return fallback;
  if (body.length > 8) throw malformed(`an EBML integer of ${body.length} bytes`);
  return body.reduce((value, byte) => value * 256 + byte, 0);
};

export const float = (body: Uint8Array | undefined, fallback: number): number => {
  if (!body || body.length === 0) return fallback;
  if (body.length === 4) return viewOf(body).getFloat32(0);
  if (body.length === 8) return viewOf(body).getFloat64(0);
  throw malformed(`an EBML float of ${body.length} bytes`);
};
