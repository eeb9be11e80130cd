// One session inside a media worker: packets → PCM in time → frames.
import { MediaError } from '../errors.ts';
import { FeatureExtractor, type FrameFeatures, type SoundModels } from '../media/audio-features.ts';
import { channelWeights } from '../media/loudness.ts';
import type { Track } from '../media/media.ts';
import { FRAME_SAMPLES, mixDown, PCM_RATE, PcmFramer } from '../media/pcm-frames.ts';
import { openDecoder, type AudioDecoder } from './audio-decoder.ts';
import type { PackedPacket } from './media-messages.ts';

export type AudioSession = { push(packets: PackedPacket[]): Promise<FrameFeatures[]>; end(): Promise<FrameFeatures[]>; close(): Promise<void> };

/** A frame whose middle is before `startMs` belongs to the run before. */
export const openAudioSession = async (options: { track: Track; startMs: number; ffmpegPath: string; models: SoundModels }): Promise<AudioSession> => {
  const { track, startMs, ffmpegPath, models } = options;
  let frames: FrameFeatures[] = [];
  let framer: PcmFramer | null = null;
  const decoder: AudioDecoder = await openDecoder(track, ffmpegPath, (block) => framer?.push(block));
  const features = new FeatureExtractor(decoder.channels, models);
  framer = new PcmFramer(decoder.channels, (at, channels) => {
    const frame = features.push(at, channels);
    if (at + 50 > startMs) frames.push(frame);
  });
  const take = (): FrameFeatures[] => {
    const taken = frames;
    frames = [];
    return taken;
  };
  return {
    push: async (packets) => {
      await decoder.push(packets);
      return take();
    },
    end: async () => {
      await decoder.end();
      framer?.end();
      return take();
    },
    close: () => decoder.close(),
  };
};

/** 10 min of 16 kHz mono: 38 MB */
const LONGEST_PCM_MS = 600_000;

/** The track's sound between two times as mono; what the packets do not cover is silence. */
export const decodeMono = async (options: { track: Track; packets: PackedPacket[]; startMs: number; endMs: number; ffmpegPath: string }): Promise<Float32Array<ArrayBuffer>> => {
  const { track, packets, startMs, endMs, ffmpegPath } = options;
  if (!(endMs > startMs) || endMs - startMs > LONGEST_PCM_MS) throw new MediaError('limit', `PCM from ${startMs} to ${endMs} ms asked for; at most ${LONGEST_PCM_MS} ms at once`);
  const perMs = PCM_RATE / 1000;
  const first = Math.round(startMs * perMs);
  const pcm = new Float32Array(Math.round(endMs * perMs) - first);
  const mono = new Float32Array(FRAME_SAMPLES);
  let framer: PcmFramer | null = null;
  const decoder = await openDecoder(track, ffmpegPath, (block) => framer?.push(block));
  const weights = channelWeights(decoder.channels);
  framer = new PcmFramer(decoder.channels, (at, channels) => {
    const offset = Math.round(at * perMs) - first;
    const from = Math.max(0, -offset);
    const to = Math.min(FRAME_SAMPLES, pcm.length - offset);
    if (to > from) pcm.set(mixDown(channels, weights, mono).subarray(from, to), offset + from);
  });
  try {
    await decoder.push(packets);
    await decoder.end();
    framer.end();
    return pcm;
  } finally {
    await decoder.close();
  }
};
