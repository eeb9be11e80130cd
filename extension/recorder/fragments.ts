// Whole fragments out of pieces of a fragmented MP4. A large fragment is sent in several pieces: the first may begin inside one, and
// the last may end inside one. ISO 14496-12, 8.8.

type Chunks = Uint8Array<ArrayBuffer>[];

/** What may stand before a fragment. */
const OPENERS = new Set(['styp', 'moof', 'sidx', 'emsg', 'prft', 'ftyp', 'moov']);

const sizeOf = (chunks: Chunks): number => chunks.reduce((sum, { length }) => sum + length, 0);

/** `length` bytes at `at`, fewer at the end. */
const peek = (chunks: Chunks, at: number, length: number): Uint8Array => {
  const found = new Uint8Array(length);
  let [from, filled] = [at, 0];
  for (const chunk of chunks) {
    if (from >= chunk.length) from -= chunk.length;
    else {
      const part = chunk.subarray(from, from + length - filled);
      found.set(part, filled);
      filled += part.length;
      from = 0;
      if (filled === length) break;
    }
  }
  return found.subarray(0, filled);
};

const header = (bytes: Uint8Array): { type: string; size: number } | null => {
  if (bytes.length < 16) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [short, type] = [view.getUint32(0), String.fromCharCode(...bytes.subarray(4, 8))];
  const size = short === 1 ? Number(view.getBigUint64(8)) : short;
  return size < 8 ? null : { type, size };
};

const cutAt = (chunks: Chunks, size: number): Chunks => {
  const cut: Chunks = [];
  let left = size;
  for (const chunk of chunks) {
    if (left <= 0) break;
    cut.push(chunk.subarray(0, left));
    left -= chunk.length;
  }
  return cut;
};

/** From the first piece that begins with a fragment to the end of the last whole one; empty when there is none. */
export const wholeFragments = (pieces: Chunks): Chunks => {
  const first = pieces.findIndex((bytes) => OPENERS.has(header(bytes)?.type ?? ''));
  const chunks = first < 0 ? [] : pieces.slice(first);
  const total = sizeOf(chunks);
  let [at, whole] = [0, 0];
  while (at < total) {
    const box = header(peek(chunks, at, 16));
    if (!box || at + box.size > total) break;
    at += box.size;
    if (box.type === 'mdat') whole = at;
  }
  return cutAt(chunks, whole);
};
