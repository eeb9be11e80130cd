// A track of a file that mediabunny writes.
import { EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource } from 'mediabunny';
import type { Output } from 'mediabunny';
import { MediaError } from '../errors.ts';
import { codecString } from './codec-string.ts';
import type { Codec, Packet, Track } from './media.ts';
import { opusHead } from './opus.ts';

type VideoCodec = Extract<Codec, 'avc' | 'hevc' | 'vp8' | 'vp9' | 'av1'>;
type AudioCodec = Extract<Codec, 'opus' | 'aac' | 'vorbis'>;
const isAudio = (codec: Codec): codec is AudioCodec => codec === 'opus' || codec === 'aac' || codec === 'vorbis';
const isVideo = (codec: Codec): codec is VideoCodec => codec !== 'other' && !isAudio(codec);

/** Throws `MediaError unsupported` for a kind that is not its codec's. */
export const checkKind = ({ kind, codec, codecName }: Track): void => {
  if (kind === 'video' && !isVideo(codec)) throw new MediaError('unsupported', `${codecName} is no video codec`);
  if (kind === 'audio' && !isAudio(codec)) throw new MediaError('unsupported', `${codecName} is no audio codec that can be copied`);
};

export type OutputTrack = {
  /** `atMs`: from the beginning of the file. The first packet is a keyframe. */
  add(packet: Pick<Packet, 'data' | 'key' | 'durationMs'>, atMs: number): Promise<void>;
  close(): void;
};

/** Throws `MediaError unsupported` where the track is not what its kind says. */
export const outputTrack = (output: Output, track: Track): OutputTrack => {
  checkKind(track);
  return isAudio(track.codec) ? audioTrack(output, track, track.codec) : videoTrack(output, track);
};

const encoded = ({ data, key, durationMs }: Pick<Packet, 'data' | 'key' | 'durationMs'>, atMs: number): EncodedPacket => new EncodedPacket(data, key ? 'key' : 'delta', atMs / 1000, durationMs / 1000);

const audioTrack = (output: Output, track: Track, codec: AudioCodec): OutputTrack => {
  const source = new EncodedAudioPacketSource(codec);
  output.addAudioTrack(source);
  const description = codec === 'opus' ? opusHead(track) : track.config;
  let begun = false;
  return {
    close: () => source.close(),
    add: async (packet, atMs) => {
      const meta = begun ? undefined : { decoderConfig: { codec: codecString(track, packet.data), sampleRate: track.sampleRate, numberOfChannels: track.channels, description } };
      begun = true;
      await source.add(encoded(packet, atMs), meta);
    },
  };
};

const videoTrack = (output: Output, track: Track): OutputTrack => {
  const { codec, config, width, height, aspect, rotation } = track;
  if (!isVideo(codec)) throw new MediaError('unsupported', `${track.codecName} is no video codec`);
  const source = new EncodedVideoPacketSource(codec);
  output.addVideoTrack(source, rotation ? { rotation } : {});
  const about = {
    codedWidth: width, codedHeight: height,
    ...(aspect && { displayAspectWidth: aspect.width, displayAspectHeight: aspect.height }),
    ...((codec === 'avc' || codec === 'hevc') && config.length > 0 && { description: config }),
  };
  let begun = false;
  return {
    close: () => source.close(),
    add: async (packet, atMs) => {
      const meta = begun ? undefined : { decoderConfig: { codec: codecString(track, packet.data), ...about } };
      begun = true;
      await source.add(encoded(packet, atMs), meta);
    },
  };
};
