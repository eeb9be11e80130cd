// Moves sealed segments to the object store and drops their local files, by age and by disk pressure (T4). One loop for all
// sessions: what fails is tried again by it, later each time.
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { ObjectStore, Repository } from '../ports.ts';
import type { DiskSpace } from './disk-space.ts';
import type { Log, SealedSegment } from './segment-table.ts';
import type { Timeline } from './timeline.ts';

/** a store that is down is not asked for every segment that waits */
const FAILURES_PER_SWEEP = 3;
const MAX_PAUSE_MS = 5 * 60_000;

export type TieringOptions = {
  objectStore: Pick<ObjectStore, 'putFile' | 'stat'>;
  repository: Pick<Repository, 'addColdSegment'>;
  diskSpace: Pick<DiskSpace, 'shortBytes' | 'refresh'>;
  /** a cold segment's local file stays this long after its upload (300,000) */
  hotMs: number;
  /** 5,000 */
  everyMs: number;
  /** uploads at a time (2) */
  concurrency: number;
  log: Log;
  clock: Clock;
};

/** A session whose timeline is open. Pinned: its local files stay, unless the disk is low and nothing else is left to drop. */
export type Tiered = { sessionId: string; timeline: Pick<Timeline, 'sealed' | 'markCold' | 'dropLocal'>; pinned: () => boolean };

export type Tiering = {
  add(session: Tiered): void;
  /** Resolves when nothing of it is being uploaded. */
  remove(sessionId: string): Promise<void>;
  /** One round of uploads and drops, now; a round under way is joined. */
  sweep(): Promise<void>;
  /** sealed segments that wait for their upload */
  waiting(): number;
  close(): Promise<void>;
};

export const segmentKey = (sessionId: string, index: number): string => `sessions/${sessionId}/segments/${index}`;

type Job = { session: Tiered; segment: SealedSegment; key: string };

export const createTiering = (options: TieringOptions): Tiering => {
  const { objectStore, repository, diskSpace, clock, log, hotMs } = options;
  const sessions = new Map<string, Tiered>();
  /** by object key */
  const failures = new Map<string, { attempts: number; retryAt: number }>();
  const uploading = new Map<string, Promise<boolean>>();
  let cancel: (() => void) | null = null;
  let running: Promise<void> | null = null;
  let closed = false;

  const jobs = (): Job[] =>
    [...sessions.values()].flatMap((session) =>
      session.timeline.sealed()
        .filter((segment) => segment.local && segment.coldAt === null)
        .map((segment) => ({ session, segment, key: segmentKey(session.sessionId, segment.index) })),
    );

  const upload = async ({ session, segment, key }: Job): Promise<boolean> => {
    const { sessionId } = session;
    try {
      await objectStore.putFile(key, segment.path, 'application/octet-stream');
      const stored = await objectStore.stat(key);
      if (stored === null || stored.bytes < segment.fileBytes) throw new Error(`the store holds ${stored?.bytes ?? 'nothing'} of ${segment.fileBytes} bytes`);
      const storedAt = clock.now();
      await repository.addColdSegment({ sessionId, index: segment.index, objectKey: key, fileBytes: segment.fileBytes, storedAt });
      session.timeline.markCold(segment.index, storedAt);
      failures.delete(key);
      return true;
    } catch (error) {
      if (!sessions.has(sessionId)) return true; // deleted meanwhile
      const attempts = (failures.get(key)?.attempts ?? 0) + 1;
      const pauseMs = Math.min(MAX_PAUSE_MS, options.everyMs * 2 ** attempts);
      failures.set(key, { attempts, retryAt: clock.monotonic() + pauseMs });
      log.warn({ session: sessionId, segment: segment.index, attempts, pauseMs, error: messageOf(error) }, 'segment not uploaded; it stays on disk and is tried again');
      return false;
    }
  };

  const uploadAll = async (): Promise<void> => {
    const queue = jobs().filter(({ key }) => (failures.get(key)?.retryAt ?? -Infinity) <= clock.monotonic());
    let failed = 0;
    const goesOn = (): boolean => !closed && failed < FAILURES_PER_SWEEP;
    const worker = async (): Promise<void> => {
      for (let job = queue.shift(); job !== undefined && goesOn(); job = queue.shift()) {
        if (!sessions.has(job.session.sessionId)) continue;
        const work = upload(job);
        uploading.set(job.key, work);
        if (!(await work)) failed++;
        uploading.delete(job.key);
      }
    };
    await Promise.all(Array.from({ length: options.concurrency }, worker));
  };

  const drop = async ({ session, segment }: Pick<Job, 'session' | 'segment'>): Promise<number> => {
    try {
      await session.timeline.dropLocal(segment.index);
      return segment.fileBytes;
    } catch (error) {
      log.warn({ session: session.sessionId, segment: segment.index, error: messageOf(error) }, 'local segment not dropped; tried again');
      return 0;
    }
  };

  const dropCold = async (): Promise<void> => {
    const cold = [...sessions.values()].flatMap((session) => {
      const pinned = session.pinned();
      return session.timeline.sealed().flatMap((segment) => (segment.local && segment.coldAt !== null ? [{ session, segment, pinned, coldAt: segment.coldAt }] : []));
    });
    cold.sort((a, b) => Number(a.pinned) - Number(b.pinned) || a.coldAt - b.coldAt || a.segment.startMs - b.segment.startMs);
    let short = diskSpace.shortBytes();
    const pressed = short > 0;
    for (const each of cold) {
      const old = !each.pinned && clock.now() - each.coldAt >= hotMs;
      if (old || short > 0) short -= await drop(each);
    }
    if (pressed) await diskSpace.refresh();
  };

  const round = async (): Promise<void> => {
    await dropCold(); // makes room before a store on the same disk takes more
    await uploadAll();
    await dropCold();
  };
  const sweep = (): Promise<void> => {
    running ??= round().finally(() => (running = null));
    return running;
  };
  const tick = (): void => {
    if (!closed) cancel = clock.after(options.everyMs, () => void sweep().then(tick));
  };
  tick();

  return {
    add: (session) => void sessions.set(session.sessionId, session),
    remove: async (sessionId) => {
      sessions.delete(sessionId);
      const prefix = segmentKey(sessionId, 0).slice(0, -1);
      for (const key of failures.keys()) if (key.startsWith(prefix)) failures.delete(key);
      await Promise.all([...uploading].filter(([key]) => key.startsWith(prefix)).map(([, work]) => work));
    },
    sweep,
    waiting: () => jobs().length,
    close: async () => {
      closed = true;
      cancel?.();
      await running;
    },
  };
};
