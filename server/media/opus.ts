// Opus as its packets and headers tell it: RFC 6716 (TOC byte), RFC 7845 (OpusHead), "Encapsulation of Opus in ISOBMFF" (dOps).
import { concat, EMPTY, viewOf } from './bytes.ts';

/** Opus counts time in 48 kHz samples whatever was recorded. */
export const OPUS_RATE = 48_000;
/** samples per frame by the five configuration bits of the TOC: SILK, hybrid, CELT */
const SILK = [480, 960, 1920, 2880];
const CELT = [120, 240, 480, 960];

/** Samples (48 kHz) in one packet; 0 where the packet is broken. RFC 6716 §3.1 allows at most 120 ms. */
export const opusSamples = (packet: Uint8Array): number => {
  const toc = packet[0];
  if (toc === undefined) return 0;
  const config = toc >> 3;
  const frame = (config < 12 ? SILK[config & 3] : config < 16 ? [480, 960][config & 1] : CELT[config & 3]) ?? 0;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 0x3f;
  return frame * frames <= 5760 ? frame * frames : 0;
};

/** One or two bytes of length (§3.2.1); null where they are not there. */
const frameLength = (packet: Uint8Array, at: number): { length: number; next: number } | null => {
  const first = packet[at];
  if (first === undefined) return null;
  if (first < 252) return { length: first, next: at + 1 };
  const second = packet[at + 1];
  return second === undefined ? null : { length: first + 4 * second, next: at + 2 };
};

export type OpusFrame = { from: number; to: number };

/** Where the frames of a packet lie in it (RFC 6716 §3.2); null where it is broken. */
export const opusFrames = (packet: Uint8Array): OpusFrame[] | null => {
  const code = (packet[0] ?? 0) & 3;
  const end = packet.length;
  if (opusSamples(packet) === 0) return null;
  if (code === 0) return [{ from: 1, to: end }];
  if (code === 1) return (end - 1) % 2 === 0 ? equal(1, end, 2) : null;
  if (code === 2) {
    const first = frameLength(packet, 1);
    return first && first.next + first.length <= end ? [{ from: first.next, to: first.next + first.length }, { from: first.next + first.length, to: end }] : null;
  }
  const flags = packet[1] ?? 0;
  const count = flags & 0x3f;
  let at = 2;
  let padding = 0;
  if (flags & 0x40) {
    let byte = 255;
    while (byte === 255) {
      byte = packet[at++] ?? 0;
      padding += Math.min(byte, 254);
    }
  }
  const to = end - padding;
  if ((flags & 0x80) === 0) return to >= at && (to - at) % count === 0 ? equal(at, to, count) : null;
  const lengths: number[] = [];
  while (lengths.length < count - 1) {
    const one = frameLength(packet, at);
    if (!one) return null;
    lengths.push(one.length);
    at = one.next;
  }
  const frames: OpusFrame[] = [];
  for (const length of lengths) {
    frames.push({ from: at, to: at + length });
    at += length;
  }
  return at <= to ? [...frames, { from: at, to }] : null;
};
const equal = (from: number, to: number, count: number): OpusFrame[] => {
  const each = (to - from) / count;
  return Array.from({ length: count }, (_, i) => ({ from: from + i * each, to: from + (i + 1) * each }));
};

const MAGIC = new TextEncoder().encode('OpusHead');

/** dOps (big-endian) to OpusHead (little-endian); empty where it is too short to be one. */
export const opusHeadFromDops = (dops: Uint8Array): Uint8Array => {
  if (dops.length < 11) return EMPTY;
  const from = viewOf(dops);
  const head = concat([MAGIC, Uint8Array.of(1), dops.subarray(1)]);
  const to = viewOf(head);
  to.setUint16(10, from.getUint16(2), true);
  to.setUint32(12, from.getUint32(4), true);
  to.setInt16(16, from.getInt16(8), true);
  return head;
};

export const isOpusHead = (config: Uint8Array): boolean => config.length >= 19 && MAGIC.every((byte, i) => config[i] === byte);

/** The OpusHead of a track: its own, or the plainest one for its channels. */
export const opusHead = (track: { config: Uint8Array; channels: number; sampleRate: number }): Uint8Array => {
  if (isOpusHead(track.config)) return track.config;
  const head = concat([MAGIC, new Uint8Array(11)]);
  head[8] = 1;
  head[9] = track.channels === 1 ? 1 : 2;
  viewOf(head).setUint32(12, track.sampleRate || OPUS_RATE, true);
  return head;
};
