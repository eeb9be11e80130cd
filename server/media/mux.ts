// Packets into a file people can play, without touching the packets. MP4 begins at the keyframe before the cut and hides the
// lead-in by an edit list, so the presented range is exact to a frame; WebM has no edit list and begins at that keyframe.
import { open, rm, stat } from 'node:fs/promises';
import { EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output, StreamTarget, WebMOutputFormat } from 'mediabunny';
import { MediaError, messageOf } from '../errors.ts';
import { cutPackets, withDurations } from './clip-packets.ts';
import type { Packets } from './clip-packets.ts';
import { codecString } from './codec-string.ts';
import { fastStart } from './fast-start.ts';
import type { Packet, Track } from './media.ts';
import { opusHead } from './opus.ts';

export type MuxResult = {
  /** with codecs, as a browser asks for it */
  mime: string;
  container: 'mp4' | 'webm';
  /** presented range, in the time of the packets; it ends where the media does if that is before the cut */
  startMs: number;
  endMs: number;
  /** 0 without video */
  width: number;
  height: number;
  bytes: number;
  trackCount: number;
  /** packets of tracks that came too late to be interleaved (WebM only) */
  dropped: number;
};

export type MuxSource = {
  tracks: Track[];
  /** in decode order, with data, in one time base */
  packets: Packets;
  /** path of the file to be made */
  target: string;
  startMs: number;
  endMs: number;
};

/** WebM is interleaved by time: a track that has been silent for longer is not waited for. */
const WEBM_PATIENCE_MS = 30_000;
/** mediabunny gathers what it writes in pieces of this; its own 16 MiB are allocated twice for the smallest clip. */
const WRITE_BYTES = 1024 * 1024;
const LOOKAHEAD_PACKETS = 512;
const LOOKAHEAD_BYTES = 32 * 1024 * 1024;

type Plan = { container: 'mp4' | 'webm'; tracks: Track[]; video: Track | null };

/** One video track and every sound track, as far as they can be copied together. */
export const planMux = (tracks: Track[]): Plan => {
  const video = tracks.find((track) => track.kind === 'video' && track.codec !== 'other') ?? null;
  const audio = tracks.filter((track) => track.kind === 'audio' && track.codec !== 'other');
  const container = video?.codec === 'vp8' || audio.some((track) => track.codec === 'vorbis') ? 'webm' : 'mp4';
  const fits = (codec: Track['codec']): boolean => (container === 'webm' ? ['vp8', 'vp9', 'av1', 'opus', 'vorbis'].includes(codec) : codec !== 'vp8' && codec !== 'vorbis');
  const chosen = [...(video ? [video] : []), ...audio];
  const misfit = chosen.find((track) => !fits(track.codec));
  if (misfit) throw new MediaError('unsupported', `${chosen.map((track) => track.codecName).join(' and ')} fit together into neither MP4 nor WebM; record VP8/VP9 with Opus or H.264 with AAC or Opus`);
  if (chosen.length === 0) throw new MediaError('unsupported', `nothing here can be copied: ${tracks.map((track) => track.codecName).join(', ') || 'no tracks'}`);
  return { container, tracks: chosen, video };
};

type Lane = { add(packet: Packet, originMs: number): Promise<void>; close(): void; lastMs: number; closed: boolean; count: number };

const videoLane = (track: Track, output: Output): Lane => {
  if (track.codec === 'other' || track.codec === 'opus' || track.codec === 'aac' || track.codec === 'vorbis') throw new MediaError('unsupported', `${track.codecName} is no video codec`);
  const source = new EncodedVideoPacketSource(track.codec);
  output.addVideoTrack(source, track.rotation ? { rotation: track.rotation } : {});
  /** mediabunny refuses a picture before the latest one of the group of pictures before; such a stream is bent, not dropped */
  let [latestMs, floorMs] = [-Infinity, -Infinity];
  const lane: Lane = {
    lastMs: -Infinity, closed: false, count: 0,
    close: () => source.close(),
    add: async (packet, originMs) => {
      if (packet.key) floorMs = latestMs;
      const startMs = Math.max(packet.startMs, floorMs);
      latestMs = Math.max(latestMs, startMs);
      const config = {
        codec: lane.count === 0 ? codecString(track, packet.data) : '',
        codedWidth: track.width, codedHeight: track.height,
        ...(track.aspect && { displayAspectWidth: track.aspect.width, displayAspectHeight: track.aspect.height }),
        ...((track.codec === 'avc' || track.codec === 'hevc') && track.config.length > 0 && { description: track.config }),
      };
      await source.add(new EncodedPacket(packet.data, packet.key ? 'key' : 'delta', (startMs - originMs) / 1000, packet.durationMs / 1000), lane.count === 0 ? { decoderConfig: config } : undefined);
      lane.count += 1;
    },
  };
  return lane;
};

const audioLane = (track: Track, output: Output): Lane => {
  if (track.codec !== 'opus' && track.codec !== 'aac' && track.codec !== 'vorbis') throw new MediaError('unsupported', `${track.codecName} is no audio codec that can be copied`);
  const source = new EncodedAudioPacketSource(track.codec);
  output.addAudioTrack(source);
  let latestMs = -Infinity;
  const lane: Lane = {
    lastMs: -Infinity, closed: false, count: 0,
    close: () => source.close(),
    add: async (packet, originMs) => {
      latestMs = Math.max(latestMs, packet.startMs);
      const config = { codec: codecString(track, packet.data), sampleRate: track.sampleRate, numberOfChannels: track.channels, description: track.codec === 'opus' ? opusHead(track) : track.config };
      await source.add(new EncodedPacket(packet.data, 'key', (latestMs - originMs) / 1000, packet.durationMs / 1000), lane.count === 0 ? { decoderConfig: config } : undefined);
      lane.count += 1;
    },
  };
  return lane;
};

/** Reads ahead until every track has shown itself: WebM cannot begin below zero, so the earliest packet decides where zero is. */
const lookAhead = async (packets: AsyncGenerator<Packet>, tracks: Track[]): Promise<Packet[]> => {
  const ahead: Packet[] = [];
  const missing = new Set(tracks.map((track) => track.number));
  let bytes = 0;
  while (missing.size > 0 && ahead.length < LOOKAHEAD_PACKETS && bytes < LOOKAHEAD_BYTES) {
    const next = await packets.next();
    if (next.done) break;
    missing.delete(next.value.track);
    bytes += next.value.data.length;
    ahead.push(next.value);
  }
  return ahead;
};

const chain = async function* (first: Packet[], rest: AsyncIterable<Packet>): AsyncGenerator<Packet> {
  yield* first;
  yield* rest;
};

/**
 * A clip of [startMs, endMs). Packets must begin at a video keyframe at or before `startMs`; reading stops when no later one is
 * needed. Memory: one lane of packets at most, never the file. Errors: `MediaError` unsupported, incomplete, malformed.
 */
export const muxClip = async (source: MuxSource, signal: AbortSignal): Promise<MuxResult> => {
  const { startMs, endMs } = source;
  const { container, tracks, video } = planMux(source.tracks);
  const wanted = new Set(tracks.map((track) => track.number));
  const written = container === 'mp4' ? `${source.target}.part` : source.target;
  // Not mediabunny's FilePathTarget: that one leaves its file open where finishing fails.
  const file = await open(written, 'w');
  const target = new StreamTarget(new WritableStream({ write: async ({ data, position }) => void (await file.write(data, 0, data.byteLength, position)) }), { chunked: true, chunkSize: WRITE_BYTES });
  const output = new Output({ format: container === 'mp4' ? new Mp4OutputFormat({ fastStart: false }) : new WebMOutputFormat(), target });
  let packets = withDurations(cutPackets(source.packets, { startMs, endMs, tracks: wanted, video: video?.number ?? null }), endMs);
  let originMs = startMs;
  let [latestMs, untilMs, dropped] = [-Infinity, -Infinity, 0];
  try {
    const lanes = new Map(tracks.map((track) => [track.number, track.kind === 'video' ? videoLane(track, output) : audioLane(track, output)]));
    await output.start();
    if (container === 'webm') {
      const ahead = await lookAhead(packets, tracks);
      originMs = (video && ahead.find((packet) => packet.track === video.number)?.startMs) ?? startMs;
      packets = chain(ahead, packets);
    }
    for await (const packet of packets) {
      signal.throwIfAborted();
      const lane = lanes.get(packet.track);
      if (!lane || (container === 'webm' && packet.startMs < originMs)) continue;
      if (lane.closed) dropped += 1;
      else await lane.add(packet, originMs);
      lane.lastMs = packet.startMs;
      latestMs = Math.max(latestMs, packet.startMs);
      untilMs = Math.max(untilMs, packet.startMs + packet.durationMs);
      if (container === 'webm') closeSilent([...lanes.values()], packet.startMs, originMs);
    }
    const used = [...lanes.values()].filter((lane) => lane.count > 0).length;
    if (used === 0 || latestMs < startMs) throw new MediaError('incomplete', `no media between ${startMs} and ${endMs} ms`);
    await output.finalize();
    const mime = await output.getMimeType();
    if (container === 'mp4') await fastStart(written, source.target, endMs - startMs);
    const { size } = await stat(source.target);
    return { mime, container, startMs: originMs, endMs: Math.min(endMs, untilMs), width: video?.width ?? 0, height: video?.height ?? 0, bytes: size, trackCount: used, dropped };
  } catch (error) {
    if (output.state === 'started') await output.cancel();
    await Promise.all([written, source.target].map((path) => rm(path, { force: true })));
    signal.throwIfAborted();
    throw error instanceof MediaError ? error : new MediaError('malformed', `these packets could not be muxed: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
    await rm(`${source.target}.part`, { force: true });
  }
};

const closeSilent = (lanes: Lane[], nowMs: number, originMs: number): void => {
  for (const lane of lanes) {
    if (lane.closed || nowMs - Math.max(lane.lastMs, originMs) < WEBM_PATIENCE_MS) continue;
    lane.closed = true;
    lane.close();
  }
};
