// A WebM that can be read out of the end of one: its header, and whole elements from the first Cluster on. MediaRecorder cuts its
// blobs anywhere, so a Cluster is searched for and proven, never assumed. RFC 8794 (EBML), RFC 9559 (Matroska).

const ID = { ebml: 0x1a45dfa3, segment: 0x18538067, info: 0x1549a966, tracks: 0x1654ae6b, cluster: 0x1f43b675, timestamp: 0xe7, position: 0xa7, prevSize: 0xab, simpleBlock: 0xa3, blockGroup: 0xa0 } as const;
export type Bytes = Uint8Array<ArrayBuffer>;

const UNKNOWN = Infinity;
/** of unknown size, as a live stream has it */
const SEGMENT_HEADER = Uint8Array.of(0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

export const concat = (parts: Bytes[]): Bytes => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

type Element = { id: number; body: number; end: number };

/** null: not whole, or none. */
const elementAt = (bytes: Bytes, at: number): Element | null => {
  const idLength = Math.clz32(bytes[at] ?? 0) - 23;
  if (idLength > 4 || at + idLength >= bytes.length) return null;
  const first = bytes[at + idLength] ?? 0;
  const sizeLength = Math.clz32(first) - 23;
  const body = at + idLength + sizeLength;
  if (sizeLength > 8 || body > bytes.length) return null;
  const id = bytes.subarray(at, at + idLength).reduce((value, byte) => value * 256 + byte, 0);
  const value = bytes.subarray(at + idLength + 1, body).reduce((sum, byte) => sum * 256 + byte, first & (0xff >> sizeLength));
  return { id, body, end: value >= 2 ** (7 * sizeLength) - 1 ? UNKNOWN : body + value };
};

const children = function* (bytes: Bytes, from: number, to: number): Generator<Element & { at: number }> {
  for (let at = from; at < to; ) {
    const element = elementAt(bytes, at);
    if (!element) return;
    yield { ...element, at };
    at = element.end;
  }
};

/** Proven by its time and two blocks, each with a small track number. */
const isCluster = (bytes: Bytes, at: number): boolean => {
  const cluster = elementAt(bytes, at);
  if (cluster?.id !== ID.cluster) return false;
  let [timed, blocks] = [false, 0];
  for (const { id, body, end } of children(bytes, cluster.body, Math.min(cluster.end, bytes.length))) {
    if (end === UNKNOWN) return blocks > 0 && id === ID.cluster;
    if (id === ID.timestamp) timed = end - body <= 8;
    else if (id === ID.simpleBlock && timed && (bytes[body] ?? 0) > 0x80 && (bytes[body] ?? 0) < 0xa0) blocks += 1;
    else if (id === ID.blockGroup && timed) blocks += 1;
    else if (id !== ID.position && id !== ID.prevSize) return blocks > 0 && id === ID.cluster;
    if (blocks === 2) return true;
  }
  return blocks > 0; // the last one may hold a single block so far
};

const findCluster = (bytes: Bytes): number => {
  for (let at = bytes.indexOf(0x1f); at >= 0; at = bytes.indexOf(0x1f, at + 1)) if (bytes[at + 1] === 0x43 && bytes[at + 2] === 0xb6 && bytes[at + 3] === 0x75 && isCluster(bytes, at)) return at;
  return -1;
};

/** EBML header, segment, Info and Tracks; null where they are not whole. What points into the file is left out: it is another file now. */
const headerOf = (stream: Bytes): { parts: Bytes[]; end: number } | null => {
  const ebml = elementAt(stream, 0);
  const segment = ebml?.id === ID.ebml && ebml.end < stream.length ? elementAt(stream, ebml.end) : null;
  if (!ebml || segment?.id !== ID.segment) return null;
  const parts = [stream.subarray(0, ebml.end), SEGMENT_HEADER];
  for (const { id, at, end } of children(stream, segment.body, stream.length)) {
    if (id === ID.cluster) return parts.length === 4 ? { parts, end: at } : null;
    if (end > stream.length) return null;
    if (id === ID.info || id === ID.tracks) parts.push(stream.subarray(at, end));
  }
  return parts.length === 4 ? { parts, end: stream.length } : null;
};

/** Up to the last element that is whole. */
const wholeElements = (bytes: Bytes): Bytes => {
  let at = 0;
  for (let element = elementAt(bytes, 0); element; element = elementAt(bytes, at)) {
    const next = element.id === ID.cluster ? element.body : element.end;
    if (next > bytes.length) break;
    at = next;
  }
  return bytes.subarray(0, at);
};

/** `head`: the beginning of the stream, empty if `media` has it. Empty when there is nothing to read. */
export const wholeClusters = (head: Bytes, media: Bytes): Bytes[] => {
  const header = headerOf(head.length > 0 ? head : media);
  if (!header) return [];
  const rest = head.length > 0 ? media : media.subarray(header.end);
  const first = findCluster(rest);
  return first < 0 ? [] : [...header.parts, wholeElements(rest.subarray(first))];
};
