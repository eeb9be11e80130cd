// Which pieces of a byte stream begin it: what a tail cannot be read without, and is kept for the recording's life.

/** MediaRecorder's first blob may be a single byte, so the pieces behind it count until this much is there. */
export const WEBM_HEAD_BYTES = 64 * 1024;

const EBML = [0x1a, 0x45, 0xdf, 0xa3];

const typeAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at + 4, at + 8));

const topBoxes = (bytes: Uint8Array): string[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const types: string[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    types.push(typeAt(bytes, at));
    const size = view.getUint32(at);
    if (size < 8) break; // to the end of the file, or 64 bits long: media, not a header
    at += size;
  }
  return types;
};

/** `init`: an MP4 header and nothing else. `start`: a byte stream begins, with its media; `webm`: the same, and its header may go on. */
export const headOf = (bytes: Uint8Array): 'init' | 'start' | 'webm' | null => {
  if (bytes.length >= 8 && typeAt(bytes, 0) === 'ftyp') return topBoxes(bytes).every((type) => type !== 'moof' && type !== 'mdat') ? 'init' : 'start';
  const begin = EBML.slice(0, bytes.length);
  return begin.length > 0 && begin.every((byte, index) => bytes[index] === byte) ? 'webm' : null;
};
