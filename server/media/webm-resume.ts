// Where a walk through Matroska can begin again after damage: the one place where bytes are searched, and what is found is proven.
import { MediaError } from '../errors.ts';
import { readBlockHeader } from './block.ts';
import { elements, ID, readElementHeader } from './ebml.ts';
import { MAX_PACKET_BYTES } from './walk.ts';

/** A Cluster claiming more is not believed. */
export const MAX_CLUSTER_BYTES = 2 ** 32;
const VOIDS: ReadonlySet<number> = new Set([ID.void, ID.crc32]);

const startCode = (bytes: Uint8Array, at: number, id: number): boolean =>
  bytes[at] === id >>> 24 && bytes[at + 1] === ((id >>> 16) & 0xff) && bytes[at + 2] === ((id >>> 8) & 0xff) && bytes[at + 3] === (id & 0xff);

/** A Cluster is proven by its timestamp and the header of a block of a known track behind it. */
const provenCluster = (bytes: Uint8Array, tracks: ReadonlySet<number>): boolean | null => {
  const header = readElementHeader(bytes);
  if (!header) return null;
  if (header.size !== null && header.size > MAX_CLUSTER_BYTES) return false;
  let at = header.length;
  let timed = false;
  for (;;) {
    const next = readElementHeader(bytes, at);
    if (!next) return null;
    if (next.size === null || (header.size !== null && at + next.length + next.size > header.length + header.size)) return false;
    const isBlock = next.id === ID.simpleBlock || next.id === ID.blockGroup;
    if (isBlock && (!timed || next.size > 2 * MAX_PACKET_BYTES)) return false;
    if (next.id === ID.blockGroup) return true;
    if (next.id === ID.simpleBlock) {
      const block = readBlockHeader(bytes.subarray(at + next.length));
      return block && tracks.has(block.track);
    }
    timed ||= next.id === ID.timestamp && next.size <= 8;
    if (next.id !== ID.timestamp && next.id !== ID.position && next.id !== ID.prevSize && !VOIDS.has(next.id)) return false;
    if (next.size > 64) return false;
    at += next.length + next.size;
  }
};

const provenHeader = (bytes: Uint8Array): boolean | null => {
  const header = readElementHeader(bytes);
  if (!header) return null;
  if (header.size === null || header.size > 4096) return false;
  if (bytes.length < header.length + header.size) return null;
  for (const { id } of elements(bytes.subarray(header.length, header.length + header.size))) if (id === ID.docType) return true;
  return false;
};

/** What looks like a start code but cannot be parsed is none. */
const tryProof = (proof: () => boolean | null): boolean | null => {
  try {
    return proof();
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
};

/**
 * The first Cluster (of these tracks; none where they are unknown) or EBML header in `bytes`, or from where on it is still open.
 * `trusted`: a start code at 0 is believed as it stands.
 */
export const findStart = (bytes: Uint8Array, trusted: boolean, tracks: ReadonlySet<number> | null): { found: boolean; at: number } => {
  if (trusted && ((tracks && startCode(bytes, 0, ID.cluster)) || startCode(bytes, 0, ID.ebml))) return { found: true, at: 0 };
  for (let at = 0; at + 4 <= bytes.length; at++) {
    const known = tracks && startCode(bytes, at, ID.cluster) ? tracks : null;
    if (!known && !startCode(bytes, at, ID.ebml)) continue;
    const rest = bytes.subarray(at);
    const verdict = tryProof(() => (known ? provenCluster(rest, known) : provenHeader(rest)));
    if (verdict !== false) return { found: verdict === true, at };
  }
  return { found: false, at: Math.max(0, bytes.length - 3) };
};
