// RFC 6381 codec names for a muxer's decoder configuration, out of what the container kept.
import { MediaError } from '../errors.ts';
import { BitReader } from './bits.ts';
import type { Track } from './media.ts';
import { nalUnits } from './nal.ts';

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
const two = (value: number): string => String(value).padStart(2, '0');

const missing = (track: Track): MediaError =>
  new MediaError('unsupported', `track ${track.number} (${track.codecName}) has no usable decoder configuration; record with a current encoder`);

const avc = (track: Track, keyframe: Uint8Array): string => {
  // without avcC the stream is Annex B and its first SPS says the same
  const profile = track.config.length >= 4 ? track.config.subarray(1, 4) : nalUnits(keyframe).find((unit) => ((unit[0] ?? 0) & 0x1f) === 7)?.subarray(1, 4);
  if (profile?.length !== 3) throw missing(track);
  return `avc1.${[...profile].map(hex).join('')}`;
};

/** ISO/IEC 14496-15 §E.3 */
const hevc = (track: Track): string => {
  const { config } = track;
  if (config.length < 13) throw missing(track);
  const first = config[1] ?? 0;
  let compatibility = 0;
  for (let i = 0; i < 32; i++) compatibility += ((config[2 + (i >> 3)] ?? 0) >> (7 - (i & 7)) & 1) * 2 ** i;
  const constraints = [...config.subarray(6, 12)];
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  return ['hvc1', `${['', 'A', 'B', 'C'][first >> 6] ?? ''}${first & 0x1f}`, compatibility.toString(16), `${first & 0x20 ? 'H' : 'L'}${config[12] ?? 0}`, ...constraints.map((byte) => byte.toString(16))].join('.');
};

/** Lowest VP9 level by picture size at up to 60 frames a second; decoders take it as a hint. */
const vp9Level = (pixels: number): number => [[36_864, 10], [122_880, 20], [552_960, 30], [983_040, 31], [2_228_224, 41], [8_912_896, 51]].find(([most]) => pixels <= (most ?? 0))?.[1] ?? 61;

/** Profile and bit depth stand at the head of every keyframe (VP9 bitstream specification §6.2). */
const vp9 = (track: Track, keyframe: Uint8Array): string => {
  const { config, codecName } = track;
  if (codecName === 'vp09' && config.length >= 7) return `vp09.${two(config[4] ?? 0)}.${two(config[5] ?? 0)}.${two((config[6] ?? 0) >> 4)}`;
  const reader = new BitReader(keyframe);
  if (reader.bits(2) !== 2) throw missing(track);
  const low = reader.bits(1);
  const profile = low + 2 * reader.bits(1);
  // reserved bit of profile 3, then show_existing, frame type, show, error resilience, sync code
  reader.bits((profile === 3 ? 1 : 0) + 4 + 24);
  const depth = profile < 2 ? 8 : reader.bits(1) === 1 ? 12 : 10;
  return `vp09.${two(profile)}.${two(vp9Level(track.width * track.height))}.${two(depth)}`;
};

/** av1C, the same in MP4 and Matroska. */
const av1 = (track: Track): string => {
  const [, levels, flags] = track.config;
  if (levels === undefined || flags === undefined) throw missing(track);
  const depth = flags & 0x40 ? (flags & 0x20 ? 12 : 10) : 8;
  return `av01.${levels >> 5}.${two(levels & 0x1f)}${flags & 0x80 ? 'H' : 'M'}.${two(depth)}`;
};

const aac = (track: Track): string => {
  const type = (track.config[0] ?? 0) >> 3;
  if (track.config.length < 2) throw missing(track);
  // other object types play under the name of the plainest; decoders read the configuration itself
  return `mp4a.40.${type === 5 || type === 29 ? type : 2}`;
};

/** `packet`: the first one of the track, a keyframe. Throws `MediaError unsupported`. */
export const codecString = (track: Track, packet: Uint8Array): string => {
  switch (track.codec) {
    case 'avc': return avc(track, packet);
    case 'hevc': return hevc(track);
    case 'vp8': return 'vp8';
    case 'vp9': return vp9(track, packet);
    case 'av1': return av1(track);
    case 'opus': return 'opus';
    case 'vorbis': return 'vorbis';
    case 'aac': return aac(track);
    case 'other': throw new MediaError('unsupported', `codec ${track.codecName} cannot be copied into a clip`);
    default: return track.codec satisfies never;
  }
};
