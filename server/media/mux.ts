// Packets into a file people can play, without touching the packets. MP4 begins at the keyframe before the cut and hides the
// lead-in by an edit list, so the presented range is exact to a frame; WebM has no edit list and begins at that keyframe.
import { open, rm } from 'node:fs/promises';
import { MediaError, codeOf, messageOf } from '../errors.ts';
import { cutPackets, withDurations } from './clip-packets.ts';
import type { Packets } from './clip-packets.ts';
import type { ClipWriter } from './clip-writer.ts';
import type { Packet, Track } from './media.ts';
import { Mp4Writer, roomFor } from './mp4-writer.ts';
import { checkKind } from './output-track.ts';
import { openWebm } from './webm-writer.ts';

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
  /** in decode order, with data, in one time base, some at a time */
  packets: Packets;
  /** path of the file to be made */
  target: string;
  startMs: number;
  endMs: number;
};

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
  for (const track of chosen) checkKind(track);
  if (chosen.length === 0) throw new MediaError('unsupported', `nothing here can be copied: ${tracks.map((track) => track.codecName).join(', ') || 'no tracks'}`);
  return { container, tracks: chosen, video };
};

/** A picture before the latest one of the group of pictures before, and sound before other sound, is bent, not dropped: decode times cannot fall. */
const straight = (): ((packet: Packet) => Packet) => {
  let [latestMs, floorMs] = [-Infinity, -Infinity];
  return (packet) => {
    if (packet.key) floorMs = latestMs;
    const startMs = Math.max(packet.startMs, floorMs);
    latestMs = Math.max(latestMs, startMs);
    return startMs === packet.startMs ? packet : { ...packet, startMs };
  };
};

/** Reads ahead until every track has shown itself: WebM cannot begin below zero, so the earliest packet decides where zero is. */
const lookAhead = async (packets: AsyncGenerator<Packet[]>, tracks: Track[]): Promise<Packet[]> => {
  const ahead: Packet[] = [];
  const missing = new Set(tracks.map((track) => track.number));
  let bytes = 0;
  while (missing.size > 0 && ahead.length < LOOKAHEAD_PACKETS && bytes < LOOKAHEAD_BYTES) {
    const next = await packets.next();
    if (next.done) break;
    for (const packet of next.value) {
      missing.delete(packet.track);
      bytes += packet.data.length;
    }
    ahead.push(...next.value);
  }
  return ahead;
};

const chain = async function* (first: Packet[], rest: AsyncIterable<Packet[]>): AsyncGenerator<Packet[]> {
  yield first;
  yield* rest;
};

/**
 * A clip of [startMs, endMs). Packets must begin at a video keyframe at or before `startMs`; reading stops when no later one is
 * needed. Their data must not change until it returns. Memory: a few megabytes of packets and some 20 bytes for each, never the
 * file. Errors: `MediaError` unsupported, incomplete, malformed, limit; errors of the disk and of `packets` as they are.
 */
export const muxClip = async (source: MuxSource, signal: AbortSignal): Promise<MuxResult> => {
  const { startMs, endMs } = source;
  const { container, tracks, video } = planMux(source.tracks);
  const lanes = new Map(tracks.map((track) => [track.number, { straighten: straight(), count: 0 }]));
  let packets = withDurations(cutPackets(source.packets, { startMs, endMs, tracks: new Set(lanes.keys()), video: video?.number ?? null }), endMs);
  let originMs = startMs;
  let [latestMs, untilMs] = [-Infinity, -Infinity];
  const file = await open(source.target, 'w');
  let writer: ClipWriter | null = null;
  try {
    if (container === 'webm') {
      const ahead = await lookAhead(packets, tracks);
      originMs = (video && ahead.find((packet) => packet.track === video.number)?.startMs) ?? startMs;
      packets = chain(ahead, packets);
    }
    writer = container === 'mp4' ? new Mp4Writer({ file, tracks, startMs, endMs, room: roomFor(tracks.length, endMs - startMs) }) : await openWebm({ file, tracks, originMs });
    for await (const batch of packets) {
      for (const packet of batch) {
        signal.throwIfAborted();
        const lane = lanes.get(packet.track);
        if (!lane || (container === 'webm' && packet.startMs < originMs)) continue;
        lane.count += 1;
        const written = writer.add(lane.straighten(packet));
        if (written) await written;
        latestMs = Math.max(latestMs, packet.startMs);
        untilMs = Math.max(untilMs, packet.startMs + packet.durationMs);
      }
    }
    const used = [...lanes.values()].filter(({ count }) => count > 0).length;
    if (used === 0 || latestMs < startMs) throw new MediaError('incomplete', `no media between ${startMs} and ${endMs} ms`);
    const { mime, bytes, dropped } = await writer.finish();
    return { mime, container, startMs: originMs, endMs: Math.min(endMs, untilMs), width: video?.width ?? 0, height: video?.height ?? 0, bytes, trackCount: used, dropped };
  } catch (error) {
    await writer?.cancel?.();
    await rm(source.target, { force: true });
    signal.throwIfAborted();
    // what has a code (a full disk, bytes that cannot be read now) may pass; the rest is what a muxer says of these packets
    throw codeOf(error) !== '' ? error : new MediaError('malformed', `these packets could not be muxed: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
};
