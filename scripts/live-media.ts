// Any media file as a live stream: pieces of bytes with their media time, as a recorder would have sent them. What is live
// already goes byte for byte; what can be carried is remuxed packet by packet; the rest goes through FFmpeg.
import { createReadStream } from 'node:fs';
import type { AudioCodec, VideoCodec } from 'mediabunny';
import { planFfmpeg, runPlan } from './live-ffmpeg.ts';
import { audioLane, remuxMp4, remuxWebm, videoLane } from './live-remux.ts';
import type { Lane } from './live-remux.ts';
import { parseSlicing, sliceLive } from './live-slices.ts';
import type { LivePiece } from './live-slices.ts';
import { layoutOf, openInput, tracksOf } from './live-source.ts';
import type { Layout, Tracks } from './live-source.ts';

export type { LivePiece } from './live-slices.ts';

export type LiveMedia = {
  mime: string;
  /** as far as the file says */
  durationMs: number | null;
  how: 'as it stands' | 'remuxed' | 'through FFmpeg';
  chunks: AsyncIterable<LivePiece>;
  /** Lets go of the file; needed only where `chunks` is not read to its end. */
  close(): void;
};
export type LiveOptions = {
  /** `gop` (a piece per second), a number of bytes, or `random:SEED` */
  slice?: string;
  /** not only the first audio track */
  allAudio?: boolean;
  signal?: AbortSignal;
};

type Container = 'webm' | 'mp4' | 'mkv';
const READ_BYTES = 64 * 1024;
const MIME: Record<Container, string> = { webm: 'video/webm', mp4: 'video/mp4', mkv: 'video/x-matroska' };

// What the pipeline can hear and cut. AC-3, MP3, FLAC and the like could be carried, but would give silent clips: they become AAC.
const VIDEO = new Set<VideoCodec>(['avc', 'hevc', 'vp8', 'vp9', 'av1']);
const AUDIO = new Set<AudioCodec>(['aac', 'opus', 'vorbis']);
const WEBM = new Set<VideoCodec | AudioCodec>(['vp8', 'vp9', 'av1', 'opus', 'vorbis']);
const MP4 = new Set<VideoCodec | AudioCodec>(['avc', 'hevc', 'vp9', 'av1', 'aac', 'opus']);

const containerFor = (codecs: (VideoCodec | AudioCodec)[]): Container =>
  codecs.every((codec) => WEBM.has(codec)) ? 'webm' : codecs.every((codec) => MP4.has(codec)) ? 'mp4' : 'mkv';

/** null where a codec cannot be carried */
const codecsOf = async ({ video, audio }: Tracks): Promise<(VideoCodec | AudioCodec)[] | null> => {
  const [picture, ...sounds] = [await video.getCodec(), ...(await Promise.all(audio.map((track) => track.getCodec())))] as const;
  const heard = sounds.filter((codec) => codec !== null && AUDIO.has(codec)).flatMap((codec) => codec ?? []);
  return picture && VIDEO.has(picture) && heard.length === sounds.length ? [picture, ...heard] : null;
};

/** Pictures before zero, or several edits: only a decoder can leave out what is not presented. */
const hidesPictures = async ({ video, audio }: Tracks, layout: Layout): Promise<boolean> => {
  if (layout.type !== 'mp4') return false;
  if ([video, ...audio].some(({ id }) => (layout.edits.get(id)?.count ?? 0) > 1)) return true;
  return (await video.getFirstTimestamp()) < 0;
};

const openLanes = async ({ video, audio }: Tracks, layout: Layout): Promise<Lane[]> => {
  const endOf = (id: number): number => (layout.type === 'mp4' ? (layout.edits.get(id)?.endS ?? Infinity) : Infinity);
  const sounds = await Promise.all(audio.map((track) => audioLane(track, endOf(track.id))));
  return [await videoLane(video), ...sounds.filter((lane) => lane !== null)];
};

async function* reading(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: READ_BYTES });
}

async function* thenClosing(stream: AsyncIterable<Uint8Array>, close: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } finally {
    close();
  }
}

type Direct = Omit<LiveMedia, 'chunks'> & { stream: AsyncIterable<Uint8Array> };

const nothing = (): void => undefined;

/** Without FFmpeg, or `exact` (whether FFmpeg must hide pictures). Throws `MediaError unsupported` without video. */
const direct = async (path: string, layout: Exclude<Layout, { type: 'other' }>, allAudio: boolean): Promise<Direct | { exact: boolean }> => {
  const input = openInput(path);
  try {
    const tracks = await tracksOf(input, { path, allAudio: allAudio || layout.type === 'live' });
    const codecs = await codecsOf(tracks);
    const exact = await hidesPictures(tracks, layout);
    if (!codecs || exact) {
      input.dispose();
      return { exact };
    }
    const names = await Promise.all([tracks.video, ...tracks.audio].map((track) => track.getCodecParameterString()));
    const described = (container: Container): string => `${MIME[container]}; codecs="${names.filter((name) => name !== null).join(', ')}"`;
    if (layout.type === 'live') {
      input.dispose();
      return { stream: reading(path), close: nothing, mime: described(layout.container === 'mp4' ? 'mp4' : containerFor(codecs) === 'webm' ? 'webm' : 'mkv'), durationMs: null, how: 'as it stands' };
    }
    const seconds = await tracks.video.getDurationFromMetadata();
    const lanes = await openLanes(tracks, layout);
    const container = containerFor(codecs);
    const close = (): void => input.dispose();
    const stream = thenClosing(container === 'mp4' ? remuxMp4(lanes) : remuxWebm(lanes, container), close);
    return { stream, close, mime: described(container), durationMs: seconds === null ? null : seconds * 1000, how: 'remuxed' };
  } catch (error) {
    input.dispose();
    throw error;
  }
};

/** Throws `MediaError`: unsupported (no video, not media, bad slice), tool (FFmpeg). The pieces may throw it too. */
export const liveMedia = async (path: string, options: LiveOptions = {}): Promise<LiveMedia> => {
  const slicing = parseSlicing(options.slice ?? 'gop');
  const allAudio = options.allAudio ?? false;
  const signal = options.signal ?? new AbortController().signal;
  const layout = await layoutOf(path);
  const found = layout.type === 'other' ? { exact: false } : await direct(path, layout, allAudio);
  if ('stream' in found) {
    const { stream, ...about } = found;
    return { ...about, chunks: sliceLive(stream, slicing) };
  }
  const plan = await planFfmpeg(path, { allAudio, exact: found.exact }, signal);
  return { mime: plan.mime, durationMs: plan.durationMs, how: 'through FFmpeg', chunks: sliceLive(runPlan(plan, signal), slicing), close: nothing };
};

/** All of a short file's pieces at once, each with bytes of its own. Throws as `liveMedia` does. */
export const allPieces = async (path: string, options?: LiveOptions): Promise<{ mime: string; pieces: LivePiece[] }> => {
  const { mime, chunks } = await liveMedia(path, options);
  const pieces: LivePiece[] = [];
  for await (const piece of chunks) pieces.push({ ...piece, bytes: piece.bytes.slice() });
  return { mime, pieces };
};
