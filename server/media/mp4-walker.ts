// Fragmented MP4 (ISO/IEC 14496-12) in slices: moov and moof are read whole, samples are taken out of mdat as they pass.
import { MediaError } from '../errors.ts';
import { box, BOX_HEADER_BYTES, readBoxHeader } from './boxes.ts';
import type { BoxHeader } from './boxes.ts';
import type { ByteQueue } from './byte-queue.ts';
import { concat, EMPTY, malformed, text, viewOf } from './bytes.ts';
import type { Init, WalkEvent } from './media.ts';
import { readMoof } from './moof.ts';
import type { Sample } from './moof.ts';
import { plainMp4, readMoov } from './mp4-init.ts';
import type { Mp4Track } from './mp4-init.ts';
import { MAX_INIT_BYTES, MAX_PACKET_BYTES } from './walk.ts';
import type { Grammar } from './walk.ts';

/** Boxes stepped over whatever their size. */
const SKIPPED: ReadonlySet<string> = new Set(['styp', 'sidx', 'ssix', 'emsg', 'prft', 'mfra', 'free', 'skip', 'wide', 'uuid', 'udta', 'meta', 'pdin']);
/** Another box with a readable name is stepped over (and reported) up to this size; a bigger one is damage. */
const MAX_UNKNOWN_BYTES = 64 * 1024;
const MAX_MOOF_BYTES = 4 * 1024 * 1024;
/** An mdat claiming more is not believed. */
const MAX_MDAT_BYTES = 2 ** 40;

export const isBoxType = (type: string): boolean => SKIPPED.has(type) || ['ftyp', 'moov', 'moof', 'mdat'].includes(type);

export const mp4Grammar = (options: { videoData: boolean; init?: Init }): Grammar => {
  let tracks: Map<number, Mp4Track> | null = null;
  let wasReady = false;
  let pendingInit: { byteStart: number; parts: Uint8Array[]; bytes: number } | null = null;
  let fileStart = 0;
  let nextTime = new Map<number, number>();
  /** of the current fragment, in byte order; `next` is the first not handed out */
  let samples: Sample[] = [];
  let next = 0;
  let mdatEnd: number | null = null;
  let stepped: Sample | null = null;

  const keepInit = (queue: ByteQueue, header: BoxHeader, out: WalkEvent[]): boolean => {
    const size = bounded(header, MAX_INIT_BYTES, queue.position, !wasReady);
    const peeked = queue.peek(size);
    if (!peeked) return false;
    const bytes = new Uint8Array(peeked); // tracks keep views into it
    if (header.type === 'ftyp') pendingInit = { byteStart: queue.position, parts: [], bytes: 0 };
    const init = (pendingInit ??= { byteStart: queue.position, parts: [], bytes: 0 });
    init.bytes += size;
    if (init.bytes > MAX_INIT_BYTES) throw new MediaError('limit', `more than ${MAX_INIT_BYTES} bytes before the first fragment`);
    const found = header.type === 'moov' ? readMoov(bytes.subarray(header.length)) : null;
    init.parts.push(bytes);
    queue.skip(size);
    if (found) begin(found, init, out);
    return true;
  };

  const begin = (found: Map<number, Mp4Track>, init: { byteStart: number; parts: Uint8Array[] }, out: WalkEvent[]): void => {
    tracks = found;
    [samples, next, nextTime, fileStart] = [[], 0, new Map<number, number>(), init.byteStart];
    pendingInit = null;
    wasReady = true;
    const bytes = concat(init.parts);
    out.push({ type: 'init', init: { container: 'mp4', byteStart: init.byteStart, byteEnd: init.byteStart + bytes.length, tracks: [...found.values()].map(({ track }) => track), bytes } });
  };

  const fragment = (queue: ByteQueue, header: BoxHeader, out: WalkEvent[]): boolean => {
    const bytes = queue.peek(bounded(header, MAX_MOOF_BYTES, queue.position, false));
    if (!bytes) return false;
    if (!tracks || pendingInit) throw malformed('a moof before moov', queue.position);
    unread(queue, out);
    samples = readMoof(bytes.subarray(header.length), tracks, { moofStart: queue.position, fileStart, nextTime });
    next = 0;
    const startMs = samples.reduce((least, sample) => Math.min(least, sample.startMs), Infinity);
    if (samples.length > 0) out.push({ type: 'fragment', byteStart: queue.position, startMs });
    queue.skip(bytes.length);
    return true;
  };

  /** Samples the fragment named that were in no mdat. */
  const unread = (queue: ByteQueue, out: WalkEvent[]): void => {
    const sample = samples[next];
    if (sample) out.push({ type: 'damage', byteStart: queue.position, byteEnd: queue.position, message: `${samples.length - next} samples of the fragment before are in no mdat` });
    [samples, next] = [[], 0];
  };

  /** Inside mdat: the next sample that lies in it, or the way to its end. */
  const media = (queue: ByteQueue, end: number, out: WalkEvent[]): boolean => {
    const sample = samples[next];
    if (!sample || sample.byteStart >= end) {
      queue.skip(end - queue.position);
      mdatEnd = null;
      return true;
    }
    const { byteStart, byteLength, kind } = sample;
    if (byteStart < queue.position || byteStart + byteLength > end || byteLength > MAX_PACKET_BYTES) {
      next += 1;
      out.push({ type: 'damage', byteStart: queue.position, byteEnd: queue.position, message: `a sample at ${byteStart} of ${byteLength} bytes does not lie in what is left of its mdat` });
      return true;
    }
    if (byteStart > queue.position) {
      queue.skip(byteStart - queue.position);
      return true;
    }
    if (kind === 'other' || (kind === 'video' && !options.videoData)) {
      stepped = sample;
    } else {
      const bytes = queue.peek(byteLength);
      if (!bytes) return false;
      // a copy of the sound lets go of the slice, which is mostly video
      out.push({ type: 'packet', packet: { ...sample, data: options.videoData ? bytes : new Uint8Array(bytes) } });
    }
    next += 1;
    queue.skip(byteLength);
    return true;
  };

  const step = (queue: ByteQueue, out: WalkEvent[]): boolean => {
    if (stepped) {
      out.push({ type: 'packet', packet: stepped });
      stepped = null;
    }
    if (mdatEnd !== null && queue.position >= mdatEnd) mdatEnd = null;
    if (mdatEnd !== null) return media(queue, mdatEnd, out);
    const header = readBoxHeader(queue.head(BOX_HEADER_BYTES));
    if (!header) return false;
    if (header.type === 'ftyp' || header.type === 'moov') return keepInit(queue, header, out);
    if (header.type === 'moof') return fragment(queue, header, out);
    if (header.type === 'mdat') {
      if (!tracks || pendingInit) throw plainMp4();
      mdatEnd = header.size === null ? queue.position + MAX_MDAT_BYTES : queue.position + bounded(header, MAX_MDAT_BYTES, queue.position, false);
      queue.skip(header.length);
      return true;
    }
    if (pendingInit) return keepInit(queue, header, out);
    const known = SKIPPED.has(header.type);
    if (!known && !/^[\x20-\x7e]{4}$/.test(header.type)) throw malformed('no box begins here', queue.position);
    const size = bounded(header, known ? MAX_MDAT_BYTES : MAX_UNKNOWN_BYTES, queue.position, false);
    if (!known) out.push({ type: 'damage', byteStart: queue.position, byteEnd: queue.position + size, message: `unknown box "${header.type}"` });
    queue.skip(size);
    return true;
  };

  const reset = (): void => {
    // a broken new init must not let later packets pass for the old one's
    if (pendingInit) tracks = null;
    pendingInit = null;
    [samples, next, mdatEnd, stepped] = [[], 0, null, null];
    // times go on only where every fragment was seen
    nextTime = new Map();
  };

  /** A moof is proven by its mfhd of exactly 16 bytes, which comes first; an ftyp by its brand and size. */
  const proven = (bytes: Uint8Array, type: string): boolean | null => {
    if (bytes.length < 16) return null;
    const size = viewOf(bytes).getUint32(0);
    if (type === 'moof') return tracks !== null && size >= 24 && size <= MAX_MOOF_BYTES && viewOf(bytes).getUint32(8) === 16 && text(bytes.subarray(12, 16)) === 'mfhd';
    return size >= 16 && size <= 256 && size % 4 === 0 && /^[\x20-\x7e]{4}$/.test(text(bytes.subarray(8, 12)));
  };

  const find = (bytes: Uint8Array, trusted: boolean): { found: boolean; at: number } => {
    const first = text(bytes.subarray(4, 8));
    if (trusted && (first === 'ftyp' || (tracks && (first === 'moof' || first === 'styp')))) return { found: true, at: 0 };
    for (let at = 0; at + 8 <= bytes.length; at++) {
      // both searched names end in one of these two bytes
      const last = bytes[at + 7];
      if (last !== 0x66 && last !== 0x70) continue;
      const type = text(bytes.subarray(at + 4, at + 8));
      if (type !== 'moof' && type !== 'ftyp') continue;
      const verdict = proven(bytes.subarray(at), type);
      if (verdict !== false) return { found: verdict === true, at };
    }
    return { found: false, at: Math.max(0, bytes.length - 7) };
  };

  if (options.init) {
    tracks = readMoov(box(options.init.bytes, 'moov') ?? EMPTY);
    fileStart = options.init.byteStart;
    wasReady = true;
  }

  return { step, held: () => stepped?.byteStart ?? null, reset, ready: () => wasReady, find };
};

/** `fatal`: nothing can be stepped over yet. */
const bounded = (header: BoxHeader, limit: number, atByte: number, fatal: boolean): number => {
  if (header.size !== null && header.size <= limit) return header.size;
  const message = `box "${header.type}" of ${header.size ?? 'open'} bytes (at most ${limit})`;
  throw fatal ? new MediaError('limit', message, { atByte }) : malformed(message, atByte);
};
