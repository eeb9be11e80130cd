// A stretch of a session's sound for a transcriber: its packets as one small file, untouched, or as PCM.
import { audioFile } from '../media/audio-file.ts';
import type { Packet, Track } from '../media/media.ts';
import type { AudioClip } from '../ports.ts';
import type { MediaIndex, MediaLog } from './media-log.ts';
import { partSpan, stretchAt } from './packets.ts';
import { audioTrack } from './tracks.ts';

export type DecodePcm = (options: { track: Track; packets: Packet[]; startMs: number; endMs: number }, signal: AbortSignal) => Promise<Float32Array>;
export type ClipSource = { media: MediaLog; index: MediaIndex; decodePcm: DecodePcm };

/** Decoders need a little sound before the first that counts. */
const SETTLE_MS = 100;

/** `file()` is empty (no bytes) where the stretch holds no sound. */
export const audioClipAt = (source: ClipSource, startMs: number, endMs: number, signal: AbortSignal): AudioClip => {
  const collect = async (fromMs: number): Promise<{ track: Track | null; packets: Packet[] }> => {
    const { part, packets } = stretchAt({ log: source.media, index: source.index, startMs: Math.max(0, fromMs), endMs, kinds: 'audio' }, signal);
    const inRange: Packet[] = [];
    for await (const batch of packets) inRange.push(...batch.filter((packet) => packet.startMs + packet.durationMs > fromMs && packet.startMs < endMs));
    return { track: audioTrack(part), packets: inRange };
  };
  return {
    startMs,
    endMs,
    file: async () => {
      const { track, packets } = await collect(startMs);
      const first = packets[0];
      if (!track || !first) return { bytes: new Uint8Array(0), mime: '', name: '' };
      const { bytes, mime, name } = await audioFile(track, packets);
      // Media time in the name: providers log it, and a scripted one in a test knows what it is asked about.
      return { bytes, mime, name: `clip-${Math.round(first.startMs)}-${Math.round(endMs)}.${name.split('.').at(-1)}` };
    },
    pcm: async () => {
      const { track, packets } = await collect(Math.max(startMs - SETTLE_MS, partSpan(source.index, startMs).fromMs));
      return track && packets.length > 0 ? source.decodePcm({ track, packets, startMs, endMs }, signal) : new Float32Array(0);
    },
  };
};
