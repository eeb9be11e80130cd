// A recording served back: all of it byte for byte as it was recorded (also while it grows), or a time range muxed on request
// and kept in a small cache on disk.
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { SessionSummary } from '../../shared/model.ts';
import { MediaError, Refused } from '../errors.ts';
import { muxClip } from '../media/mux.ts';
import type { MediaIndex, MediaLog } from '../pipeline/media-log.ts';
import { stretchAt } from '../pipeline/packets.ts';
import type { MediaBody } from '../ports.ts';

type Stretch = { byteStart: number; byteEnd: number };

export type OpenedLog = { log: MediaLog & { readonly state: { /** retention removed what is before */ firstByte: number; /** known damage, which is left out */ quarantined: readonly Stretch[] } }; index: MediaIndex; summary: SessionSummary; release: () => void };

export type RecordingsOptions = {
  /** opens a recording's timeline and index, live or not; throws `Refused not_found` */
  openLog: (sessionId: string) => Promise<OpenedLog>;
  cacheDir: string;
  cacheBytes: number;
  maxRangeMs: number;
};

const MUX_TIMEOUT_MS = 120_000;

type CachedRange = { file: string; bytes: number; mime: string; container: 'mp4' | 'webm' };

export const fileName = (title: string, container: string): string => `${title.replaceAll(/[^\w.-]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 60) || 'recording'}.${container}`;
/** What is left of [byteStart, byteEnd) around the damaged stretches. */
const soundParts = ({ byteStart, byteEnd }: Stretch, damaged: readonly Stretch[]): Stretch[] => {
  const parts: Stretch[] = [];
  let at = byteStart;
  for (const hole of damaged.toSorted((a, b) => a.byteStart - b.byteStart)) {
    if (hole.byteEnd <= at || hole.byteStart >= byteEnd) continue;
    if (hole.byteStart > at) parts.push({ byteStart: at, byteEnd: hole.byteStart });
    at = hole.byteEnd;
  }
  return at < byteEnd ? [...parts, { byteStart: at, byteEnd }] : parts;
};
const lengthOf = (parts: readonly Stretch[]): number => parts.reduce((sum, { byteStart, byteEnd }) => sum + byteEnd - byteStart, 0);

const containerOf = (mime: string): 'mp4' | 'webm' => (mime.includes('mp4') ? 'mp4' : 'webm');

export const createRecordings = (options: RecordingsOptions) => {
  const ranges = new LRUCache<string, CachedRange>({
    maxSize: options.cacheBytes,
    sizeCalculation: (range) => Math.max(1, range.bytes),
    dispose: (range) => void rm(range.file, { force: true }),
  });
  const making = new Map<string, Promise<CachedRange>>();
  /** Several players asking for one range share its making; it is finished even when the first of them has gone. */
  const once = (key: string, work: () => Promise<CachedRange>): Promise<CachedRange> => {
    const pending = making.get(key) ?? work().finally(() => making.delete(key));
    making.set(key, pending);
    return pending;
  };

  const whole = async (sessionId: string): Promise<MediaBody> => {
    const { log, index, summary, release } = await options.openLog(sessionId);
    const { byteEnd, firstByte, quarantined } = log.state;
    // Where retention has taken the beginning, the rest is playable from its first fragment on, behind its initialisation.
    const from = firstByte === 0 ? null : index.fragmentAfter(firstByte - 1);
    const head = (from && index.parts()[from.part]?.bytes) ?? new Uint8Array();
    const start = from?.byteStart ?? firstByte;
    // Damage that is known is left out, as a declared loss is: players go on at the next fragment. What is found while serving ends
    // this reply, and the next one leaves it out too.
    const parts = soundParts({ byteStart: start, byteEnd }, quarantined);
    const damage = byteEnd - start - lengthOf(parts);
    const bytes = head.length + lengthOf(parts);
    const readParts = async (begin: number, until: number, signal: AbortSignal): Promise<Uint8Array[]> => {
      const found: Uint8Array[] = [];
      let at = 0;
      for (const part of parts) {
        const length = part.byteEnd - part.byteStart;
        if (at + length > begin && at < until) found.push(await log.read(part.byteStart + Math.max(0, begin - at), part.byteStart + Math.min(length, until - at), signal));
        at += length;
      }
      return found;
    };
    return {
      bytes, mime: summary.mime.split(';')[0] ?? 'application/octet-stream', etag: `"${sessionId}-${start}-${byteEnd}${damage > 0 ? `-${damage}` : ''}"`, name: fileName(summary.title, containerOf(summary.mime)), immutable: false,
      read: async (at, until, signal) => {
        const end = Math.min(until, bytes);
        const rest = await readParts(Math.max(0, at - head.length), end - head.length, signal);
        const [only] = rest;
        return at >= head.length && rest.length === 1 && only ? only : new Uint8Array(Buffer.concat([head.subarray(at, end), ...rest]));
      },
      close: release,
    };
  };

  const make = async (key: string, sessionId: string, startMs: number, endMs: number): Promise<CachedRange> => {
    const { log, index, release } = await options.openLog(sessionId);
    try {
      await mkdir(options.cacheDir, { recursive: true });
      const file = join(options.cacheDir, `${key.replaceAll(/[^\w-]/g, '_')}.range`);
      const signal = AbortSignal.timeout(MUX_TIMEOUT_MS);
      const { tracks, packets, free } = stretchAt({ log, index, startMs, endMs, kinds: 'all' }, signal);
      const { mime, container, bytes } = await muxClip({ tracks, packets, startMs, endMs, target: file }, signal).finally(free);
      const made = { file, bytes, mime, container };
      ranges.set(key, made);
      return made;
    } catch (error) {
      if (error instanceof MediaError && error.code === 'incomplete') throw new Refused('range', error.message, { retryable: true, cause: error });
      throw error;
    } finally {
      release();
    }
  };

  const range = async (sessionId: string, summary: SessionSummary, startMs: number, endMs: number): Promise<MediaBody> => {
    const until = Math.min(endMs, summary.durationMs);
    if (!(startMs >= 0 && startMs < until)) throw new Refused('range', `startMs=${startMs}, endMs=${endMs} holds nothing: the recording covers 0 to ${summary.durationMs} ms`);
    if (until - startMs > options.maxRangeMs) throw new Refused('range', `the range is ${Math.round((until - startMs) / 60_000)} minutes long; at most ${options.maxRangeMs / 60_000} are cut on request (CLIPPY_MAX_RANGE_MINUTES), the whole recording is served without a range`);
    // While a recording grows, the same numbers may mean more media a moment later.
    const key = `${sessionId}-${Math.round(startMs)}-${Math.round(until)}`;
    const cached = ranges.get(key) ?? (await once(key, () => make(key, sessionId, startMs, until)));
    // An open descriptor outlives the cache's eviction.
    const handle = await open(cached.file, 'r');
    return {
      bytes: cached.bytes, mime: cached.mime, etag: `"${key}"`, name: fileName(`${summary.title}-${Math.round(startMs / 1000)}s`, cached.container), immutable: false,
      read: async (start, end) => {
        const buffer = Buffer.allocUnsafeSlow(Math.max(0, end - start));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
        return buffer.subarray(0, bytesRead);
      },
      close: () => void handle.close(),
    };
  };

  return {
    open: async (sessionId: string, asked: { startMs: number; endMs: number } | null): Promise<MediaBody> => {
      if (!asked) return whole(sessionId);
      const { summary, release } = await options.openLog(sessionId);
      release();
      return range(sessionId, summary, asked.startMs, asked.endMs);
    },
    /** a recording is gone */
    forget: (sessionId: string): void => {
      for (const key of ranges.keys()) if (key.startsWith(sessionId)) ranges.delete(key);
    },
  };
};
