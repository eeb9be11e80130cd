// Packets of a stretch of session time, read again from the timeline through the media index.
import { MediaError } from '../errors.ts';
import { freeBuffers } from '../free-buffers.ts';
import type { Packet, Track, WalkEvent } from '../media/media.ts';
import { createWalker } from '../media/walker.ts';
import type { MediaIndex, MediaLog, Part } from './media-log.ts';
import { audioTrack, initOf, videoTrack } from './tracks.ts';

/** Sound is stored a little after the picture it belongs to; a fragment beginning this much later may still hold packets of a range. */
const INTERLEAVE_MS = 2_000;
const READ_BYTES = 1 << 20;
/** Memory of as many reads waits to be given back; that of a longer stretch is left to the collector. */
const OWN_PULLS = 64;

export type Stretch = { part: Part; tracks: Track[]; /** as many at a time as one chunk held */ packets: AsyncIterable<Packet[]>; /** gives memory back; nobody looks at a packet's data afterwards. Calling it is optional. */ free(): void };

/** Where the walk may end: the first fragment that begins after `ms`, or the next part. */
const endAfter = (index: MediaIndex, part: Part, ms: number): number | null => {
  const last = index.fragmentAt(ms);
  const next = index.fragmentAfter(Math.max(last?.byteStart ?? 0, part.byteStart));
  const nextPart = index.parts()[part.part + 1]?.byteStart;
  if (next === null) return nextPart ?? null;
  return nextPart === undefined ? next.byteStart : Math.min(next.byteStart, nextPart);
};

/** The session time of the part that holds `ms`: a stretch reaches into no other. `untilMs` is Infinity in the last. */
export const partSpan = (index: MediaIndex, ms: number): { fromMs: number; untilMs: number } => {
  let fromMs = 0;
  for (const { part, byteStart } of index.parts()) {
    const startMs = part === 0 ? 0 : index.fragmentAfter(byteStart - 1)?.startMs;
    if (startMs === undefined) continue;
    if (startMs > ms) return { fromMs, untilMs: startMs };
    fromMs = startMs;
  }
  return { fromMs, untilMs: Infinity };
};

/**
 * All packets (session time) from the fragment holding the last video keyframe at or before `startMs` (with no video: from
 * the fragment at `startMs`) to the fragment after `endMs`. One stretch lies within one part; `endMs` is cut to it by the caller's muxer.
 * Throws `MediaError incomplete` where nothing is indexed.
 */
export const stretchAt = (options: { log: MediaLog; index: MediaIndex; startMs: number; endMs: number; kinds: 'audio' | 'all' }, signal: AbortSignal): Stretch => {
  const { log, index, startMs, endMs, kinds } = options;
  const keyframe = kinds === 'all' ? index.keyframeBefore(startMs) : null;
  const at = index.fragmentAt(startMs) ?? index.fragmentAfter(-1);
  if (!at) throw new MediaError('incomplete', `nothing of the recording can be read at ${Math.round(startMs)} ms: not recorded yet, or damaged`);
  const part = index.parts()[at.part];
  if (!part) throw new MediaError('incomplete', `part ${at.part} of the recording is not indexed`);
  const sameRun = keyframe !== null && keyframe.fragmentByteStart >= part.byteStart && keyframe.fragmentByteStart <= at.byteStart;
  const byteStart = sameRun ? keyframe.fragmentByteStart : at.byteStart;
  const byteEnd = endAfter(index, part, endMs + INTERLEAVE_MS) ?? log.state.byteEnd;
  const tracks = [kinds === 'all' ? videoTrack(part) : null, audioTrack(part)].filter((track) => track !== null);
  const own: Walk['own'] = [];
  return { part, tracks, packets: walk({ log, part, byteStart, byteEnd, tracks, kinds, startMs, own }, signal), free: () => freeBuffers(own) };
};

type Walk = { log: MediaLog; part: Part; byteStart: number; byteEnd: number; tracks: Track[]; kinds: 'audio' | 'all'; startMs: number; own: ArrayBuffer[] };

/**
 * What lies in the bytes, as much at a time as one chunk held; `lost` where some are missing, so that what follows is not read as if it
 * continued what was before.
 */
async function* eventsOf({ log, part, byteStart, byteEnd, kinds, own }: Walk, signal: AbortSignal): AsyncGenerator<(WalkEvent | { type: 'lost' })[]> {
  const walker = createWalker({ init: initOf(part), byteStart, videoData: kinds === 'all' });
  for (let at = byteStart; at < byteEnd; ) {
    const { items, nextByte, own: read } = await log.pull(at, Math.min(READ_BYTES, byteEnd - at), signal);
    if (read && own.length < OWN_PULLS) own.push(...read);
    if (nextByte === at) break;
    for (const item of items) {
      if (item.kind === 'bytes') yield walker.push(item.bytes);
      else {
        walker.skipTo(item.byteEnd);
        yield [{ type: 'lost' }];
      }
    }
    at = nextByte;
  }
  yield walker.end();
}

async function* walk(range: Walk, signal: AbortSignal): AsyncGenerator<Packet[]> {
  const { part, tracks, startMs } = range;
  const wanted = new Set(tracks.map((track) => track.number));
  const hasVideo = tracks.some((track) => track.kind === 'video');
  let begun = !hasVideo;
  // Several keyframes may stand between the fragment's start and `startMs`; the muxer wants the last one, so packets are
  // held until the keyframe that is still before the range is certain.
  let held: Packet[] = [];
  // Pictures after a loss refer to pictures that are not there, up to the next keyframe.
  let broken = false;
  for await (const events of eventsOf(range, signal)) {
    for (const event of events) {
      if (event.type === 'lost' || event.type === 'damage') broken = true;
      if (event.type === 'init') {
        yield held; // the next part is another stretch
        return;
      }
      if (event.type !== 'packet' || !wanted.has(event.packet.track)) continue;
      const packet = { ...event.packet, startMs: event.packet.startMs + part.offsetMs };
      if (packet.kind === 'video') {
        if (packet.key) broken = false;
        if (broken) continue;
      }
      if (begun) {
        held.push(packet);
        continue;
      }
      const key = packet.kind === 'video' && packet.key;
      if (key && packet.startMs <= startMs + 0.5) held = held.filter((one) => one.kind === 'audio' && one.startMs >= packet.startMs - 1_000);
      if (packet.kind === 'audio' || key || held.some((one) => one.kind === 'video')) held.push(packet);
      if (packet.kind === 'video' && packet.startMs > startMs + 0.5 && held.some((one) => one.kind === 'video')) begun = true;
    }
    if (begun) yield held.splice(0);
  }
  yield held;
}
