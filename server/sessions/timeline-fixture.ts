// What the timeline's tests share: seeded chunks, a folder, an index cache, a silent log that can be read.
import { seededRandom } from '../../shared/testing/random.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { crc32c } from '../../shared/crc32c.ts';
import type { FileSystem } from './file-system.ts';
import { nodeFileSystem } from './file-system.ts';
import type { Log } from './segment-table.ts';
import { openTimeline } from './timeline.ts';
import type { Timeline, TimelineOptions } from './timeline.ts';
import type { NewChunk } from './timeline-writer.ts';

/** The bytes of a chunk follow from its sequence, so that a test in another process can tell them. */
export const chunkOf = (seq: number, options: { bytes?: number; epoch?: number; stepMs?: number } = {}): NewChunk => {
  const random = seededRandom(seq);
  const stepMs = options.stepMs ?? 2000;
  const bytes = Uint8Array.from({ length: options.bytes ?? 20 + Math.floor(random() * 200) }, () => Math.floor(random() * 256));
  return { epoch: options.epoch ?? 1, seq, crc: crc32c(bytes), startMs: (seq - 1) * stepMs, durationMs: stepMs, bytes };
};

export const concat = (parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const payloads = (from: number, to: number): Uint8Array => concat(Array.from({ length: to - from + 1 }, (_, i) => chunkOf(from + i).bytes));

export type Bench = {
  root: string;
  dir: string;
  logged: string[];
  open(options?: Partial<TimelineOptions>): Promise<Timeline>;
  remove(): Promise<void>;
};

export const bench = async (): Promise<Bench> => {
  const root = await mkdtemp(join(tmpdir(), 'timeline-'));
  const dir = join(root, 'sessions', 's1');
  const logged: string[] = [];
  const take = (_: object, message: string): void => void logged.push(message);
  const log: Log = { info: take, warn: take, error: take };
  return {
    root, dir, logged,
    open: (options = {}) =>
      openTimeline({ dir, sessionId: 's1', indexCache: new LRUCache({ maxSize: 8 * 1024 * 1024, sizeCalculation: (index) => index.byteLength }), log, ...options }),
    remove: () => rm(root, { recursive: true, force: true }),
  };
};

/** The real file system, and how many files are open through it. */
export const counted = (): { fs: FileSystem; open: () => number } => {
  let held = 0;
  const open: FileSystem['open'] = async (path, mode) => {
    const file = await nodeFileSystem.open(path, mode);
    held += 1;
    return {
      ...file,
      close: async () => {
        held -= 1;
        await file.close();
      },
    };
  };
  return { fs: { ...nodeFileSystem, open }, open: () => held };
};

export const never = new AbortController().signal;

/** All of it, as a pipeline would pull it. */
export const drain = async (timeline: Timeline, maxBytes = 1000): Promise<{ bytes: Uint8Array; seqs: number[]; gaps: string[] }> => {
  const parts: Uint8Array[] = [];
  const seqs: number[] = [];
  const gaps: string[] = [];
  for (let at = 0; ; ) {
    const { items, nextByte } = await timeline.pull(at, maxBytes, never);
    for (const item of items) {
      if (item.kind === 'bytes') {
        parts.push(item.bytes);
        if (seqs.at(-1) !== item.seq) seqs.push(item.seq);
      } else gaps.push(`${item.gap.fromSequence}-${item.gap.toSequence}@${item.byteStart}-${item.byteEnd}`);
    }
    if (nextByte === at) return { bytes: concat(parts), seqs, gaps };
    at = nextByte;
  }
};
