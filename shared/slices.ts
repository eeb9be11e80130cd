/** A stretch of a recording's byte stream, wherever it was cut, with the media time it covers. */
export type Media = { startMs: number; durationMs: number; bytes: Uint8Array };

/** Every server takes chunks of this size (P12). */
export const MAX_CHUNK_BYTES = 1024 * 1024;

/** Cuts what is larger; the time is shared out by bytes. */
export const slicesOf = ({ startMs, durationMs, bytes }: Media): Media[] => {
  const slices: Media[] = [];
  for (let from = 0; from < bytes.length; from += MAX_CHUNK_BYTES) {
    const part = bytes.subarray(from, from + MAX_CHUNK_BYTES);
    slices.push({ startMs: startMs + (durationMs * from) / bytes.length, durationMs: (durationMs * part.length) / bytes.length, bytes: part });
  }
  return slices;
};
