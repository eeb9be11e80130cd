// Tracks and Info of Matroska (RFC 9559) and of its subset WebM.
import { MediaError } from '../errors.ts';
import { concat, EMPTY, malformed, text } from './bytes.ts';
import { child, elements, float, ID, unsigned } from './ebml.ts';
import type { Codec, Track } from './media.ts';

export const MAX_TRACKS = 64;
/** no sound is sampled more often */
const MAX_SAMPLE_RATE = 768_000;

/** A track and what its blocks need to be read. */
export type MatroskaTrack = {
  track: Track;
  /** ms per frame; 0 where not said */
  defaultDurationMs: number;
  /** what a decoder puts out before the first sample meant to be heard; timestamps include it (RFC 9559 §5.1.4.1.25) */
  codecDelayMs: number;
  /** bytes taken off the front of every frame by header-stripping compression */
  stripped: Uint8Array;
};

const CODECS: Record<string, Codec> = {
  V_VP8: 'vp8', V_VP9: 'vp9', V_AV1: 'av1', 'V_MPEG4/ISO/AVC': 'avc', 'V_MPEGH/ISO/HEVC': 'hevc',
  A_OPUS: 'opus', A_AAC: 'aac', A_VORBIS: 'vorbis',
};

/** V_MS/VFW/FOURCC carries a BITMAPINFOHEADER; H.264 in it is Annex B, with parameter sets in the stream. */
const vfwIsH264 = (codecPrivate: Uint8Array): boolean => codecPrivate.length >= 20 && /^(h264|x264|avc1|davc)$/i.test(text(codecPrivate.subarray(16, 20)));

/** DisplayWidth and DisplayHeight, whatever their unit, give the displayed shape. */
const aspectOf = (video: Uint8Array): Pick<Track, 'aspect'> => {
  const [width, height] = [unsigned(child(video, ID.pixelWidth), 0), unsigned(child(video, ID.pixelHeight), 0)];
  const aspect = { width: unsigned(child(video, ID.displayWidth), width), height: unsigned(child(video, ID.displayHeight), height) };
  return aspect.width === 0 || aspect.height === 0 || aspect.width * height === aspect.height * width ? {} : { aspect };
};

const HEADER_STRIPPING = 3;

/** Bytes stripped from frames and from CodecPrivate. */
const readEncodings = (body: Uint8Array, name: string): { frames: Uint8Array; codecPrivate: Uint8Array } => {
  let frames: Uint8Array = EMPTY;
  let codecPrivate: Uint8Array = EMPTY;
  for (const { id, body: encoding } of elements(body)) {
    if (id !== ID.contentEncoding) continue;
    if (unsigned(child(encoding, ID.contentEncodingType), 0) !== 0) {
      throw new MediaError('unsupported', `track ${name} is encrypted; send it unencrypted`);
    }
    const compression = child(encoding, ID.contentCompression) ?? EMPTY;
    const algorithm = unsigned(child(compression, ID.contentCompAlgo), 0);
    if (algorithm !== HEADER_STRIPPING) {
      throw new MediaError('unsupported', `track ${name} is compressed by method ${algorithm}; remux it without track compression (mkvmerge --compression -1:none)`);
    }
    const settings = child(compression, ID.contentCompSettings) ?? EMPTY;
    const scope = unsigned(child(encoding, ID.contentEncodingScope), 1);
    if (scope & 1) frames = concat([settings, frames]);
    if (scope & 2) codecPrivate = concat([settings, codecPrivate]);
  }
  return { frames, codecPrivate };
};

/** Of what the track says it is: pictures in Opus are nothing we know. */
const codecOf = (name: string, kind: Track['kind']): Track['codec'] => (name.startsWith(kind === 'audio' ? 'A_' : 'V_') ? (CODECS[name] ?? 'other') : 'other');

const rateOf = (samplesPerS: number): number => {
  if (samplesPerS >= 1 && samplesPerS <= MAX_SAMPLE_RATE) return Math.round(samplesPerS);
  throw malformed(`a Matroska track of ${samplesPerS} samples a second`);
};

const readTrack = (entry: Uint8Array): MatroskaTrack => {
  const fields = new Map<number, Uint8Array>();
  for (const { id, body } of elements(entry)) fields.set(id, body);
  const number = unsigned(fields.get(ID.trackNumber), 0);
  if (number === 0) throw malformed('a Matroska track without a number');
  const type = unsigned(fields.get(ID.trackType), 0);
  const codecName = text(fields.get(ID.codecId) ?? EMPTY).replace(/\0+$/, '');
  const kind = type === 1 ? 'video' : type === 2 ? 'audio' : 'other';
  const encodings = fields.get(ID.contentEncodings);
  const stripped = kind === 'other' || !encodings ? { frames: EMPTY, codecPrivate: EMPTY } : readEncodings(encodings, `${number} (${codecName})`);
  const config = concat([stripped.codecPrivate, fields.get(ID.codecPrivate) ?? EMPTY]);
  const annexB = codecName === 'V_MS/VFW/FOURCC' && vfwIsH264(config);
  const video = fields.get(ID.video) ?? EMPTY;
  const audio = fields.get(ID.audio) ?? EMPTY;
  return {
    track: {
      number, kind, codecName,
      codec: annexB ? 'avc' : codecOf(codecName, kind),
      config: annexB ? EMPTY : config,
      width: unsigned(child(video, ID.pixelWidth), 0),
      height: unsigned(child(video, ID.pixelHeight), 0),
      sampleRate: kind === 'audio' ? rateOf(float(child(audio, ID.samplingFrequency), 8000)) : 0,
      channels: kind === 'audio' ? unsigned(child(audio, ID.channels), 1) : 0,
      ...aspectOf(video),
    },
    defaultDurationMs: unsigned(fields.get(ID.defaultDuration), 0) / 1e6,
    codecDelayMs: unsigned(fields.get(ID.codecDelay), 0) / 1e6,
    stripped: stripped.frames,
  };
};

export const readTracks = (body: Uint8Array): Map<number, MatroskaTrack> => {
  const tracks = new Map<number, MatroskaTrack>();
  for (const { id, body: entry } of elements(body)) {
    if (id !== ID.trackEntry) continue;
    if (tracks.size === MAX_TRACKS) throw new MediaError('limit', `more than ${MAX_TRACKS} tracks`);
    const track = readTrack(entry);
    tracks.set(track.track.number, track);
  }
  if (![...tracks.values()].some(({ track }) => track.kind !== 'other')) throw new MediaError('unsupported', 'no video or audio track in this Matroska stream');
  return tracks;
};
