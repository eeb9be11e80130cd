// H.264 and HEVC units: length-prefixed in MP4 and Matroska, behind start codes (Annex B) for raw decoders.
import { concat, viewOf } from './bytes.ts';
import type { Track } from './media.ts';
import { avcInDisplayOrder, hevcInDisplayOrder } from './sps.ts';

const START_CODE = Uint8Array.of(0, 0, 0, 1);

/** Units of an Annex B packet. */
export const nalUnits = (bytes: Uint8Array): Uint8Array[] => {
  const starts: { code: number; unit: number }[] = [];
  for (let i = 2; i < bytes.length; i++) {
    if (bytes[i] === 1 && bytes[i - 1] === 0 && bytes[i - 2] === 0) starts.push({ code: bytes[i - 3] === 0 ? i - 3 : i - 2, unit: i + 1 });
  }
  return starts.map(({ unit }, i) => bytes.subarray(unit, starts[i + 1]?.code ?? bytes.length)).filter((unit) => unit.length > 0);
};

type Prefixed = { lengthSize: number; parameterSets: Uint8Array[] };

/** Length-prefixed sets; ends where the record does. */
const take = (config: Uint8Array, at: number, count: number, into: Uint8Array[]): number => {
  let next = at;
  for (let i = 0; i < count && next + 2 <= config.length; i++) {
    const size = viewOf(config).getUint16(next);
    if (size > 0) into.push(config.subarray(next + 2, next + 2 + size));
    next += 2 + size;
  }
  return next;
};

const readAvcC = (config: Uint8Array): Prefixed => {
  const parameterSets: Uint8Array[] = [];
  const at = take(config, 6, (config[5] ?? 0) & 0x1f, parameterSets);
  take(config, at + 1, config[at] ?? 0, parameterSets);
  return { lengthSize: ((config[4] ?? 3) & 3) + 1, parameterSets };
};

const readHvcC = (config: Uint8Array): Prefixed => {
  const parameterSets: Uint8Array[] = [];
  let at = 23;
  for (let i = 0; i < (config[22] ?? 0) && at + 3 <= config.length; i++) at = take(config, at + 3, viewOf(config).getUint16(at + 1), parameterSets);
  return { lengthSize: ((config[21] ?? 3) & 3) + 1, parameterSets };
};

/** Units of a packet, however they are stored. */
const unitsOf = (packet: Uint8Array, lengthSize: number): Uint8Array[] => {
  const units: Uint8Array[] = [];
  for (let at = 0; at + lengthSize <= packet.length; ) {
    let size = 0;
    for (let i = 0; i < lengthSize; i++) size = size * 256 + (packet[at + i] ?? 0);
    at += lengthSize;
    units.push(packet.subarray(at, at + size));
    at += size;
  }
  return units;
};

const isSps = (codec: Track['codec'], unit: Uint8Array): boolean => (codec === 'hevc' ? ((unit[0] ?? 0) >> 1 & 0x3f) === 33 : ((unit[0] ?? 0) & 0x1f) === 7);

const inDisplayOrder = (codec: Track['codec'], unit: Uint8Array): Uint8Array => (!isSps(codec, unit) ? unit : codec === 'hevc' ? hevcInDisplayOrder(unit) : avcInDisplayOrder(unit));

/** By the tracks they were read from: a recording shows thousands of keyframes under the same sets. */
const known = new WeakMap<Track, Prefixed | null>();

/** What the track's configuration says, its sets in display order; null where the packets carry everything themselves. */
const configured = (track: Track): Prefixed | null => {
  const before = known.get(track);
  if (before !== undefined) return before;
  const { codec, config } = track;
  const read = config.length >= 7 ? (codec === 'hevc' ? readHvcC(config) : readAvcC(config)) : null;
  const ordered = read && { ...read, parameterSets: read.parameterSets.map((unit) => inDisplayOrder(codec, unit)) };
  known.set(track, ordered);
  return ordered;
};

/**
 * A keyframe by itself as a raw decoder wants it (Annex B): parameter sets in front, and told that there is no reordering, so that the
 * decoder does not wait for later pictures.
 */
export const loneKeyframe = (track: Track, packet: Uint8Array): Uint8Array => {
  const stored = configured(track);
  const parts: Uint8Array[] = [];
  for (const unit of stored?.parameterSets ?? []) parts.push(START_CODE, unit);
  for (const unit of stored ? unitsOf(packet, stored.lengthSize) : nalUnits(packet)) parts.push(START_CODE, inDisplayOrder(track.codec, unit));
  return concat(parts);
};
