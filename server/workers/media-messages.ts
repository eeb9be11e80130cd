// What crosses between the service and a media worker. A batch of packets travels as two transferred arrays, never one by one.
import type { FrameFeatures } from '../media/audio-features.ts';
import type { Packet, Track } from '../media/media.ts';

export type PackedPacket = { startMs: number; data: Uint8Array };
/** `index`: start ms and byte length of each packet; `bytes`: their payloads one after the other. */
export type PackedPackets = { index: Float64Array<ArrayBuffer>; bytes: Uint8Array<ArrayBuffer> };

export type MediaRequest =
  | { op: 'open'; session: string; track: Track; startMs: number }
  | { op: 'push'; session: string; packets: PackedPackets }
  | { op: 'end'; session: string }
  | { op: 'close'; session: string }
  /** one-off: the track's packets as 16 kHz mono, `endMs - startMs` long */
  | { op: 'pcm'; track: Track; packets: PackedPackets; startMs: number; endMs: number };

export type MediaReply = { frames: Float64Array<ArrayBuffer> } | { pcm: Float32Array<ArrayBuffer> } | { done: true };

export type SpeechModels = { vad: string; taggingModel: string; taggingLabels: string };
/** `workerData` of a media worker; empty strings where there is none. */
export type MediaWorkerSettings = { ffmpegPath: string; models: SpeechModels };

/** Largest batch the service accepts; a chunk's audio is far below it. */
export const MAX_BATCH_BYTES = 16 * 1024 * 1024;

export const packPackets = (packets: Packet[]): PackedPackets => {
  const index = new Float64Array(packets.length * 2);
  const bytes = new Uint8Array(packets.reduce((sum, packet) => sum + packet.data.length, 0));
  let at = 0;
  for (const [i, packet] of packets.entries()) {
    index[2 * i] = packet.startMs;
    index[2 * i + 1] = packet.data.length;
    bytes.set(packet.data, at);
    at += packet.data.length;
  }
  return { index, bytes };
};

export const unpackPackets = ({ index, bytes }: PackedPackets): PackedPacket[] => {
  const packets: PackedPacket[] = [];
  let at = 0;
  for (let i = 0; i + 1 < index.length; i += 2) {
    const length = index[i + 1] ?? 0;
    packets.push({ startMs: index[i] ?? 0, data: bytes.subarray(at, at + length) });
    at += length;
  }
  return packets;
};

const FIELDS = 5;

export const packFrames = (frames: FrameFeatures[]): Float64Array<ArrayBuffer> => {
  const packed = new Float64Array(frames.length * FIELDS);
  for (const [i, frame] of frames.entries()) packed.set([frame.startMs, frame.loudness, frame.onset, frame.voice, frame.laughter], i * FIELDS);
  return packed;
};

export const unpackFrames = (packed: Float64Array): FrameFeatures[] => {
  const frames: FrameFeatures[] = [];
  for (let i = 0; i + FIELDS <= packed.length; i += FIELDS) {
    const [startMs = 0, loudness = 0, onset = 0, voice = 0, laughter = 0] = packed.subarray(i, i + FIELDS);
    frames.push({ startMs, loudness, onset, voice, laughter });
  }
  return frames;
};
