// Which packets a clip needs, and how long each lasts.
import { MediaError } from '../errors.ts';
import type { Packet } from './media.ts';

/** In decode order, some at a time: a step of an async iterator for each packet costs more than what is done with it. */
export type Packets = AsyncIterable<Packet[]> | Iterable<Packet[]>;

/** Sound before the cut that a decoder needs to settle (Opus: RFC 7845 §4.6; one AAC frame is less). */
export const AUDIO_LEAD_MS = 80;
/** How much later than `endMs` a picture may be and still be needed by one before it: 16 reordered frames at 16 frames a second. */
const REORDER_MS = 1000;
/** Sound that has not come by now is missing, not late. */
const INTERLEAVE_MS = 5000;
const MAX_HELD = 2048;
/** A screen recorder sends a picture a second when nothing moves. */
const MAX_STILL_MS = 1000;

/**
 * Packets presented in [startMs, endMs), from the keyframe before, with every reference they need (pictures after `endMs` that come
 * earlier in decode order). Pictures that lead the first keyframe are left out: what they refer to is not there.
 */
export const cutPackets = async function* (packets: Packets, range: { startMs: number; endMs: number; tracks: Set<number>; video: number | null }): AsyncGenerator<Packet[]> {
  const { startMs, endMs, video } = range;
  let firstKeyMs: number | null = null;
  const beyond: Packet[] = [];
  const done = new Set<number>();
  for await (const batch of packets) {
    const taken: Packet[] = [];
    for (const packet of batch) {
      if (!range.tracks.has(packet.track)) continue;
      if (packet.track !== video) {
        if (packet.startMs >= endMs) done.add(packet.track);
        else if (packet.startMs + packet.durationMs > startMs - AUDIO_LEAD_MS) taken.push(packet);
      } else if (firstKeyMs === null ? packet.key : packet.startMs >= firstKeyMs) {
        firstKeyMs ??= packet.startMs;
        if (packet.startMs >= endMs) {
          beyond.push(packet);
          if (beyond.length > MAX_HELD) throw new MediaError('limit', `more than ${MAX_HELD} pictures in the second after the cut`);
          if (packet.startMs >= endMs + REORDER_MS) done.add(packet.track);
        } else {
          taken.push(...beyond.splice(0), packet);
        }
      }
      if (done.size === range.tracks.size || packet.startMs >= endMs + INTERLEAVE_MS) {
        yield taken;
        return;
      }
    }
    yield taken;
  }
};

/** A packet and its duration where the container does not say: up to the next one of the track, or what was usual before it. */
export const withDurations = async function* (packets: Packets, endMs: number | null): AsyncGenerator<Packet[]> {
  const held = new Map<number, Packet>();
  const usual = new Map<number, number>();
  const furthest = new Map<number, number>();
  for await (const batch of packets) {
    const timed: Packet[] = [];
    for (const packet of batch) {
      const before = held.get(packet.track);
      held.set(packet.track, packet);
      furthest.set(packet.track, Math.max(furthest.get(packet.track) ?? -Infinity, packet.startMs));
      if (!before) continue;
      const apart = packet.startMs - before.startMs;
      const shortest = Math.min(usual.get(packet.track) ?? Infinity, Math.abs(apart) || Infinity);
      if (Number.isFinite(shortest)) usual.set(packet.track, shortest);
      timed.push(before.durationMs ? before : { ...before, durationMs: before.kind === 'audio' && apart > 0 ? apart : (usual.get(packet.track) ?? 0) });
    }
    yield timed;
  }
  for (const [track, last] of held) {
    const isLast = last.kind === 'video' && last.startMs === furthest.get(track);
    const usualMs = last.durationMs || (usual.get(track) ?? 0);
    // the last picture stays until the cut, but does not stand in for media that is not there
    const toCutMs = endMs === null ? 0 : Math.min(endMs - last.startMs, Math.max(usualMs, MAX_STILL_MS));
    yield [{ ...last, durationMs: isLast && toCutMs > 0 ? toCutMs : usualMs }];
  }
};
