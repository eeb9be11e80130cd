// Clips and thumbnails as bytes that can be served by Range; hot thumbnails stay in memory, by bytes.
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { Refused } from '../errors.ts';
import type { MediaBody, MediaTool, ObjectStore, StoredClip } from '../ports.ts';
import { fileName } from './recordings.ts';

export type ClipBodiesOptions = { objectStore: ObjectStore; tool: MediaTool; tempDir: string; thumbnailBytes: number };

export const createClipBodies = (options: ClipBodiesOptions) => {
  const { objectStore } = options;
  const thumbnails = new LRUCache<string, Uint8Array>({ maxSize: options.thumbnailBytes, sizeCalculation: (bytes) => Math.max(1, bytes.byteLength) });
  const encoding = new Map<string, Promise<void>>();

  const media = async (clip: StoredClip): Promise<MediaBody> => {
    const found = await objectStore.stat(clip.mediaKey);
    if (!found) throw new Refused('not_found', `clip ${clip.id} has lost its media (${clip.mediaKey})`);
    const container = clip.mime.includes('mp4') ? 'mp4' : 'webm';
    return {
      bytes: found.bytes, mime: clip.mime, etag: `"${clip.id}-v${clip.version}"`, name: fileName(clip.title, container), immutable: false,
      read: (start, end, signal) => objectStore.read(clip.mediaKey, { start, end }, signal),
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
        await writeFile(`${base}.in`, await objectStore.read(clip.mediaKey)); // shared: not ended when the first who asked has gone
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
    return { ...(await media({ ...clip, mediaKey: key, mime: 'video/mp4' })), etag: `"${clip.id}-v${clip.version}-exact"` };
  };

  return {
    media: (clip: StoredClip, wantExact: boolean): Promise<MediaBody> => (wantExact ? exact(clip) : media(clip)),
    thumbnail: async (clip: StoredClip, signal: AbortSignal): Promise<MediaBody> => {
      if (clip.thumbnailKey === '') throw new Refused('not_found', `clip ${clip.id} has no picture`);
      const bytes = thumbnails.get(clip.thumbnailKey) ?? (await objectStore.read(clip.thumbnailKey, undefined, signal));
      thumbnails.set(clip.thumbnailKey, bytes);
      return {
        bytes: bytes.length, mime: 'image/jpeg', etag: `"${clip.id}-v${clip.version}-t"`, name: fileName(clip.title, 'jpg'), immutable: false,
        read: async (start, end) => bytes.subarray(start, end), close: () => {},
      };
    },
  };
};
export type ClipBodies = ReturnType<typeof createClipBodies>;
