// Retention by tier: what has expired is really deleted. Pinned recordings and pinned clips never expire; a recording of which clips
// remain, pinned or younger than it, loses its media but keeps its row.
import type { Tier } from '../../shared/model.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ObjectStore, Repository, Sessions } from '../ports.ts';
import { MEDIA_GONE, type Supervisor } from './supervisor.ts';
import { segmentKey } from './tiering.ts';

export type RetentionOptions = {
  repository: Repository;
  objectStore: ObjectStore;
  sessions: Sessions;
  supervisor: Supervisor;
  clock: Clock;
  log: Log;
  retentionMs: Record<Tier, number>;
  /** ids of the recordings with a folder on this disk */
  local: () => Promise<string[]>;
  /** recordings that hold nothing local any more: not looked at again */
  cooled: Set<string>;
};

const BATCH = 200;

/** One sweep; safe to repeat and to interrupt. Returns what it deleted. */
export const sweep = async (options: RetentionOptions, signal: AbortSignal): Promise<{ clips: number; sessions: number }> => {
  const { repository, sessions, supervisor, clock, log } = options;
  const deleted = { clips: 0, sessions: 0 };
  const now = clock.now();
  for (const clip of await repository.expiredClips(now, BATCH)) {
    signal.throwIfAborted();
    try {
      await sessions.deleteClip(clip.id);
      deleted.clips += 1;
    } catch (error) {
      log.error({ session: clip.sessionId, clip: clip.id, error: messageOf(error) }, 'an expired clip could not be deleted; tried again at the next sweep');
    }
  }
  for (const session of supervisor.live()) {
    const { tier, pinned } = session.summary;
    if (pinned) continue;
    try {
      const dropped = await session.timeline.dropBefore(session.timeline.state.durationMs - options.retentionMs[tier]);
      for (const index of dropped) await options.objectStore.delete(segmentKey(session.id, index));
      if (dropped.length > 0) await repository.dropColdSegments(session.id, dropped);
    } catch (error) {
      // Rows that are left bring the segments back at the next opening, and to this place again.
      log.warn({ session: session.id, error: messageOf(error) }, 'expired segments of a recording could not be deleted');
    }
  }
  const local = await options.local();
  for (const sessionId of options.cooled) if (!local.includes(sessionId)) options.cooled.delete(sessionId);
  for (const sessionId of local) {
    signal.throwIfAborted();
    if (options.cooled.has(sessionId) || supervisor.find(sessionId)) continue;
    try {
      const row = await repository.session(sessionId);
      // A folder without a row is what a deletion that was interrupted has left.
      if (!row) await supervisor.removeMedia(sessionId);
      else if (await supervisor.cool(sessionId, row.pinned)) options.cooled.add(sessionId);
    } catch (error) {
      log.warn({ session: sessionId, error: messageOf(error) }, 'local segments of a recording could not be moved to the object store; tried again at the next sweep');
    }
  }
  const oldest = now - Math.min(...Object.values(options.retentionMs));
  let before: string | undefined;
  for (;;) {
    const page = await repository.sessions({ limit: BATCH, status: ['closed', 'failed'], ...(before === undefined ? {} : { before }) });
    for (const session of page) {
      signal.throwIfAborted();
      before = session.id;
      const endedAt = session.endedAt ?? session.startedAt;
      if (session.pinned || (session.note === MEDIA_GONE && session.clips > 0) || endedAt > oldest || endedAt > now - options.retentionMs[session.tier]) continue;
      try {
        if (session.clips === 0) await sessions.deleteSession(session.id);
        else {
          await supervisor.removeMedia(session.id);
          await repository.dropColdSegments(session.id, (await repository.coldSegments(session.id)).map(({ index }) => index));
          await repository.updateSession(session.id, { note: MEDIA_GONE });
        }
        deleted.sessions += 1;
      } catch (error) {
        log.error({ session: session.id, error: messageOf(error) }, 'an expired recording could not be deleted; tried again at the next sweep');
      }
    }
    if (page.length < BATCH) return deleted;
  }
};
