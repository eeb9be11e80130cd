// Clips and thumbnails as bytes that can be served by Range; hot thumbnails stay in memory, by bytes.
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { BLOCK_BYTES, blocksMatch, sumsOf } from '../block-sums.ts';
import { Refused } from '../errors.ts';
import type { MediaBody, MediaTool, ObjectStore, StoredClip } from '../ports.ts';
import { fileName } from './recordings.ts';

export type ClipBodiesOptions = { objectStore: ObjectStore; tool: MediaTool; tempDir: string; thumbnailBytes: number; /** cuts a clip anew whose objects are damaged or lost */ mend: (clip: StoredClip) => Promise<void> };

/** Part of an entity tag: a clip that was cut anew is not the same bytes. */
const sumsTag = ({ sums }: StoredClip): string => (sums ? `-${sums.media.slice(-12)}` : '');

export const createClipBodies = (options: ClipBodiesOptions) => {
  const { objectStore } = options;
  const thumbnails = new LRUCache<string, Uint8Array>({ maxSize: options.thumbnailBytes, sizeCalculation: (bytes) => Math.max(1, bytes.byteLength) });
  const encoding = new Map<string, Promise<void>>();
  /** what is said of clips that cannot be cut anew; the next start tries again */
  const lost = new LRUCache<string, Refused>({ max: 1_000 });

  /** The clip is being mended; who asked comes again. Without sums nothing is known to be wrong. */
  const damaged = (clip: StoredClip, what: string): Refused => {
    const key = `${clip.id}-v${clip.version}`;
    const known = lost.get(key);
    if (known) return known;
    options.mend(clip).catch((error: unknown) => { if (error instanceof Refused && !error.retryable) lost.set(key, error); }); // it logs what it could not do
    return new Refused('unavailable', `${what} of clip ${clip.id} is damaged where it is stored; the clip is being cut anew, ask again in a moment`, { retryable: true });
  };

  /** Bytes [start, end) of an object, each block checked before any of it is given out. What is wrong twice is damage at rest. */
  const checkedRead = (clip: StoredClip, key: string, { bytes, sums }: { bytes: number; sums: string }): MediaBody['read'] => {
    let held: { first: number; bytes: Uint8Array } = { first: 0, bytes: new Uint8Array() }; // slices overlap in a block
    return async (start, end, signal) => {
      const first = Math.floor(start / BLOCK_BYTES);
      const until = Math.min(bytes, Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES);
      for (let attempt = 0; held.first > first || held.first * BLOCK_BYTES + held.bytes.length < until; attempt++) {
        const read = await objectStore.read(key, { start: first * BLOCK_BYTES, end: until }, signal);
        if (read.length === until - first * BLOCK_BYTES && blocksMatch(sums, first, read)) held = { first, bytes: read };
        else if (attempt > 0) throw damaged(clip, 'the media');
      }
      const from = held.first * BLOCK_BYTES;
      return held.bytes.subarray(start - from, Math.min(end, bytes) - from);
    };
  };

  const media = async (clip: StoredClip): Promise<MediaBody> => {
    const found = await objectStore.stat(clip.mediaKey);
    if (clip.sums && found?.bytes !== clip.bytes) throw damaged(clip, 'the media');
    if (!found) throw new Refused('not_found', `clip ${clip.id} has lost its media (${clip.mediaKey})`);
    const container = clip.mime.includes('mp4') ? 'mp4' : 'webm';
    return {
      bytes: found.bytes, mime: clip.mime, etag: `"${clip.id}-v${clip.version}${sumsTag(clip)}"`, name: fileName(clip.title, container), immutable: false,
      read: clip.sums ? checkedRead(clip, clip.mediaKey, { bytes: clip.bytes, sums: clip.sums.media }) : (start, end, signal) => objectStore.read(clip.mediaKey, { start, end }, signal),
      close: () => {},
    };
  };

  /** The presented range alone, re-encoded: for editors that show an edit list's hidden lead-in. Made once, then stored beside the clip. */
  const exact = async (clip: StoredClip): Promise<MediaBody> => {
    const key = clip.mediaKey.replace(/\.\w+$/, '.exact.mp4');
    const make = async (): Promise<void> => {
      await mkdir(options.tempDir, { recursive: true });
      const base = join(options.tempDir, randomUUID());
      try {
        const body = await media(clip);
        await writeFile(`${base}.in`, await body.read(0, body.bytes, AbortSignal.timeout(600_000))); // shared: not ended when the first who asked has gone
        await options.tool.reencode(`${base}.in`, `${base}.mp4`, { container: clip.mime.includes('mp4') ? 'mp4' : 'webm' }, AbortSignal.timeout(600_000));
        await objectStore.putFile(key, `${base}.mp4`, 'video/mp4');
      } finally {
        await Promise.all([rm(`${base}.in`, { force: true }), rm(`${base}.mp4`, { force: true })]);
      }
    };
    if (!(await objectStore.stat(key))) {
      const pending = encoding.get(key) ?? make().finally(() => encoding.delete(key));
      encoding.set(key, pending);
      await pending;
    }
    return { ...(await media({ ...clip, mediaKey: key, mime: 'video/mp4', sums: null })), etag: `"${clip.id}-v${clip.version}-exact"` };
  };

  const picture = async (clip: StoredClip, signal: AbortSignal): Promise<Uint8Array> => {
    for (let attempt = 0; attempt < 2; attempt++) {
      const bytes = await objectStore.read(clip.thumbnailKey, undefined, signal);
      if (!clip.sums || clip.sums.thumbnail === sumsOf(bytes)) return bytes;
    }
    throw damaged(clip, 'the picture');
  };

  return {
    /** What lies under this prefix is deleted. */
    forget: (prefix: string): void => {
      for (const key of thumbnails.keys()) if (key.startsWith(prefix)) thumbnails.delete(key);
    },
    media: (clip: StoredClip, wantExact: boolean): Promise<MediaBody> => (wantExact ? exact(clip) : media(clip)),
    thumbnail: async (clip: StoredClip, signal: AbortSignal): Promise<MediaBody> => {
      if (clip.thumbnailKey === '') throw new Refused('not_found', `clip ${clip.id} has no picture`);
      const bytes = thumbnails.get(clip.thumbnailKey) ?? (await picture(clip, signal));
      thumbnails.set(clip.thumbnailKey, bytes);
      return {
        bytes: bytes.length, mime: 'image/jpeg', etag: `"${clip.id}-v${clip.version}-t"`, name: fileName(clip.title, 'jpg'), immutable: false,
        read: async (start, end) => bytes.subarray(start, end), close: () => {},
      };
    },
  };
};
export type ClipBodies = ReturnType<typeof createClipBodies>;
