// WebM and Matroska (RFC 9559) as a live recorder writes them: Segment and Clusters may have unknown sizes, so both are walked
// through as if they were transparent. Ids are only ever read where an element must begin, never searched for (the id of Tracks also
// stands inside SeekHead); only after damage is a Cluster searched, and then proven by what follows it.
import { MediaError } from '../errors.ts';
import { BLOCK_HEADER_BYTES, readBlockHeader, readFrames } from './block.ts';
import type { BlockHeader } from './block.ts';
import { ByteQueue } from './byte-queue.ts';
import { concat, EMPTY, malformed, text } from './bytes.ts';
import { child, HEADER_BYTES, ID, readElementHeader, unsigned } from './ebml.ts';
import type { ElementHeader } from './ebml.ts';
import { readTracks } from './matroska-tracks.ts';
import type { MatroskaTrack } from './matroska-tracks.ts';
import type { Init, Packet, WalkEvent } from './media.ts';
import { OPUS_RATE, opusSamples } from './opus.ts';
import { MAX_INIT_BYTES, MAX_PACKET_BYTES } from './walk.ts';
import type { Grammar } from './walk.ts';
import { findStart, MAX_CLUSTER_BYTES } from './webm-resume.ts';

const SEGMENT_LEVEL: ReadonlySet<number> = new Set([ID.seekHead, ID.info, ID.tracks, ID.cues, ID.chapters, ID.tags, ID.attachments]);
const CLUSTER_LEVEL: ReadonlySet<number> = new Set([ID.position, ID.prevSize, ID.silentTracks, ID.encryptedBlock]);
const ANYWHERE: ReadonlySet<number> = new Set([ID.void, ID.crc32]);
/** An element of an id nobody knows is stepped over (and reported) up to this size; a bigger one is damage. */
const MAX_UNKNOWN_BYTES = 64 * 1024;


type PendingInit = { byteStart: number; parts: Uint8Array[]; bytes: number; scaleMs: number; tracks: Map<number, MatroskaTrack> | null };
type Segment = { scaleMs: number; tracks: Map<number, MatroskaTrack> };
type Cluster = { byteStart: number; end: number; time: number | null };
type Group = { byteStart: number; end: number; frames: Packet[]; durationTicks: number; references: number };

export const webmGrammar = (options: { videoData: boolean; init?: Init }): Grammar => {
  let pendingInit: PendingInit | null = null;
  let segment: Segment | null = null;
  let wasReady = false;
  let cluster: Cluster | null = null;
  let group: Group | null = null;
  /** stepped over; handed out when its last byte has arrived */
  let stepped: { packet: Packet; byteStart: number } | null = null;

  const beginInit = (queue: ByteQueue, header: ElementHeader): boolean => {
    const bytes = queue.peek(header.length + bounded(header, 4096, queue.position));
    if (!bytes) return false;
    const type = text(child(bytes.subarray(header.length), ID.docType) ?? EMPTY).replace(/\0+$/, '');
    if (type !== 'webm' && type !== 'matroska') throw new MediaError('unsupported', `EBML document of type "${type}"; WebM, Matroska or fragmented MP4 is needed`);
    [cluster, group] = [null, null];
    pendingInit = { byteStart: queue.position, parts: [], bytes: 0, scaleMs: 1, tracks: null };
    keep(pendingInit, bytes, queue);
    return true;
  };

  const keep = (init: PendingInit, bytes: Uint8Array, queue: ByteQueue): void => {
    init.bytes += bytes.length;
    if (init.bytes > MAX_INIT_BYTES) throw new MediaError('limit', `more than ${MAX_INIT_BYTES} bytes before the first cluster; remux without attachments`);
    init.parts.push(bytes.slice());
    queue.skip(bytes.length);
  };

  const readInitElement = (queue: ByteQueue, header: ElementHeader, init: PendingInit): boolean => {
    const bytes = queue.peek(header.length + bounded(header, MAX_INIT_BYTES, queue.position));
    if (!bytes) return false;
    const body = new Uint8Array(bytes.subarray(header.length)); // tracks keep views into it
    if (header.id === ID.tracks) init.tracks = readTracks(body);
    if (header.id === ID.info) init.scaleMs = unsigned(child(body, ID.timestampScale), 1_000_000) / 1e6;
    if (init.scaleMs <= 0) throw malformed('TimestampScale 0', queue.position);
    keep(init, bytes, queue);
    return true;
  };

  const finishInit = (init: PendingInit, out: WalkEvent[] | null): void => {
    if (!init.tracks) throw malformed('no Tracks before the first Cluster', init.byteStart);
    segment = { scaleMs: init.scaleMs, tracks: init.tracks };
    pendingInit = null;
    wasReady = true;
    const bytes = concat(init.parts);
    const tracks = [...init.tracks.values()].map(({ track }) => track);
    out?.push({ type: 'init', init: { container: 'webm', byteStart: init.byteStart, byteEnd: init.byteStart + bytes.length, tracks, bytes } });
  };

  const beginCluster = (queue: ByteQueue, header: ElementHeader, out: WalkEvent[]): boolean => {
    if (header.size !== null && header.size > MAX_CLUSTER_BYTES) throw malformed(`a Cluster of ${header.size} bytes`, queue.position);
    if (pendingInit) finishInit(pendingInit, out);
    if (!segment) throw malformed('a Cluster without Tracks', queue.position);
    cluster = { byteStart: queue.position, end: header.size === null ? Infinity : queue.position + header.length + header.size, time: null };
    queue.skip(header.length);
    return true;
  };

  const readTimestamp = (queue: ByteQueue, header: ElementHeader, here: Cluster, out: WalkEvent[]): boolean => {
    const bytes = queue.peek(header.length + bounded(header, 8, queue.position));
    if (!bytes) return false;
    const time = unsigned(bytes.subarray(header.length), 0);
    if (here.time === null) out.push({ type: 'fragment', byteStart: here.byteStart, startMs: time * (segment?.scaleMs ?? 1) });
    here.time = time;
    queue.skip(bytes.length);
    return true;
  };

  const packetsOf = (frames: { offset: number; size: number; data: Uint8Array }[], info: MatroskaTrack, timing: { block: BlockHeader; from: number; key: boolean }): Packet[] => {
    const { track, defaultDurationMs, codecDelayMs, stripped } = info;
    let startMs = ((cluster?.time ?? 0) + timing.block.time) * (segment?.scaleMs ?? 1) - codecDelayMs;
    return frames.map(({ offset, size, data }) => {
      const whole = stripped.length > 0 && data.length > 0 ? concat([stripped, data]) : data;
      const durationMs = defaultDurationMs || (track.codec === 'opus' ? (opusSamples(whole) / OPUS_RATE) * 1000 : 0);
      const packet: Packet = { track: track.number, kind: track.kind, startMs, durationMs, key: timing.key || track.kind !== 'video', byteStart: timing.from + offset, byteLength: size, data: whole };
      startMs += durationMs;
      return packet;
    });
  };

  /** Null while bytes are missing; otherwise the block's packets, and how many bytes of the queue it takes. */
  const readBlock = (queue: ByteQueue, header: ElementHeader): { packets: Packet[]; block: BlockHeader; total: number; whole: boolean } | null => {
    const size = bounded(header, MAX_PACKET_BYTES, queue.position);
    const total = header.length + size;
    if (cluster?.time === null) throw malformed('a block before its cluster has a timestamp', queue.position);
    const head = queue.head(Math.min(total, header.length + BLOCK_HEADER_BYTES)).subarray(header.length);
    const block = readBlockHeader(head);
    if (!block && head.length >= Math.min(size, BLOCK_HEADER_BYTES)) throw malformed('a block too short for its header', queue.position);
    if (!block) return null;
    const info = segment?.tracks.get(block.track);
    const from = queue.position + header.length;
    if (!info) return { packets: [], block, total, whole: false };
    const { kind } = info.track;
    const wanted = kind === 'audio' || (kind === 'video' && options.videoData);
    const timing = { block, from, key: block.key };
    if (!wanted && block.lacing === 0) return { packets: packetsOf([{ offset: block.length, size: size - block.length, data: EMPTY }], info, timing), block, total, whole: false };
    const bytes = queue.peek(total)?.subarray(header.length);
    if (!bytes) return null;
    // a copy of the sound lets go of the slice, which is mostly video
    const take = (offset: number, length: number): Uint8Array => (!wanted ? EMPTY : options.videoData ? bytes.subarray(offset, offset + length) : new Uint8Array(bytes.subarray(offset, offset + length)));
    const frames = readFrames(bytes, block).map((frame) => ({ ...frame, data: take(frame.offset, frame.size) }));
    return { packets: packetsOf(frames, info, timing), block, total, whole: true };
  };

  const simpleBlock = (queue: ByteQueue, header: ElementHeader, out: WalkEvent[]): boolean => {
    const read = readBlock(queue, header);
    if (!read) return false;
    const byteStart = queue.position;
    queue.skip(read.total);
    const [first] = read.packets;
    if (!first) out.push(unknownTrack(byteStart, read));
    else if (read.whole) out.push(...read.packets.map((packet): WalkEvent => ({ type: 'packet', packet })));
    else stepped = { packet: first, byteStart };
    return true;
  };

  /** Inside a BlockGroup: the block comes first, its duration and references after it. */
  const groupChild = (queue: ByteQueue, header: ElementHeader, here: Group, out: WalkEvent[]): boolean => {
    if (header.id === ID.block) {
      const read = readBlock(queue, header);
      if (!read) return false;
      if (read.packets.length === 0) out.push(unknownTrack(queue.position, read));
      here.frames = read.packets;
      queue.skip(read.total);
      return true;
    }
    if (header.id !== ID.blockDuration && header.id !== ID.referenceBlock) return stepOver(queue, header, MAX_PACKET_BYTES);
    const bytes = queue.peek(header.length + bounded(header, 8, queue.position));
    if (!bytes) return false;
    if (header.id === ID.blockDuration) here.durationTicks = unsigned(bytes.subarray(header.length), 0);
    else here.references += 1;
    queue.skip(bytes.length);
    return true;
  };

  const finishGroup = (here: Group, out: WalkEvent[]): void => {
    const each = (here.durationTicks * (segment?.scaleMs ?? 1)) / Math.max(1, here.frames.length);
    const start = here.frames[0]?.startMs ?? 0;
    here.frames.forEach((frame, i) => {
      const packet = { ...frame, key: frame.kind !== 'video' || here.references === 0 };
      out.push({ type: 'packet', packet: each > 0 ? { ...packet, durationMs: each, startMs: start + i * each } : packet });
    });
    group = null;
  };

  const dispatch = (queue: ByteQueue, header: ElementHeader, out: WalkEvent[]): boolean => {
    const end = header.size === null ? null : queue.position + header.length + header.size;
    if (group) {
      if (end === null || end > group.end) throw malformed('an element reaches beyond its BlockGroup', queue.position);
      return groupChild(queue, header, group, out);
    }
    if (cluster) {
      if (cluster.end !== Infinity && (end === null || end > cluster.end)) throw malformed('an element reaches beyond its Cluster', queue.position);
      if (header.id === ID.simpleBlock) return simpleBlock(queue, header, out);
      if (header.id === ID.timestamp) return readTimestamp(queue, header, cluster, out);
      if (header.id === ID.blockGroup) {
        const size = bounded(header, 2 * MAX_PACKET_BYTES, queue.position);
        group = { byteStart: queue.position, end: queue.position + header.length + size, frames: [], durationTicks: 0, references: 0 };
        queue.skip(header.length);
        return true;
      }
      if (CLUSTER_LEVEL.has(header.id) || ANYWHERE.has(header.id)) return stepOver(queue, header, MAX_PACKET_BYTES);
    }
    if (header.id === ID.ebml) return beginInit(queue, header);
    if (header.id === ID.cluster) return beginCluster(queue, header, out);
    if (header.id === ID.segment) return beginSegment(queue, header);
    if (pendingInit && (SEGMENT_LEVEL.has(header.id) || ANYWHERE.has(header.id))) return readInitElement(queue, header, pendingInit);
    if (SEGMENT_LEVEL.has(header.id) || ANYWHERE.has(header.id)) {
      cluster = null;
      return stepOver(queue, header, MAX_CLUSTER_BYTES);
    }
    return unknown(queue, header, out);
  };

  const beginSegment = (queue: ByteQueue, header: ElementHeader): boolean => {
    if (!pendingInit) throw malformed('a Segment without an EBML header', queue.position);
    keep(pendingInit, queue.head(header.length), queue);
    return true;
  };

  const unknown = (queue: ByteQueue, header: ElementHeader, out: WalkEvent[]): boolean => {
    const message = `unknown element 0x${header.id.toString(16)}`;
    if (header.size === null || header.size > MAX_UNKNOWN_BYTES) throw malformed(message, queue.position);
    if (pendingInit) return readInitElement(queue, header, pendingInit);
    const byteEnd = queue.position + header.length + header.size;
    out.push({ type: 'damage', byteStart: queue.position, byteEnd, message });
    queue.skip(header.length + header.size);
    return true;
  };

  const step = (queue: ByteQueue, out: WalkEvent[]): boolean => {
    if (stepped) {
      out.push({ type: 'packet', packet: stepped.packet });
      stepped = null;
    }
    if (group && queue.position >= group.end) finishGroup(group, out);
    if (cluster && queue.position >= cluster.end) cluster = null;
    const header = readElementHeader(queue.head(HEADER_BYTES));
    return header !== null && dispatch(queue, header, out);
  };

  const reset = (): void => {
    // a broken new init must not let later packets pass for the old one's; one whose tracks are known is whole enough
    if (pendingInit) segment = null;
    if (pendingInit?.tracks) wasReady = true;
    else pendingInit = null;
    [cluster, group, stepped] = [null, null, null];
  };

  const find = (bytes: Uint8Array, trusted: boolean): { found: boolean; at: number } => {
    const tracks = pendingInit?.tracks ?? segment?.tracks;
    return findStart(bytes, trusted, tracks ? new Set(tracks.keys()) : null);
  };

  if (options.init) {
    const queue = new ByteQueue(options.init.byteStart);
    queue.push(options.init.bytes);
    while (step(queue, []));
    if (pendingInit) finishInit(pendingInit, null);
    if (queue.length > 0) throw malformed('a stored initialisation that cannot be read', queue.position);
  }

  return { step, held: () => stepped?.byteStart ?? group?.byteStart ?? null, reset, ready: () => wasReady, find };
};

const bounded = (header: ElementHeader, limit: number, atByte: number): number => {
  const name = `element 0x${header.id.toString(16)}`;
  if (header.size === null) throw malformed(`${name} of unknown size`, atByte);
  if (header.size > limit) throw malformed(`${name} of ${header.size} bytes (at most ${limit})`, atByte);
  return header.size;
};

const stepOver = (queue: ByteQueue, header: ElementHeader, limit: number): boolean => {
  queue.skip(header.length + bounded(header, limit, queue.position));
  return true;
};

const unknownTrack = (byteStart: number, read: { block: BlockHeader; total: number }): WalkEvent => ({
  type: 'damage', byteStart, byteEnd: byteStart + read.total, message: `a block of track ${read.block.track}, which Tracks does not name`,
});
