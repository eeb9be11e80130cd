// All recordings of this server (S1–S4): opens, resumes, restarts and closes them. What HTTP asks about them is in queries.ts.
import type { SessionEvent, SessionStatus, SessionSummary, Tier } from '../../shared/model.ts';
import type { ClientFrame, Credits } from '../../shared/protocol.ts';
import type { Clock } from '../clock.ts';
import { Refused, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { completeIndex } from '../pipeline/decode.ts';
import type { MediaIndex, MediaLog } from '../pipeline/media-log.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { Hole } from '../pipeline/words-lane.ts';
import type { ObjectStore, Repository, StoredSession } from '../ports.ts';
import { type CreditLimits, creditsFor } from './credits.ts';
import { type OpenedTimeline, createOpenLogs } from './open-logs.ts';
import { Session } from './session.ts';
import type { Tiering } from './tiering.ts';
import type { Timeline } from './timeline.ts';

export type StartSessionPipeline = (options: { session: Session; media: MediaLog; index: MediaIndex; expiresAt: () => number | null; deafUntilMs: number; holes: Hole[] }) => Pipeline;

export type SupervisorOptions = {
  repository: Repository;
  objectStore: ObjectStore;
  clock: Clock;
  log: Log;
  tier: Tier;
  maxSessions: number;
  credits: CreditLimits;
  /** share of the credits granted now: 1 = all, 0 = none (disk low, shutting down) */
  creditsShare: () => number;
  resumeMs: number;
  retentionMs: Record<Tier, number>;
  openTimeline: (sessionId: string) => Promise<OpenedTimeline>;
  /** takes the folder away as it is: what an interrupted deletion has left need not be a timeline any more */
  removeTimeline: (sessionId: string) => Promise<void>;
  startPipeline: StartSessionPipeline;
  publish: (event: SessionEvent) => void;
  tiering: Tiering;
  onRetired: (sessionId: string) => void;
  /** nothing has come for a while, its pipeline is gone until something does */
  onRested: (sessionId: string) => void;
};

/** What `start` gave. `ended`: the recording had ended; its client may ask again how far it went. */
export type Opened = ({ session: Session } | { ended: SessionSummary }) & { epoch: number; wordsUntilMs: number };

type Actor = { session: Session; index: OpenedTimeline['index'] };

/** A recording for whose pipeline nothing has come in this time lets it go, */
const QUIET_MS = 60_000;
/** and much sooner where so many others have nothing either: waking costs a few reads of the database. */
const MAX_QUIET = 64;
const LEAST_QUIET_MS = 3_000;
const LOOK_EVERY_MS = 2_000;

/** Those whose clients are back come first and share the machine with these. */
const RESUMED_AT_ONCE = 4;
/** After a restart all clients come back at once: their chunks first, then what was being analysed. */
const ANALYSED_AFTER_MS = 2_000;

/** Longest a damaged index is completed for one who asks; what was found by then is kept, and the next one goes on. */
const INDEX_MS = 120_000;

/** Note of a recording whose bytes are gone while its pinned clips are kept. */
export const MEDIA_GONE = 'the recording has expired; its pinned clips are kept';

const UNFINISHED: SessionStatus[] = ['live', 'interrupted', 'draining'];
/** Opening a recording found at start is tried so often, after 10 s, 20 s … 10 min. */
const RESUME_ATTEMPTS = 8;
const RESUME_PAUSE_MS = 5_000;

/** by its row: it has not ended */
const takesChunks = ({ status }: StoredSession): boolean => status === 'live' || status === 'interrupted';

/** without what only the server knows */
export const summaryOf = ({ key: _key, user: _user, epoch: _epoch, transcript: _transcript, ...summary }: StoredSession): SessionSummary => summary;

export const createSupervisor = (options: SupervisorOptions) => {
  const { repository, objectStore, clock, log } = options;
  const actors = new Map<string, Actor>();
  /** sessions being opened, so that two connections with one key get one actor */
  const opening = new Map<string, Promise<Actor>>();
  const openEnded = async (sessionId: string): Promise<OpenedTimeline> => {
    const { timeline, index } = await options.openTimeline(sessionId);
    try {
      await completeIndex({ log: timeline, index }, AbortSignal.timeout(INDEX_MS));
      return { timeline, index };
    } catch (error) {
      await Promise.allSettled([timeline.close(), index.close()]);
      throw error;
    }
  };
  const logs = createOpenLogs({ open: openEnded, clock, onError: (error) => log.warn({ error: messageOf(error) }, 'a timeline did not close') });
  /** recordings whose files are being put away: nobody opens them meanwhile */
  const closing = new Map<string, Promise<void>>();
  /** recordings that could not be opened at start, and when it is tried again */
  const retries = new Map<string, () => void>();
  const retrying = new Set<Promise<void>>();
  /** unfinished recordings of an earlier run whose turn has not come */
  const left = new Map<string, StoredSession>();
  let stopping = false;

  /** Per key one after the other, in the order of the calls. */
  const inTurn = (last: Map<string, Promise<void>>) => <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const done = (last.get(key) ?? Promise.resolve()).then(work);
    const over = done.then(() => {}, () => {}).finally(() => { if (last.get(key) === over) last.delete(key); });
    last.set(key, over);
    return done;
  };
  /** Runs `work` while no actor of the recording is opened. */
  const exclusive = inTurn(closing);
  const startInTurn = inTurn(new Map());

  const credits = (): Credits => creditsFor(options.credits, actors.size, stopping ? 0 : options.creditsShare());

  const enliven = async (stored: StoredSession): Promise<Actor> => {
    await closing.get(stored.id);
    await logs.drop(stored.id);
    const { timeline, index } = await options.openTimeline(stored.id);
    // Only the row knows that a recording has ended; its log is just bytes.
    if (!takesChunks(stored)) await timeline.finish();
    const session: Session = new Session({
      stored, timeline, repository, clock, log, publish: options.publish, credits, mailbox: options.credits.mailbox, resumeMs: options.resumeMs, analyseAfterMs: takesChunks(stored) ? ANALYSED_AFTER_MS : 0,
      startPipeline: (self, { deafUntilMs, holes }) => options.startPipeline({ session: self, media: timeline, index, expiresAt: () => expiryOf(self.stored), deafUntilMs, holes }),
      onEnded: (self) => void retire(self).catch((error: unknown) => log.error({ session: self.id, error: messageOf(error) }, 'a finished recording could not be put away')),
    });
    const actor = { session, index };
    actors.set(stored.id, actor);
    options.tiering.add({ sessionId: stored.id, timeline, pinned: () => session.stored.pinned });
    session.begin();
    return actor;
  };
  const actorOf = (stored: StoredSession): Promise<Actor> => {
    if (stopping) return Promise.reject(new Refused('shutdown', 'the server is shutting down; reconnect in a moment', { retryable: true }));
    const actor = actors.get(stored.id);
    if (actor) return Promise.resolve(actor);
    const pending = opening.get(stored.id) ?? enliven(stored).finally(() => opening.delete(stored.id));
    opening.set(stored.id, pending);
    return pending;
  };
  /** A disk or database that fails at start is no reason to give a recording up: its client may come back at any time, and nothing acknowledged is lost. */
  const takeUp = async (stored: StoredSession, attempt: number): Promise<void> => {
    try {
      await actorOf(stored);
    } catch (error) {
      log.error({ session: stored.id, attempt, error: messageOf(error) }, 'a recording could not be resumed');
      if (stopping) return;
      if (attempt < RESUME_ATTEMPTS) retryIn(RESUME_PAUSE_MS * 2 ** attempt, stored.id, attempt + 1);
      else await repository.updateSession(stored.id, { status: 'failed', note: messageOf(error).slice(0, 500) }).catch(() => {}); // found again at the next start
    }
  };
  const retryIn = (pauseMs: number, sessionId: string, attempt: number): void => {
    retries.set(sessionId, clock.after(pauseMs, () => {
      const work = retryTakeUp(sessionId, attempt).finally(() => retrying.delete(work));
      retrying.add(work);
    }));
  };
  const retryTakeUp = async (sessionId: string, attempt: number): Promise<void> => {
    retries.delete(sessionId);
    const stored = await repository.session(sessionId).catch(() => 'unknown' as const);
    if (stopping) return;
    if (stored === 'unknown') retryIn(RESUME_PAUSE_MS, sessionId, attempt);
    else if (stored && UNFINISHED.includes(stored.status)) await takeUp(stored, attempt);
  };
  const resume = (stored: StoredSession): Promise<void> => {
    left.delete(stored.id);
    return takeUp(stored, 1);
  };
  /** The actor of a recording, taken up now if its turn has not come; null where there is none. */
  const taken = async (sessionId: string): Promise<Session | null> => {
    const stored = left.get(sessionId);
    if (stored) await resume(stored);
    else await opening.get(sessionId)?.catch(() => {}); // whoever opens it knows why
    return actors.get(sessionId)?.session ?? null;
  };
  const retire = async (session: Session): Promise<void> => {
    await options.tiering.sweep();
    await exclusive(session.id, async () => {
      if (session.status === 'closed') await putAway(session, 'shutdown'); // else it was restarted meanwhile
    });
  };
  const putAway = async (session: Session, why: 'shutdown' | 'deleted'): Promise<void> => {
    const actor = actors.get(session.id);
    if (actor?.session !== session) return;
    actors.delete(session.id);
    await options.tiering.remove(session.id);
    await session.shutdown(why);
    await actor.index.close();
    options.onRetired(session.id);
  };
  /** up to where the words its client made are durable */
  const heardUntil = async ({ id, transcript }: StoredSession): Promise<number> => (transcript === 'client' ? (await repository.cursor(id)).wordsUntilMs : 0);
  const close = (session: Session): Promise<void> => exclusive(session.id, () => putAway(session, 'shutdown'));
  const removeFiles = async (sessionId: string): Promise<void> => {
    const actor = actors.get(sessionId);
    if (actor) await putAway(actor.session, 'deleted');
    await logs.drop(sessionId);
    await options.removeTimeline(sessionId);
    const prefix = `sessions/${sessionId}/segments/`;
    for await (const { key } of objectStore.list(prefix)) await objectStore.delete(key);
  };
  /** Lets go of the pipelines of recordings that send nothing: a quiet recording costs a few kilobytes. */
  const letRest = async (): Promise<void> => {
    const now = clock.monotonic();
    const quiet = [...actors.values()].flatMap((actor) => {
      const since = actor.session.quietSince;
      return since !== null && now - since >= LEAST_QUIET_MS ? [{ actor, since }] : [];
    });
    quiet.sort((a, b) => a.since - b.since);
    const crowd = quiet.length - MAX_QUIET;
    await Promise.all(quiet.filter(({ since }, place) => place < crowd || now - since >= QUIET_MS).map(async ({ actor: { session, index } }) => {
      await session.rest();
      await index.rest();
      options.onRested(session.id);
    }));
  };
  let cancelLook = (): void => {};
  const lookLater = (): void => {
    if (stopping) return; // it began while one looked
    cancelLook = clock.after(LOOK_EVERY_MS, () => {
      letRest().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'a quiet recording was not put to rest')).finally(lookLater);
    });
  };
  lookLater();
  const expiryOf = (stored: StoredSession): number | null => clock.now() + options.retentionMs[stored.tier];

  return {
    /** S4: every recording that was not worked through is taken up again, a few at a time, and sooner where somebody asks for it. */
    resumeAll: async (): Promise<{ found: number; done: Promise<void> }> => {
      for (const stored of await repository.sessions({ limit: 100_000, status: UNFINISHED })) left.set(stored.id, stored);
      const found = left.size;
      const resumeNext = async (): Promise<void> => {
        for (let [stored] = left.values(); stored !== undefined; [stored] = left.values()) await resume(stored);
      };
      return { found, done: Promise.all(Array.from({ length: RESUMED_AT_ONCE }, resumeNext)).then(() => {}) };
    },
    taken,

    /**
     * A client begins or resumes a recording: the epoch rises, an older connection is fenced (P1). One start of a key after the other: of a
     * client that came back, the connection it left behind must not take the recording over from the one it has now.
     */
    open: (user: string, frame: ClientFrame & { t: 'start' }): Promise<Opened> => startInTurn(`${user}/${frame.key}`, async () => {
      if (stopping) throw new Refused('shutdown', 'the server is shutting down; reconnect in a moment', { retryable: true });
      const stored = await repository.openSession({ key: frame.key, user, title: frame.title, sourceUrl: frame.sourceUrl, mime: frame.mime, tier: options.tier, startedAt: clock.now(), transcript: frame.transcript });
      await closing.get(stored.id);
      const known = actors.get(stored.id)?.session;
      // Its client learns how far it went, not that it came a moment too early.
      await known?.ending?.catch(() => {});
      const ended = known ? known.timeline.state.finished : !takesChunks(stored);
      if (ended && frame.resume) {
        // Its last words may still come: what was not worked through is open for them.
        const session = known ?? (UNFINISHED.includes(stored.status) ? await taken(stored.id) : null);
        if (!session && UNFINISHED.includes(stored.status)) throw new Refused('unavailable', `recording ${stored.id} cannot be taken up just now; come back`, { retryable: true });
        // An epoch that was raised and never taken, because its start failed, is not the one its last words come under.
        return { ended: session?.summary ?? summaryOf(stored), epoch: session?.epoch ?? stored.epoch, wordsUntilMs: await heardUntil(stored) };
      }
      if (ended) throw new Refused('closed', `the recording under key ${frame.key} has ended; start a new one under another key`);
      if (!actors.has(stored.id) && !opening.has(stored.id) && !left.delete(stored.id) && !retries.has(stored.id)) {
        const refusal = left.size + actors.size + [...opening.keys()].filter((id) => !actors.has(id)).length >= options.maxSessions
          ? new Refused('quota', `${options.maxSessions} recordings are open already (CLIPPY_MAX_SESSIONS); end one first`, { retryable: true })
          : options.creditsShare() === 0
            ? new Refused('unavailable', 'the disk is nearly full: no new recording is taken until there is space (CLIPPY_DISK_RESERVE_MB)', { retryable: true })
            : null;
        if (refusal) {
          if (stored.epoch === 0) await repository.deleteSession(stored.id);
          throw refusal;
        }
      }
      const { session } = await actorOf(stored);
      const epoch = await repository.raiseEpoch(stored.id);
      return { session, epoch, wordsUntilMs: await heardUntil(stored) };
    }),

    find: (sessionId: string): Session | null => actors.get(sessionId)?.session ?? null,
    live: (): Session[] => [...actors.values()].map((actor) => actor.session),
    credits,
    /** the disk filled or emptied */
    refreshCredits: (): void => { for (const { session } of actors.values()) session.refreshCredits(); },

    /** A recording's bytes and structure, whether an actor holds it or not. */
    readLog: async (sessionId: string): Promise<{ media: Timeline; index: MediaIndex; release: () => void }> => {
      await closing.get(sessionId);
      await taken(sessionId);
      const actor = actors.get(sessionId);
      if (actor) return { media: actor.session.timeline, index: actor.index, release: () => {} };
      const { timeline, index, release } = await logs.use(sessionId);
      return { media: timeline, index, release };
    },

    /** Works a closed or failed recording through again from its cursor (a retried dead letter). */
    restart: async (sessionId: string, holes: Hole[] = [], prepare: () => Promise<void> = async () => {}): Promise<Session> => {
      await closing.get(sessionId);
      await taken(sessionId);
      const actor = actors.get(sessionId);
      if (actor) {
        await actor.session.restart(holes, prepare);
        return actor.session;
      }
      const stored = await repository.session(sessionId);
      if (!stored) throw new Refused('not_found', `no recording ${sessionId}`);
      if (stored.note === MEDIA_GONE) throw new Refused('closed', `recording ${sessionId} has expired: there is nothing left to work through`);
      await prepare();
      const { session } = await actorOf({ ...stored, status: 'draining' });
      if (holes.length > 0) await session.restart(holes);
      return session;
    },

    /** Uploads and drops what a recording that has ended still holds locally (T4); true when nothing is left to do. */
    cool: (sessionId: string, pinned: boolean): Promise<boolean> => exclusive(sessionId, async () => {
      if (actors.has(sessionId) || opening.has(sessionId) || left.has(sessionId)) return false;
      const { timeline, release } = await logs.use(sessionId);
      try {
        const local = (): boolean => timeline.sealed().some((segment) => segment.local);
        if (!local()) return true;
        options.tiering.add({ sessionId, timeline, pinned: () => pinned });
        await options.tiering.sweep();
        await options.tiering.remove(sessionId);
        return !local();
      } finally {
        release();
      }
    }),

    /** Takes a recording's bytes away from disk and object store; rows are the caller's. */
    removeMedia: async (sessionId: string): Promise<void> => {
      left.delete(sessionId);
      await opening.get(sessionId)?.catch(() => {});
      await exclusive(sessionId, () => removeFiles(sessionId));
    },

    /** S3: no new recordings, credits zero, cursors saved. */
    stop: async (): Promise<void> => {
      stopping = true;
      for (const cancel of retries.values()) cancel();
      await Promise.allSettled(retrying);
      cancelLook();
      left.clear();
      await Promise.allSettled(opening.values());
      for (const { session } of actors.values()) session.refreshCredits();
      await Promise.allSettled([...actors.values()].map(({ session }) => close(session)));
      await Promise.allSettled(closing.values());
      await logs.close();
    },
  };
};
export type Supervisor = ReturnType<typeof createSupervisor>;
