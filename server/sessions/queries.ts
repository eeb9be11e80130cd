// What the ways in ask of the recordings: the `Sessions` port over supervisor, repository and object store.
import { type Clip, type ProviderState, type SessionEvent, type SessionSummary, type StageName, type StageState, type Tier } from '../../shared/model.ts';
import type { Clock } from '../clock.ts';
import { Refused } from '../errors.ts';
import { clipPrefix } from '../pipeline/archive.ts';
import type { ObjectStore, Repository, Sessions, StoredClip, StoredSession } from '../ports.ts';
import type { ClipBodies } from './clip-bodies.ts';
import { createRecordings } from './recordings.ts';
import { MEDIA_GONE, type Supervisor, summaryOf } from './supervisor.ts';

export type QueriesOptions = {
  supervisor: Supervisor;
  repository: Repository;
  objectStore: ObjectStore;
  bodies: ClipBodies;
  clock: Clock;
  retentionMs: Record<Tier, number>;
  rangeCache: { dir: string; bytes: number; maxRangeMs: number };
  show: (clip: StoredClip) => Clip;
  publish: (event: SessionEvent) => void;
  providers: () => ProviderState[];
  /** shown where no pipeline runs and the server has no transcriber */
  transcriptionOff: string | null;
};

/** How much of a long recording a viewer gets at once: words and signals of the last two hours. */
const VIEW_MS = 2 * 3_600_000;
const LISTED = 200;

export const createQueries = (options: QueriesOptions): Sessions => {
  const { supervisor, repository, objectStore, bodies, clock } = options;
  /** of a recording without a pipeline: nothing has come yet, nothing comes now, or all has been worked through */
  const idleStages = ({ durationMs, id }: SessionSummary): Record<StageName, StageState> => {
    const idle: StageState = { status: 'idle', depth: 0, capacity: 0, done: 0, untilMs: durationMs, lagMs: 0, note: '' };
    const { transcriptionOff: note } = options;
    return {
      decode: { ...idle }, extract: { ...idle }, analyse: { ...idle }, cut: { ...idle }, archive: { ...idle },
      transcribe: note === null || supervisor.find(id)?.clientWords ? { ...idle } : { ...idle, status: 'off', note },
    };
  };

  const stored = async (sessionId: string): Promise<StoredSession> => {
    const found = await repository.session(sessionId);
    if (!found) throw new Refused('not_found', `no recording ${sessionId.slice(0, 40)}`);
    return found;
  };
  /** the actor's numbers are newer than the row's */
  const fresh = (row: StoredSession): SessionSummary => ({ ...(supervisor.find(row.id)?.summary ?? summaryOf(row)), clips: row.clips, deadLetters: row.deadLetters, pinned: row.pinned });
  const storedClip = async (clipId: string): Promise<StoredClip> => {
    const found = await repository.clip(clipId);
    if (!found) throw new Refused('not_found', `no clip ${clipId.slice(0, 80)}`);
    return found;
  };
  const announce = async (sessionId: string): Promise<SessionSummary> => {
    const session = fresh(await stored(sessionId));
    options.publish({ type: 'session', session });
    return session;
  };
  const recordings = createRecordings({
    openLog: async (sessionId) => {
      const summary = fresh(await stored(sessionId));
      if (summary.note === MEDIA_GONE) throw new Refused('not_found', `recording ${sessionId} has expired; only its pinned clips are kept`);
      const { media, index, release } = await supervisor.readLog(sessionId);
      return { log: media, index, summary, release };
    },
    cacheDir: options.rangeCache.dir, cacheBytes: options.rangeCache.bytes, maxRangeMs: options.rangeCache.maxRangeMs,
  });
  const clear = async (prefix: string): Promise<void> => {
    bodies.forget(prefix);
    for await (const { key } of objectStore.list(prefix)) await objectStore.delete(key);
  };
  const removeClip = async (clip: StoredClip): Promise<void> => {
    const prefix = clipPrefix(clip.sessionId, clip.id);
    // Objects first: while the row is there, a deletion that failed is tried again. Then those of a version archived meanwhile.
    await clear(prefix);
    await repository.deleteClip(clip.id);
    await clear(prefix);
    options.publish({ type: 'clipDeleted', sessionId: clip.sessionId, clipId: clip.id });
  };

  return {
    system: async () => ({ sessions: (await repository.sessions({ limit: LISTED })).map(fresh), providers: options.providers() }),
    view: async (sessionId) => {
      const row = await stored(sessionId);
      const session = fresh(row);
      const range = { startMs: Math.max(0, session.durationMs - VIEW_MS), endMs: session.durationMs + 3_600_000 };
      const [words, bins, gaps, highlights, clips, deadLetters] = await Promise.all([
        repository.words(sessionId, range), repository.bins(sessionId, range), repository.gaps(sessionId), repository.highlights(sessionId),
        repository.clips({ sessionId, limit: LISTED }), repository.deadLetters(sessionId),
      ]);
      return { session, stages: supervisor.find(sessionId)?.stages ?? idleStages(session), words, bins, gaps, highlights, clips: clips.map(options.show), deadLetters };
    },
    words: async (sessionId) => repository.words((await stored(sessionId)).id),
    bins: async (sessionId) => repository.bins((await stored(sessionId)).id),
    regions: async (sessionId) => repository.regions((await stored(sessionId)).id),
    pages: async (sessionId) => repository.pages((await stored(sessionId)).id),
    recording: (sessionId, range) => recordings.open(sessionId, range),
    clipMedia: async (clipId, { version, exact }) => {
      const clip = await storedClip(clipId);
      if (version !== undefined && version > clip.version) throw new Refused('not_found', `clip ${clip.id} has no version ${version}; the latest is ${clip.version}`);
      if (version !== undefined && version !== clip.version) {
        const older = clip.mediaKey.replace(/v\d+(\.\w+)$/, `v${version}$1`);
        if (await objectStore.stat(older)) return bodies.media({ ...clip, version, mediaKey: older, sums: null }, exact);
      }
      return bodies.media(clip, exact);
    },
    clipThumbnail: async (clipId, signal) => bodies.thumbnail(await storedClip(clipId), signal),
    clips: async (query) => (await repository.clips(query)).map(options.show),
    clip: async (clipId) => options.show(await storedClip(clipId)),
    pinClip: async (clipId, pinned) => {
      const clip = await storedClip(clipId);
      const { tier } = await stored(clip.sessionId);
      const changed = await repository.pinClip(clipId, pinned, pinned ? null : clock.now() + options.retentionMs[tier]);
      if (!changed) throw new Refused('not_found', `no clip ${clipId.slice(0, 80)}`);
      const shown = options.show(changed);
      options.publish({ type: 'clip', sessionId: clip.sessionId, clip: shown });
      return shown;
    },
    pinSession: async (sessionId, pinned) => {
      await stored(sessionId);
      const session = await supervisor.taken(sessionId);
      await repository.updateSession(sessionId, { pinned });
      session?.patch({ pinned });
      return announce(sessionId);
    },
    deleteClip: async (clipId) => removeClip(await storedClip(clipId)),
    deleteSession: async (sessionId) => {
      await stored(sessionId);
      await supervisor.removeMedia(sessionId);
      recordings.forget(sessionId);
      await clear(`sessions/${sessionId}/`);
      for (const key of await repository.deleteSession(sessionId)) await objectStore.delete(key);
      options.publish({ type: 'sessionDeleted', sessionId });
    },
    endSession: async (sessionId) => {
      await stored(sessionId);
      await (await supervisor.taken(sessionId))?.end();
      return announce(sessionId);
    },
    restartSession: async (sessionId) => {
      await supervisor.restart(sessionId);
      return announce(sessionId);
    },
    deadLetters: (sessionId) => repository.deadLetters(sessionId),
    retryDeadLetter: async (id) => {
      const letter = await repository.deadLetter(id);
      if (!letter) throw new Refused('not_found', `no dead letter ${id.slice(0, 80)}`);
      await repository.removeDeadLetter(id);
      options.publish({ type: 'deadLetterResolved', sessionId: letter.sessionId, deadLetterId: id });
      const rewind = async (): Promise<void> => { if (letter.stage === 'decode' || letter.stage === 'extract') await repository.rewindSignals(letter.sessionId, letter.startMs); };
      // A pipeline that starts takes up what its dead letters no longer hold back.
      await supervisor.restart(letter.sessionId, letter.stage === 'transcribe' ? [{ startMs: letter.startMs, endMs: letter.endMs }] : [], rewind);
      await announce(letter.sessionId);
    },
    providers: options.providers,
  };
};
