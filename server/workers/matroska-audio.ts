// One audio track as a live Matroska stream that FFmpeg reads from a pipe (RFC 9559): segment and clusters of unknown size,
// packets untouched, times kept. Serves every codec Matroska names, AAC included, so that one road leads to FFmpeg.
import { MediaError } from '../errors.ts';
import type { Track } from '../media/media.ts';
import type { PackedPacket } from './media-messages.ts';

/** Tenths of a millisecond: AAC packets do not begin on whole ones. */
const TICKS_PER_MS = 10;
const UNKNOWN_SIZE = Uint8Array.of(0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

const idBytes = (id: number): number[] => (id > 0xffffff ? [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255] : id > 0xffff ? [id >>> 16, (id >>> 8) & 255, id & 255] : id > 0xff ? [id >>> 8, id & 255] : [id]);

/** always four bytes of length: nothing here is larger than 256 MB */
const element = (id: number, ...content: Uint8Array[]): Uint8Array => {
  const size = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.from(idBytes(id)), Uint8Array.of(0x10 | (size >>> 24), (size >>> 16) & 255, (size >>> 8) & 255, size & 255), ...content]);
};

const unsigned = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.round(value)));
  return bytes;
};
const float = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
};
const ascii = (value: string): Uint8Array => Buffer.from(value, 'latin1');

/** MP4 sample entries whose packets Matroska carries as they are. */
const FROM_MP4: Record<string, string> = { 'ac-3': 'A_AC3', 'ec-3': 'A_EAC3', '.mp3': 'A_MPEG/L3', 'mp4a.6b': 'A_MPEG/L3', 'mp4a.69': 'A_MPEG/L3' };

const matroskaCodec = (track: Track): string => {
  if (track.codec === 'aac') return 'A_AAC';
  if (track.codec === 'vorbis') return 'A_VORBIS';
  if (track.codec === 'opus') return 'A_OPUS';
  const codec = /^A_[A-Z0-9/_.]{2,40}$/.test(track.codecName) ? track.codecName : FROM_MP4[track.codecName.toLowerCase()];
  if (!codec) throw new MediaError('unsupported', `sound in ${track.codecName.slice(0, 40)} cannot be decoded here; record with Opus or AAC`);
  return codec;
};

/** Everything before the first cluster. Throws `MediaError unsupported` for a codec Matroska does not carry. */
export const matroskaHeader = (track: Track): Uint8Array => {
  const audio = element(0xe1, element(0xb5, float(track.sampleRate || 48_000)), element(0x9f, unsigned(track.channels || 2)));
  const config = track.config.length > 0 ? [element(0x63a2, track.config)] : [];
  const entry = element(0xae, element(0xd7, unsigned(1)), element(0x73c5, unsigned(1)), element(0x83, unsigned(2)), element(0x86, ascii(matroskaCodec(track))), ...config, audio);
  return Buffer.concat([
    element(0x1a45dfa3, element(0x4286, unsigned(1)), element(0x42f7, unsigned(1)), element(0x42f2, unsigned(4)), element(0x42f3, unsigned(8)), element(0x4282, ascii('matroska')), element(0x4287, unsigned(4)), element(0x4285, unsigned(2))),
    Uint8Array.from(idBytes(0x18538067)),
    UNKNOWN_SIZE,
    element(0x1549a966, element(0x2ad7b1, unsigned(1_000_000 / TICKS_PER_MS)), element(0x4d80, ascii('clippy')), element(0x5741, ascii('clippy'))),
    element(0x1654ae6b, entry),
  ]);
};

/** One complete cluster per packet: FFmpeg then never waits for the next one. `baseMs` is the stream's time 0. */
export const matroskaCluster = (packet: PackedPacket, baseMs: number): Uint8Array => {
  const ticks = Math.max(0, Math.round((packet.startMs - baseMs) * TICKS_PER_MS));
  // track 1, relative time 0, keyframe
  return element(0x1f43b675, element(0xe7, unsigned(ticks)), element(0xa3, Uint8Array.of(0x81, 0, 0, 0x80), packet.data));
};
