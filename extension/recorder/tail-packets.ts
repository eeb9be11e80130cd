// Which packets the end of a recording needs, and when each is presented: copied, never decoded.
import { EncodedPacketSink } from 'mediabunny';
import type { EncodedPacket, Input, InputAudioTrack, InputVideoTrack } from 'mediabunny';

/** Sound before the cut that a decoder needs to settle (Opus: RFC 7845 §4.6). */
const AUDIO_LEAD_S = 0.08;
/** A last packet whose container does not say how long it lasts. */
const USUAL_S = 1 / 30;

export type Timed = { packet: EncodedPacket; at: number; duration: number };
export type TailTrack = { track: InputVideoTrack | InputAudioTrack; packets: (from: 'lead' | 'cut') => AsyncGenerator<Timed> };
/** Seconds in the recording's time; `video` begins at the keyframe at or before `start`. */
export type Tail = { start: number; end: number; video: (TailTrack & { track: InputVideoTrack; sink: EncodedPacketSink; key: EncodedPacket }) | null; audio: TailTrack[] };

const lastEnd = async (sink: EncodedPacketSink): Promise<number> => {
  const last = await sink.getPacket(Infinity);
  return last ? last.timestamp + (last.duration || USUAL_S) : -Infinity;
};

/** Walked to: mediabunny 1.61 finds no keyframe by time inside a Cluster of unknown size. */
const keyBefore = async (sink: EncodedPacketSink, first: EncodedPacket, start: number): Promise<EncodedPacket> => {
  let key = first;
  for (let next: EncodedPacket | null = first; next && next.timestamp <= start; next = await sink.getNextKeyPacket(next)) key = next;
  return key;
};

/** The picture that covers `start` begins there and the last one stays to `end`, so that exactly [start, end) is presented. */
const pictures = async function* (sink: EncodedPacketSink, key: EncodedPacket, start: number, end: number): AsyncGenerator<Timed> {
  const [cover, last] = await Promise.all([sink.getPacket(start, { metadataOnly: true }), sink.getPacket(Infinity, { metadataOnly: true })]);
  for await (const packet of sink.packets(key)) {
    if (packet.timestamp < key.timestamp) continue; // leads the keyframe: what it refers to is not there
    const from = packet.sequenceNumber === cover?.sequenceNumber ? start : packet.timestamp;
    const until = packet.sequenceNumber === last?.sequenceNumber ? end : packet.timestamp + packet.duration;
    yield { packet, at: from - start, duration: Math.max(0, until - from) };
  }
};

/** `lead`: with what the decoder needs to settle, before 0. `cut`: only what is mostly behind the cut. */
const sounds = async function* (sink: EncodedPacketSink, start: number, end: number, from: 'lead' | 'cut'): AsyncGenerator<Timed> {
  const first = (await sink.getPacket(start - AUDIO_LEAD_S)) ?? (await sink.getFirstPacket());
  if (!first) return;
  for await (const packet of sink.packets(first)) {
    const middle = packet.timestamp + packet.duration / 2;
    if (middle > end) return;
    if (from === 'lead' || middle >= start) yield { packet, at: from === 'lead' ? packet.timestamp - start : Math.max(0, packet.timestamp - start), duration: packet.duration };
  }
};

/** `begin`: exactly `seconds` before the end, or the keyframe before that. null: nothing that can be presented. */
export const readTail = async (input: Input, seconds: number, begin: 'exact' | 'keyframe'): Promise<Tail | null> => {
  const [video, audio] = await Promise.all([input.getPrimaryVideoTrack(), input.getAudioTracks()]);
  const sink = video && new EncodedPacketSink(video);
  const lanes = audio.map((track) => ({ track, sink: new EncodedPacketSink(track) }));
  const firstKey = (await sink?.getFirstKeyPacket()) ?? null;
  const end = Math.max(...(await Promise.all([...(sink && firstKey ? [sink] : []), ...lanes.map((lane) => lane.sink)].map(lastEnd))));
  if (!Number.isFinite(end) || (video && !firstKey)) return null;
  const begins = await Promise.all(lanes.map((lane) => lane.sink.getFirstPacket()));
  const first = firstKey?.timestamp ?? Math.min(...begins.map((packet) => packet?.timestamp ?? Infinity));
  const wanted = Math.max(end - seconds, first);
  const key = sink && firstKey && (await keyBefore(sink, firstKey, wanted));
  const start = key && begin === 'keyframe' ? key.timestamp : wanted;
  return {
    start, end,
    video: video && sink && key && { track: video, sink, key, packets: () => pictures(sink, key, start, end) },
    audio: lanes.map((lane) => ({ track: lane.track, packets: (offset) => sounds(lane.sink, start, end, offset) })),
  };
};
