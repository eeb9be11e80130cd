// archive: object store, then row, then event (A1). Idempotent by clip id and version: a clip cut twice is stored once.
import type { Clip } from '../../shared/model.ts';
import { sumsOf } from '../block-sums.ts';
import type { ObjectStore, Repository, StoredClip } from '../ports.ts';
import type { CutClip } from './segment.ts';

export type ArchiveOptions = {
  repository: Repository;
  objectStore: ObjectStore;
  now: () => number;
  expiresAt: () => number | null;
  show: (clip: StoredClip) => Clip;
  onClip: (clip: Clip) => void;
};

const NO_THUMBNAIL = '';

export const clipsPrefix = (sessionId: string): string => `sessions/${sessionId}/clips/`;
export const clipPrefix = (sessionId: string, clipId: string): string => `${clipsPrefix(sessionId)}${clipId}/`;

/** May be tried again at any point: what has been done is done once more to the same effect. The cut's files stay. */
export const archiveClip = async (options: ArchiveOptions, cut: CutClip): Promise<void> => {
  const { repository, objectStore } = options;
  const { highlight } = cut;
  const prefix = clipPrefix(highlight.sessionId, highlight.id);
  const mediaKey = `${prefix}v${highlight.version}.${cut.container}`;
  const thumbnailKey = cut.thumbnail ? `${prefix}v${highlight.version}.jpg` : NO_THUMBNAIL;
  const before = await repository.clip(highlight.id);
  if (before && before.version > highlight.version) return;
  // What this version's row tells of its objects stays true: they are stored once.
  if (before?.version !== highlight.version) {
    await objectStore.putFile(mediaKey, cut.file, cut.mime);
    if (cut.thumbnail) await objectStore.put(thumbnailKey, cut.thumbnail, 'image/jpeg');
    if (cut.handlesFile) await objectStore.putFile(`${prefix}v${highlight.version}.handles.${cut.container}`, cut.handlesFile, cut.mime);
  }
  const clip: StoredClip = {
    id: highlight.id, sessionId: highlight.sessionId, version: highlight.version, state: highlight.state === 'refined' ? 'refined' : 'provisional',
    startMs: cut.startMs, endMs: cut.endMs, handleBeforeMs: cut.handleBeforeMs, handleAfterMs: cut.handleAfterMs,
    score: highlight.score, title: highlight.title, reasons: highlight.reasons, mime: cut.mime, bytes: cut.bytes, width: cut.width, height: cut.height,
    pinned: before?.pinned ?? false, createdAt: before?.createdAt ?? options.now(), expiresAt: before?.pinned ? null : options.expiresAt(),
    mediaKey, thumbnailKey, sums: { media: cut.sums, thumbnail: cut.thumbnail ? sumsOf(cut.thumbnail) : '' },
  };
  const isNew = await repository.saveClip(clip);
  const stored = isNew ? clip : await repository.clip(highlight.id);
  // Deleted meanwhile: a deleted clip stays deleted.
  if (!stored) for await (const { key } of objectStore.list(prefix)) await objectStore.delete(key);
  // A row saved by an attempt whose answer was lost has not been shown yet; once more is harmless.
  else if (stored.version === highlight.version) options.onClip(options.show(stored));
  // A player may still be in the version before; what is older than that goes.
  for await (const { key } of objectStore.list(prefix)) {
    const version = Number(/\/v(\d+)\./.exec(key)?.[1] ?? highlight.version);
    if (version < highlight.version - 1) await objectStore.delete(key);
  }
};
