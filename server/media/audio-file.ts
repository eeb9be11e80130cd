// A stretch of sound as one small file, its packets untouched, as transcription APIs take it.
import { BufferTarget, EncodedAudioPacketSource, EncodedPacket, Mp4OutputFormat, Output, WebMOutputFormat } from 'mediabunny';
import { MediaError } from '../errors.ts';
import { withDurations } from './clip-packets.ts';
import { codecString } from './codec-string.ts';
import type { Packet, Track } from './media.ts';
import { oggOpus } from './ogg.ts';

export type AudioFile = { bytes: Uint8Array; mime: string; name: string };

/** 15 s of 320 kbit/s is 0.6 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

const boxed = async (track: Track & { codec: 'aac' | 'vorbis' }, packets: Packet[]): Promise<Uint8Array> => {
  const target = new BufferTarget();
  const output = new Output({ format: track.codec === 'aac' ? new Mp4OutputFormat({ fastStart: 'in-memory' }) : new WebMOutputFormat(), target });
  const source = new EncodedAudioPacketSource(track.codec);
  output.addAudioTrack(source);
  await output.start();
  const originMs = packets[0]?.startMs ?? 0;
  let latestMs = originMs;
  const decoderConfig = { codec: codecString(track, new Uint8Array(0)), sampleRate: track.sampleRate, numberOfChannels: track.channels, description: track.config };
  for await (const batch of withDurations([packets], null)) {
    for (const packet of batch) {
      latestMs = Math.max(latestMs, packet.startMs);
      await source.add(new EncodedPacket(packet.data, 'key', (latestMs - originMs) / 1000, packet.durationMs / 1000), { decoderConfig });
    }
  }
  await output.finalize();
  if (!target.buffer) throw new MediaError('malformed', 'the muxer wrote nothing');
  return new Uint8Array(target.buffer);
};

/**
 * Opus as Ogg, AAC as MP4, Vorbis as WebM; the file's time 0 is the first packet's `startMs`. Throws `MediaError` unsupported (another
 * codec), incomplete (no packets), limit.
 */
export const audioFile = async (track: Track, packets: Packet[]): Promise<AudioFile> => {
  if (packets.length === 0) throw new MediaError('incomplete', 'no audio packets for a file');
  const bytes = packets.reduce((total, packet) => total + packet.data.length, 0);
  if (bytes > MAX_BYTES) throw new MediaError('limit', `${bytes} bytes of audio for one file (at most ${MAX_BYTES})`);
  const { codec } = track;
  if (codec === 'opus') return { bytes: oggOpus(track, packets), mime: 'audio/ogg', name: 'audio.ogg' };
  if (codec === 'aac') return { bytes: await boxed({ ...track, codec }, packets), mime: 'audio/mp4', name: 'audio.m4a' };
  if (codec === 'vorbis') return { bytes: await boxed({ ...track, codec }, packets), mime: 'audio/webm', name: 'audio.webm' };
  throw new MediaError('unsupported', `audio codec ${track.codecName} cannot be sent to a transcriber; record Opus or AAC`);
};
