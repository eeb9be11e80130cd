// A clip whose objects are damaged or lost is cut anew from its recording, as long as that is held.
import { mkdir, rm } from 'node:fs/promises';
import type { Highlight } from '../../shared/model.ts';
import { sumsOf } from '../block-sums.ts';
import { MediaError, Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { cutClip } from '../pipeline/cut.ts';
import type { MediaIndex, MediaLog } from '../pipeline/media-log.ts';
import type { MediaTool, ObjectStore, Repository, StoredClip } from '../ports.ts';

export type MendOptions = {
  repository: Pick<Repository, 'highlights' | 'mendClip'>;
  objectStore: Pick<ObjectStore, 'put' | 'putFile'>;
  readLog: (sessionId: string) => Promise<{ media: MediaLog; index: MediaIndex; release: () => void }>;
  tool: MediaTool;
  tempDir: string;
  log: Log;
};

const MEND_MS = 120_000;

const highlightOf = (clip: StoredClip, known: Highlight | undefined): Highlight => ({
  id: clip.id, sessionId: clip.sessionId, version: clip.version, state: clip.state, startMs: clip.startMs, endMs: clip.endMs,
  peakMs: known?.peakMs ?? (clip.startMs + clip.endMs) / 2, score: clip.score, title: clip.title, reasons: clip.reasons,
});

/** Returns how to mend a clip: one at a time, each once. Rejects with `Refused media` where its recording is gone or does not give it any more. */
export const createMending = (options: MendOptions): ((clip: StoredClip) => Promise<void>) => {
  const { repository, objectStore, log } = options;
  const mending = new Map<string, Promise<void>>();
  let last: Promise<unknown> = Promise.resolve();

  const mend = async (clip: StoredClip): Promise<void> => {
    const { media, index, release } = await options.readLog(clip.sessionId);
    try {
      await mkdir(options.tempDir, { recursive: true });
      const known = (await repository.highlights(clip.sessionId)).find(({ id }) => id === clip.id);
      const cut = await cutClip({ log: media, index, tool: options.tool, tempDir: options.tempDir }, highlightOf(clip, known), AbortSignal.timeout(MEND_MS));
      try {
        await objectStore.putFile(clip.mediaKey, cut.file, cut.mime);
        if (cut.thumbnail && clip.thumbnailKey !== '') await objectStore.put(clip.thumbnailKey, cut.thumbnail, 'image/jpeg');
        if (cut.handlesFile) await objectStore.putFile(clip.mediaKey.replace(/(\.\w+)$/, '.handles$1'), cut.handlesFile, cut.mime);
        await repository.mendClip(clip.id, clip.version, { bytes: cut.bytes, sums: { media: cut.sums, thumbnail: cut.thumbnail && clip.thumbnailKey !== '' ? sumsOf(cut.thumbnail) : '' } });
      } finally {
        for (const file of [cut.file, cut.handlesFile]) if (file) await rm(file, { force: true });
      }
      log.warn({ session: clip.sessionId, clip: clip.id }, 'a damaged clip was cut anew');
    } catch (error) {
      log.error({ session: clip.sessionId, clip: clip.id, error: messageOf(error) }, 'a damaged clip could not be cut anew');
      if (error instanceof MediaError && error.code !== 'tool') throw new Refused('media', `clip ${clip.id} is damaged where it is stored, and its recording does not give it any more: ${error.message}`, { cause: error });
      throw error;
    } finally {
      release();
    }
  };

  return (clip) => {
    const key = `${clip.id}-v${clip.version}`;
    const pending = mending.get(key) ?? last.then(() => mend(clip)).finally(() => mending.delete(key));
    mending.set(key, pending);
    last = pending.catch(() => {}); // whoever asked hears of it
    return pending;
  };
};
