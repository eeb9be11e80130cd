// Picture change at keyframes: keyframe packets, at most one per interval, go through one long-lived FFmpeg per session that makes
// tiny grey pictures of them. Decoding nothing but keyframes costs a fifteenth of decoding everything.
import { ivfFrame, ivfHeader } from '../media/ivf.ts';
import type { Packet, Track } from '../media/media.ts';
import { loneKeyframe } from '../media/nal.ts';
import type { OpenSceneDetector } from '../ports.ts';
import { startFfmpeg } from '../workers/ffmpeg.ts';
import type { FfmpegProcess } from '../workers/ffmpeg.ts';

const WIDTH = 32;
const HEIGHT = 18;
const PICTURE_BYTES = WIDTH * HEIGHT;
const BINS = 16;
/** A decoder that says nothing for so long has met something it cannot decode. */
const ANSWER_MS = 3000;
/** Then it is started anew, so often per session. */
const MAX_STARTS = 4;
const MEMORY_BYTES = 2 * 1024 ** 3;

const DECODERS: Partial<Record<Track['codec'], string[]>> = { avc: ['-c:v', 'h264'], hevc: ['-c:v', 'hevc'], vp8: ['-c:v', 'vp8'], vp9: ['-c:v', 'vp9'], av1: [] };

/** One thread in and out: frame threads would hold every picture back until others follow. */
const argumentsFor = (decoder: string[]): string[] => [
  '-v', 'error', '-threads', '1', '-flags', 'low_delay', '-probesize', '32', '-analyzeduration', '0', '-fpsprobesize', '0', ...decoder, '-f', 'ivf', '-i', 'pipe:0',
  '-an', '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area,format=gray`, '-vsync', 'passthrough', '-threads', '1', '-flush_packets', '1', '-f', 'rawvideo', 'pipe:1',
];

const histogram = (picture: Uint8Array): number[] => {
  const bins = Array<number>(BINS).fill(0);
  for (const level of picture) bins[level >> 4] = (bins[level >> 4] ?? 0) + 1 / picture.length;
  return bins;
};

const distance = (values: ArrayLike<number>, from: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]! - (from[i] ?? 0)); // i < length
  return sum;
};

/** 0 = the same picture, 1 = nothing in common. Half is what changed in place (a third of full scale counts as all), half how the levels are spread. */
export const pictureChange = (before: Uint8Array, after: Uint8Array): number => {
  const inPlace = distance(after, before) / (255 * after.length);
  const spread = distance(histogram(after), histogram(before)) / 2;
  return (Math.min(1, 3 * inPlace) + spread) / 2;
};

type Decoder = { picture(keyframe: Packet): Promise<Uint8Array | null>; close(): Promise<void> };

/** One child. Throws when it ends or does not answer. */
const openDecoder = async (path: string, track: Track, decoder: string[]): Promise<Decoder> => {
  const child: FfmpegProcess = startFfmpeg({ path, args: argumentsFor(decoder), memoryBytes: MEMORY_BYTES, nice: 10 });
  await child.write(ivfHeader(track));
  let sent = 0;
  let rest: Buffer = Buffer.alloc(0);
  return {
    picture: async (keyframe) => {
      const data = track.codec === 'avc' || track.codec === 'hevc' ? loneKeyframe(track, keyframe.data) : keyframe.data;
      const timer = setTimeout(() => void child.close(), ANSWER_MS);
      try {
        await child.write(ivfFrame(data, sent++));
        while (rest.length < PICTURE_BYTES) {
          const more = await child.read();
          if (!more) return null;
          rest = Buffer.concat([rest, more]);
        }
        const picture = new Uint8Array(rest.subarray(0, PICTURE_BYTES));
        rest = rest.subarray(PICTURE_BYTES);
        return picture;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => child.close(),
  };
};

export const createSceneDetectors = ({ ffmpegPath, minIntervalMs = 2000 }: { ffmpegPath: string; minIntervalMs?: number }): OpenSceneDetector => ({ track }) => {
  const format = DECODERS[track.codec];
  let decoder: Promise<Decoder> | null = null;
  let starts = 0;
  let before: Uint8Array | null = null;
  let sampledMs = -Infinity;

  const stop = async (): Promise<void> => {
    const old = decoder;
    decoder = null;
    const open = await old?.catch(() => null);
    await open?.close();
  };

  const pictureOf = async (keyframe: Packet): Promise<Uint8Array | null> => {
    if (!format || (!decoder && starts === MAX_STARTS)) return null;
    if (!decoder) {
      starts += 1;
      decoder = openDecoder(ffmpegPath, track, format);
    }
    // damage in a picture ends the child, not the session: the next keyframe gets a new one
    const picture = await decoder.then((open) => open.picture(keyframe)).catch(() => null);
    if (!picture) await stop();
    return picture;
  };

  const abort = (): void => void stop();

  return {
    push: async (keyframes, signal) => {
      const changes: { atMs: number; change: number }[] = [];
      signal.addEventListener('abort', abort, { once: true });
      try {
        for (const keyframe of keyframes) {
          signal.throwIfAborted();
          if (!keyframe.key || keyframe.data.length === 0 || Math.abs(keyframe.startMs - sampledMs) < minIntervalMs) continue;
          sampledMs = keyframe.startMs;
          const after = await pictureOf(keyframe);
          if (before && after) changes.push({ atMs: keyframe.startMs, change: pictureChange(before, after) });
          before = after ?? before;
        }
      } finally {
        signal.removeEventListener('abort', abort);
      }
      signal.throwIfAborted();
      return changes;
    },
    close: stop,
  };
};
