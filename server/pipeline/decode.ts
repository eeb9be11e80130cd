// decode: records of the timeline → segments. Walks the container incrementally without keeping video payloads, notes its
// structure in the media index, and maps container time to session time.
import { MediaError } from '../errors.ts';
import { createWalker } from '../media/walker.ts';
import type { Init, Packet, WalkEvent } from '../media/media.ts';
import type { MediaIndex, MediaLog, Part, PulledItem } from './media-log.ts';
import type { Segment, SoundRun } from './segment.ts';
import { audioTrack, initOf, videoTrack } from './tracks.ts';

const PULL_BYTES = 1 << 20;
/** Scene detection looks at no more than one keyframe in this time. */
const KEYFRAME_EVERY_MS = 2_000;
/** A first timestamp this close to the record's own time is taken as it stands: both count from the session's start. */
const SAME_CLOCK_MS = 1_000;
const MAX_KEYFRAME_BYTES = 4 << 20;
const FAR_MS = 10 * 60_000;

export type Decoder = {
  /** Waits for durable bytes, walks them, and returns what they held; null after the last segment. */
  next(signal: AbortSignal): Promise<Pulled | null>;
  decode(pulled: Pulled, signal: AbortSignal): Promise<Segment>;
};
export type Pulled = { items: PulledItem[]; nextByte: number; ended: boolean; release: () => void };

export type DecoderOptions = {
  log: MediaLog;
  index: MediaIndex;
  /** where to begin: session time from which segments are needed */
  fromMs: number;
  scenes: boolean;
  onDamage: (damage: { byteStart: number; byteEnd: number; message: string }) => void;
  /** nothing of the recording from `atMs` on can be read: not a container we know, or beyond its limits */
  onUnreadable: (error: MediaError, atMs: number) => Promise<void>;
};

const soundRun = (part: Part | null, untilMs: number): SoundRun => ({ part: part?.part ?? 0, track: part && audioTrack(part), packets: [], untilMs });

export const createDecoder = (options: DecoderOptions): Decoder => {
  const { log, index } = options;
  const wanted = options.fromMs > 0 ? index.fragmentAt(options.fromMs) : null;
  // An index that ends early (power cut) is completed by decoding from its end.
  const resumeAt = wanted && wanted.byteStart <= index.indexedTo() ? wanted : null;
  let part: Part | null = resumeAt ? (index.parts()[resumeAt.part] ?? null) : null;
  const walker = createWalker({ videoData: false, ...(part && resumeAt ? { init: initOf(part), byteStart: resumeAt.byteStart } : {}) });
  let pullByte = resumeAt && part ? resumeAt.byteStart : 0;
  let ended = false;
  let unreadable = false;
  let newInit: Init | null = null;
  let fragmentByte = pullByte;
  let untilMs = resumeAt?.startMs ?? 0;
  let lastSceneMs = -Infinity;
  /** session times of recent records, to date an initialisation that spans several */
  let dates: { byteStart: number; startMs: number }[] = [];
  let lossEndsAt = -1;

  const dateOf = (byte: number): number => dates.findLast((one) => one.byteStart <= byte)?.startMs ?? dates[0]?.startMs ?? 0;
  const beginPart = (init: Init, { byteStart: fragmentStart, startMs: fragmentMs }: { byteStart: number; startMs: number }): Part => {
    const known = index.parts().find((one) => one.byteStart === init.byteStart);
    if (known) return known;
    // Where the beginning was lost, the first media that is there is later than its initialisation.
    const recordMs = dateOf(lossEndsAt > init.byteStart ? fragmentStart : init.byteStart);
    const number = index.parts().length;
    const sameClock = number === 0 && Math.abs(fragmentMs - recordMs) < SAME_CLOCK_MS;
    const begun = { part: number, byteStart: init.byteStart, byteEnd: init.byteEnd, offsetMs: sameClock ? 0 : recordMs - fragmentMs, bytes: init.bytes };
    index.addInit(begun);
    return begun;
  };

  /** Damage can leave any number in a header: media time stays near its record's, or near what was reached. */
  const believable = (ms: number, recordMs: number): boolean => Math.abs(ms - recordMs) <= FAR_MS || Math.abs(ms - untilMs) <= FAR_MS;

  const take = (events: WalkEvent[], recordMs: number, segment: Segment, video: Packet[]): void => {
    for (const event of events) {
      if (event.type === 'init') newInit = event.init;
      else if (event.type === 'fragment') {
        if (newInit) {
          part = beginPart(newInit, event);
          segment.sound.push(soundRun(part, untilMs));
        }
        newInit = null;
        fragmentByte = event.byteStart;
        if (part && believable(event.startMs + part.offsetMs, recordMs)) index.addFragments([{ byteStart: event.byteStart, startMs: event.startMs + part.offsetMs, part: part.part }]);
      } else if (event.type === 'packet' && part) {
        const packet = { ...event.packet, startMs: event.packet.startMs + part.offsetMs };
        if (!believable(packet.startMs, recordMs) || !believable(packet.startMs + packet.durationMs, recordMs)) {
          options.onDamage({ byteStart: packet.byteStart, byteEnd: packet.byteStart + packet.byteLength, message: `a packet dated ${Math.round(packet.startMs)} ms in a record of ${Math.round(recordMs)} ms` });
          continue;
        }
        untilMs = Math.max(untilMs, packet.startMs + packet.durationMs);
        const run = segment.sound.at(-1);
        if (run) run.untilMs = untilMs;
        if (packet.kind === 'audio' && packet.track === run?.track?.number) run.packets.push(packet);
        if (packet.kind === 'video' && packet.key && packet.track === videoTrack(part)?.number) {
          index.addKeyframes([{ timeMs: packet.startMs, fragmentByteStart: fragmentByte }]);
          if (packet.startMs - lastSceneMs >= KEYFRAME_EVERY_MS && packet.byteLength <= MAX_KEYFRAME_BYTES) {
            lastSceneMs = packet.startMs;
            video.push(packet);
          }
        }
      } else if (event.type === 'damage') options.onDamage(event);
    }
  };

  /** The same bytes would fail again, so there is nothing to retry: the recording is kept, its analysis ends here. */
  const walk = async (step: () => WalkEvent[], atMs: number, segment: Segment, video: Packet[]): Promise<void> => {
    try {
      take(step(), atMs, segment, video);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      unreadable = true;
      await options.onUnreadable(error, atMs);
    }
  };

  return {
    next: async (signal) => {
      if (ended) return null;
      for (;;) {
        const { finished } = log.state;
        const { items, nextByte, release } = await log.pull(pullByte, PULL_BYTES, signal);
        if (items.length > 0) {
          pullByte = nextByte;
          return { items, nextByte, ended: false, release };
        }
        if (finished) {
          ended = true;
          return { items: [], nextByte: pullByte, ended: true, release };
        }
        await log.changed(pullByte, signal);
      }
    },
    decode: async (pulled, signal) => {
      const segment: Segment = { nextByte: pulled.nextByte, untilMs, part: 0, videoTrack: null, sound: [soundRun(part, untilMs)], keyframes: [], ended: pulled.ended };
      const video: Packet[] = [];
      for (const item of pulled.items) {
        if (unreadable) continue;
        if (item.kind === 'gap') {
          lossEndsAt = item.byteEnd;
          walker.skipTo(item.byteEnd);
        } else {
          dates.push({ byteStart: item.byteStart, startMs: item.startMs });
          await walk(() => walker.push(item.bytes), item.startMs, segment, video);
        }
      }
      // Where nothing was recorded there is nothing to miss.
      if (pulled.ended && !unreadable && pulled.nextByte > 0) await walk(() => walker.end(), untilMs, segment, video);
      if (newInit === null) dates = dates.slice(-64);
      segment.untilMs = untilMs;
      segment.part = part?.part ?? 0;
      segment.videoTrack = part ? videoTrack(part) : null;
      if (options.scenes) segment.keyframes = await Promise.all(video.map(async (packet) => ({ ...packet, data: await log.read(packet.byteStart, packet.byteStart + packet.byteLength, signal) })));
      pulled.release(); // the walk keeps no views
      return segment;
    },
  };
};

/**
 * Walks what the index of a recording that has ended does not know: damage cuts an index off, and nothing else decodes that recording
 * again. Where the index is whole, that is its last fragment.
 */
export const completeIndex = async ({ log, index }: { log: MediaLog; index: MediaIndex }, signal: AbortSignal): Promise<void> => {
  let readable = true;
  // what is wrong with it was said when it was recorded
  const decoder = createDecoder({ log, index, fromMs: Infinity, scenes: false, onDamage: () => {}, onUnreadable: async () => { readable = false; } });
  const { byteEnd } = log.state;
  // a damaged last record is cut off as a torn tail, and its fragment is still known
  if ((index.fragmentAt(Infinity)?.byteStart ?? 0) >= byteEnd) return;
  for (let at = 0; at < byteEnd && readable; ) {
    const pulled = await decoder.next(signal);
    if (pulled === null) break;
    await decoder.decode(pulled, signal);
    at = pulled.nextByte;
  }
};
