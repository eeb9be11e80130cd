// `moov` of a fragmented MP4: tracks, their sample descriptions, edit lists and fragment defaults (ISO/IEC 14496-12, -14, -15).
import { MediaError } from '../errors.ts';
import { box, boxes, Fields } from './boxes.ts';
import { EMPTY, malformed, text, viewOf } from './bytes.ts';
import { MAX_TRACKS } from './matroska-tracks.ts';
import type { Codec, Track } from './media.ts';
import { opusHeadFromDops } from './opus.ts';

export type SampleDefaults = { duration: number; size: number; flags: number };

export type Mp4Track = {
  track: Track;
  timescale: number;
  /** ms to take off media times so that they become presentation times (edit list) */
  shiftMs: number;
  defaults: SampleDefaults;
};

/** Sample entries that are read, and the box that holds the decoder's configuration. */
const ENTRIES: Record<string, { codec: Codec; config: string }> = {
  avc1: { codec: 'avc', config: 'avcC' }, avc3: { codec: 'avc', config: 'avcC' },
  hvc1: { codec: 'hevc', config: 'hvcC' }, hev1: { codec: 'hevc', config: 'hvcC' },
  vp08: { codec: 'vp8', config: 'vpcC' }, vp09: { codec: 'vp9', config: 'vpcC' }, av01: { codec: 'av1', config: 'av1C' },
  mp4a: { codec: 'aac', config: 'esds' }, Opus: { codec: 'opus', config: 'dOps' },
};

/** An MPEG-4 descriptor: tag, size in groups of seven bits, body. */
const descriptor = (bytes: Uint8Array, at: number): { tag: number; body: Uint8Array } | null => {
  let size = 0;
  let i = at + 1;
  for (; i < at + 5; i++) {
    const byte = bytes[i] ?? 0;
    size = size * 128 + (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return i + 1 + size > bytes.length || bytes[at] === undefined ? null : { tag: bytes[at], body: bytes.subarray(i + 1, i + 1 + size) };
};

/** AudioSpecificConfig out of `esds`, or null where it holds no AAC. */
const audioSpecificConfig = (esds: Uint8Array): Uint8Array | null => {
  const es = descriptor(esds, 4);
  if (es?.tag !== 3) return null;
  const flags = es.body[2] ?? 0;
  const at = 3 + (flags & 0x80 ? 2 : 0) + (flags & 0x40 ? 1 + (es.body[3] ?? 0) : 0) + (flags & 0x20 ? 2 : 0);
  const decoder = descriptor(es.body, at);
  const objectType = decoder?.body[0] ?? 0;
  const isAac = objectType === 0x40 || (objectType >= 0x66 && objectType <= 0x68);
  if (decoder?.tag !== 4 || !isAac) return null;
  const specific = descriptor(decoder.body, 13);
  return specific?.tag === 5 ? specific.body : null;
};

type Entry = Omit<Track, 'number' | 'kind'>;

/** `pasp`: the shape of one pixel. */
const aspectOf = (pasp: Uint8Array | undefined, width: number, height: number): Pick<Track, 'aspect'> => {
  if (!pasp || pasp.length < 8) return {};
  const [h, v] = [viewOf(pasp).getUint32(0), viewOf(pasp).getUint32(4)];
  return h === 0 || v === 0 || h === v ? {} : { aspect: { width: width * h, height: height * v } };
};

/** The matrix of `tkhd`, where it is a quarter turn. */
const rotationOf = (tkhd: Uint8Array): Pick<Track, 'rotation'> => {
  const at = tkhd[0] === 1 ? 52 : 40;
  if (tkhd.length < at + 36) return {};
  const [a, b, , c, d] = Array.from({ length: 5 }, (_, i) => viewOf(tkhd).getInt32(at + 4 * i) / 65536);
  if (a === 0 && d === 0) return b === 1 && c === -1 ? { rotation: 90 } : b === -1 && c === 1 ? { rotation: 270 } : {};
  return a === -1 && d === -1 ? { rotation: 180 } : {};
};

const readEntry = (stsd: Uint8Array, kind: Track['kind']): Entry => {
  const [first] = [...boxes(stsd.subarray(8))];
  if (!first) throw malformed('a track without a sample description');
  const { type, body } = first;
  const plain: Entry = { codec: 'other', codecName: type, config: EMPTY, width: 0, height: 0, sampleRate: 0, channels: 0 };
  if (type === 'encv' || type === 'enca') throw new MediaError('unsupported', 'this MP4 is encrypted; send it unencrypted');
  if (kind === 'other' || body.length < 28) return plain;
  const view = viewOf(body);
  const known = ENTRIES[type];
  if (kind === 'video') {
    const size = { width: view.getUint16(24), height: view.getUint16(26) };
    const children = body.subarray(78);
    const aspect = aspectOf(box(children, 'pasp'), size.width, size.height);
    return { ...plain, ...size, ...aspect, codec: known?.codec ?? 'other', config: (known && box(children, known.config)) ?? EMPTY };
  }
  // QuickTime sound descriptions of version 1 and 2 are longer by 16 and 36 bytes
  const children = body.subarray(28 + ([0, 16, 36][view.getUint16(8)] ?? 0));
  const sound = { sampleRate: view.getUint16(24), channels: view.getUint16(16) };
  const payload = known ? (box(children, known.config) ?? box(children, 'wave', known.config)) : undefined;
  if (known?.codec === 'opus') return { ...plain, ...sound, codec: 'opus', config: opusHeadFromDops(payload ?? EMPTY), sampleRate: 48_000 };
  const config = known && payload ? audioSpecificConfig(payload) : null;
  return config ? { ...plain, ...sound, codec: 'aac', config } : { ...plain, ...sound };
};

/** Leading empty edits delay the track; the first real one names the media time that is presented first. */
const readShift = (elst: Uint8Array | undefined, timescale: number, movieTimescale: number): number => {
  if (!elst) return 0;
  const field = new Fields(elst);
  const count = Math.min(field.u32(), 1000);
  let emptyMs = 0;
  for (let i = 0; i < count; i++) {
    const duration = field.version === 1 ? field.u64() : field.u32();
    const mediaTime = field.version === 1 ? field.i64() : field.i32();
    field.u32();
    if (mediaTime >= 0) return (mediaTime / timescale) * 1000 - emptyMs;
    emptyMs += (duration / movieTimescale) * 1000;
  }
  return -emptyMs;
};

const timescaleOf = (header: Uint8Array | undefined, name: string): number => {
  if (!header) throw malformed(`no ${name}`);
  const field = new Fields(header);
  for (let i = 0; i < 2; i++) if (field.version === 1) field.u64();
  else field.u32();
  const timescale = field.u32();
  if (timescale === 0) throw malformed(`${name} with timescale 0`);
  return timescale;
};

const HANDLERS: Record<string, Track['kind']> = { vide: 'video', soun: 'audio' };

const readTrack = (trak: Uint8Array, movieTimescale: number): Mp4Track & { samples: number } => {
  const tkhd = box(trak, 'tkhd');
  if (!tkhd) throw malformed('a track without tkhd');
  const header = new Fields(tkhd);
  for (let i = 0; i < 2; i++) if (header.version === 1) header.u64();
  else header.u32();
  const number = header.u32();
  const timescale = timescaleOf(box(trak, 'mdia', 'mdhd'), 'mdhd');
  const handler = box(trak, 'mdia', 'hdlr');
  const stbl = box(trak, 'mdia', 'minf', 'stbl');
  const stsd = stbl && box(stbl, 'stsd');
  if (!handler || handler.length < 12 || !stsd) throw malformed('a track without hdlr or stsd');
  const kind = HANDLERS[text(handler.subarray(8, 12))] ?? 'other';
  const stsz = box(stbl, 'stsz') ?? box(stbl, 'stz2');
  return {
    track: { number, kind, ...readEntry(stsd, kind), ...(kind === 'video' && rotationOf(tkhd)) },
    timescale,
    shiftMs: readShift(box(trak, 'edts', 'elst'), timescale, movieTimescale),
    defaults: { duration: 0, size: 0, flags: 0 },
    samples: stsz && stsz.length >= 12 ? viewOf(stsz).getUint32(8) : 0,
  };
};

export const readMoov = (moov: Uint8Array): Map<number, Mp4Track> => {
  const movieTimescale = timescaleOf(box(moov, 'mvhd'), 'mvhd');
  const tracks = new Map<number, Mp4Track>();
  let samples = 0;
  for (const { type, body } of boxes(moov)) {
    if (type !== 'trak') continue;
    if (tracks.size === MAX_TRACKS) throw new MediaError('limit', `more than ${MAX_TRACKS} tracks`);
    const track = readTrack(body, movieTimescale);
    samples += track.samples;
    tracks.set(track.track.number, track);
  }
  if (samples > 0) throw plainMp4();
  if (![...tracks.values()].some(({ track }) => track.kind !== 'other')) throw new MediaError('unsupported', 'no video or audio track in this MP4');
  for (const { type, body } of boxes(box(moov, 'mvex') ?? EMPTY)) {
    if (type !== 'trex') continue;
    const trex = new Fields(body);
    const track = tracks.get(trex.u32());
    trex.u32();
    if (track) track.defaults = { duration: trex.u32(), size: trex.u32(), flags: trex.u32() };
  }
  return tracks;
};

export const plainMp4 = (): MediaError =>
  new MediaError('unsupported', 'a plain MP4 cannot be recorded live, its index is not in the stream; remux it to fragmented MP4 (ffmpeg -i in.mp4 -c copy -movflags frag_keyframe+empty_moov+delay_moov+default_base_moof -use_editlist 1 -avoid_negative_ts disabled out.mp4; `npm run stream` does it)');
