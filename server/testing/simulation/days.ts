// Days of one server in simulated time: streams are recorded one after another, watched, read, pinned, deleted and expire, while its
// process is killed, stopped and starved. What is kept can be read for as long as is promised, what has expired is gone, and nothing
// else grows: looked at every night, when nobody records. After five days nobody records until all has expired, and the server is as
// empty as it was in the beginning.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createClient } from '../../../shared/client.ts';
import { crc32c } from '../../../shared/crc32c.ts';
import { seededRandom } from '../../../shared/testing/random.ts';
import { Refused, messageOf } from '../../errors.ts';
import { judgeRecording } from './end.ts';
import { type Plan, drawFrom } from './plan.ts';
import type { Server } from './process.ts';
import { type Capture, type Kept, type Recorder, film, startRecorder } from './recorder.ts';
import { type WorldTrouble, createSurroundings } from './surroundings.ts';
import type { Violation } from './witness.ts';

export type Night = {
  day: number;
  /** recordings begun so far, those that are stored, and those that have expired or were deleted */
  begun: number;
  stored: number;
  gone: number;
  objects: number;
  files: number;
  /** of the server's process */
  timers: number;
  lives: number;
  /** of this process, with the simulated disk, store and database */
  heapMb: number;
};
/** `days`: those with streams */
export type DaysOutcome = { seed: number; days: number; violation: Violation | null; steps: number; chunks: number; clips: number; nights: Night[]; trace: string[] };
export type DaysOptions = { days: number; traced?: boolean; onNight?: (night: Night) => void };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RETENTION_MS = 48 * HOUR;
/** after which what has expired must be gone, outages and their pauses included */
const LATE_MS = 2 * HOUR;
/** From then on nothing goes wrong, no stream begins, and the last one has ended. */
const EVENING = 21 * HOUR;
const NIGHT = 23.5 * HOUR;
const WEEK = 8;
const WORKING_DAYS = 5;
/** What an empty process may hold more than after its first week. */
const GROWTH_MB = 1;

const PLAN: Omit<Plan, 'seed'> = {
  server: { mailbox: { chunks: 8, bytes: 20_000 }, maxChunkBytes: 2_000, segmentBytes: 30_000, resumeMs: 10 * MINUTE, hotMs: 5 * MINUTE, capacity: 2, transcriber: 'api', judge: true, retentionMs: RETENTION_MS },
  recorder: { mode: 'live', lasting: false, transcript: 'server', chunks: 0, packets: 10, loud: [], talk: 0.1, pace: 1, ringMs: 15 * MINUTE, ringBytes: 1e6, losesChunks: 0, doubles: 0 },
  netMs: 20,
  faults: { disk: 2e-4, database: 2e-4, store: 1e-3, transcriber: 1e-3, judge: 1e-2, audio: 0, tool: 1e-3, ring: 0 },
  halfWrites: 0.5, failedSyncs: 0, troubles: [],
};

type Stream = {
  plan: Plan;
  captures: Capture[];
  kept: Kept[];
  recorder: Recorder;
  key: string;
  state: 'recording' | 'stored' | 'deleted';
  /** what somebody asks for until it is answered: one that fails may have taken effect */
  wish: ((server: Server) => Promise<void>) | null;
  /** null until the server has a row */
  sessionId: string | null;
  /** who is being asked about it */
  asked: Server | null;
  bytes: number;
  crc: number;
  endedAt: number;
  /** wall-clock time after which it may be deleted by the server; Infinity: pinned */
  untilAt: number;
  /** a clip of it that is, or was, pinned by itself */
  clip: { id: string; untilAt: number } | null;
};

const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect(); // what only weak references lead to goes after what it leads to
};

/** The scheduler is stepped in one (see scheduler.ts). */
const macrotask = (run: () => void): Promise<void> =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        run();
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    });
  });

export const runDays = async (seed: number, { days, traced = false, onNight }: DaysOptions): Promise<DaysOutcome> => {
  const draw = drawFrom(seededRandom(seed * 2));
  const { int, chance, pick, random } = draw;
  const around = createSurroundings({ plan: PLAN, draw, traced });
  const { scheduler, disk, repository, store, witness, trace, lifeOf } = around;
  const { violate } = witness;
  const streams = new Set<Stream>();
  const nights: Night[] = [];
  const counts = { begun: 0, gone: 0, chunks: 0, clips: 0 };
  let idleTimers: number | null = null;
  let emptyMb: number | null = null;
  const listening = (): Server | null => (around.server?.state === 'listening' ? around.server : null);
  /** What is done meanwhile may fail with what it needs; it is tried again. */
  const tried = (work: Promise<unknown>): void => void work.catch((error: unknown) => trace('not done', String(error)));

  // ── streamers ──
  const begin = (minutes: number): void => {
    const chunks = (minutes * MINUTE) / (PLAN.recorder.packets * 500);
    const loud = Array.from({ length: int(1, 4) }, () => {
      const fromMs = int(30_000, minutes * MINUTE - 30_000);
      return { fromMs, untilMs: fromMs + int(4_000, 8_000) };
    });
    const plan: Plan = { ...PLAN, seed, recorder: { ...PLAN.recorder, chunks, loud } };
    const captures = film(plan, draw);
    const kept: Kept[] = [];
    const life = lifeOf(`streamer ${++counts.begun}`);
    const key = `01JD6Q2V00${String(counts.begun).padStart(16, '0')}`;
    trace('a stream begins', key);
    const recorder = startRecorder({ plan, life, random, key, take: 0, captures, from: 0, shelf: null, resume: false, kept, socket: around.socketOf(life, 0) });
    const stream: Stream = { plan, captures, kept, recorder, key, state: 'recording', wish: null, sessionId: null, asked: null, bytes: 0, crc: 0, endedAt: 0, untilAt: Infinity, clip: null };
    streams.add(stream);
    if (chance(0.1)) scheduler.after(random() * minutes * MINUTE, () => {
      // its browser dies; the server ends the recording when it has waited long enough
      life.kill();
      witness.clientDied();
      recorder.outcome = { failed: 'closed' };
    });
  };

  // ── what comes of them ──
  const judge = async (stream: Stream, server: Server): Promise<void> => {
    const row = stream.sessionId === null ? null : await repository.session(stream.sessionId);
    if (!row) return violate('SIM16', `recording ${stream.sessionId} has no row although it has not expired`);
    const { plan, captures, kept, recorder } = stream;
    const whole = await judgeRecording({ plan, witness, repository, store, server, captures, kept, recorders: [recorder] }, row);
    const endedAt = row.endedAt ?? row.startedAt;
    Object.assign(stream, { state: 'stored', bytes: whole.length, crc: crc32c(whole), endedAt, untilAt: endedAt + RETENTION_MS, captures: [], kept: [] });
    counts.chunks += row.chunks;
    counts.clips += row.clips;
  };
  const follow = async (stream: Stream): Promise<void> => {
    const server = listening();
    if (!server || stream.state !== 'recording' || stream.recorder.outcome === 'running' || stream.asked === server) return;
    stream.recorder.close();
    const row = (await repository.sessions({ limit: 200 })).find(({ key }) => key === stream.key);
    if (!row) {
      if (stream.recorder.outcome === 'stopped') violate('SIM16', `recording ${stream.key} was stopped and has no row`);
      else if (streams.delete(stream)) counts.gone++; // it died before the server heard of it
      return;
    }
    stream.sessionId = row.id;
    if (row.status === 'failed') return void (await server.queries.restartSession(row.id));
    if (row.status !== 'closed' || server.supervisor.find(row.id)) return;
    stream.asked = server;
    await judge(stream, server).finally(() => { if (stream.asked === server) stream.asked = null; });
  };
  const insist = async (stream: Stream, wish: NonNullable<Stream['wish']>): Promise<void> => {
    const server = listening();
    if (!server || stream.asked === server) return;
    stream.asked = server;
    await wish(server).finally(() => { if (stream.asked === server) stream.asked = null; });
    stream.wish = null;
  };
  const read = async (stream: Stream, server: Server): Promise<void> => {
    const body = await server.queries.recording(stream.sessionId!, null, new AbortController().signal); // stored: it has an id
    const bytes = await body.read(0, body.bytes, new AbortController().signal).finally(() => body.close());
    if (bytes.length !== stream.bytes || crc32c(bytes) !== stream.crc) violate('SIM16', `recording ${stream.sessionId} is read as ${bytes.length} bytes that are not the ${stream.bytes} that were stored`);
  };
  const watch = (): void => {
    const life = lifeOf('viewer');
    const client = createClient({ url: 'ws://simulated', token: 'token', client: 'simulation', clientVersion: '1', socket: around.socketOf(life, 0), clock: life.clock, random });
    client.watch('system', { onState: () => {}, onEvent: () => {} });
    const latest = [...streams].findLast(({ state }) => state === 'recording')?.recorder.recording.status.session;
    if (latest) client.watch(`session:${latest}`, { onState: () => {}, onEvent: () => {} });
    scheduler.after(int(1, 40) * MINUTE, () => client.close());
  };
  const stored = (): Stream[] => [...streams].filter(({ state }) => state === 'stored');
  const unpin = (stream: Stream) => async ({ queries }: Server): Promise<void> => {
    await queries.pinSession(stream.sessionId!, false); // stored: it has an id
    stream.untilAt = Math.max(around.wallNow(), stream.endedAt + RETENTION_MS);
  };
  const unpinClip = (stream: Stream, id: string) => async ({ queries }: Server): Promise<void> => {
    await queries.pinClip(id, false);
    stream.clip = { id, untilAt: around.wallNow() + RETENTION_MS };
  };
  /** What somebody wants at the dashboard. */
  const handle = async (server: Server): Promise<void> => {
    const free = stored().filter(({ wish }) => wish === null);
    const withClip = free.find(({ clip }) => clip?.untilAt === Infinity);
    if (withClip?.clip && chance(0.3)) return void (withClip.wish = unpinClip(withClip, withClip.clip.id));
    const all = free.filter(({ untilAt }) => untilAt > around.wallNow() + HOUR); // else it may go meanwhile
    if (all.length === 0) return;
    const stream = pick(all);
    const sessionId = stream.sessionId!; // stored: it has an id
    if (stream.untilAt === Infinity) return void (stream.wish = unpin(stream));
    switch (int(0, 3)) {
      case 0:
        stream.wish = async ({ queries }) => {
          await queries.pinSession(sessionId, true);
          stream.untilAt = Infinity;
        };
        return;
      case 1:
        stream.wish = async ({ queries }) => {
          // the second time it may be gone
          await queries.deleteSession(sessionId).catch((error: unknown) => { if (!(error instanceof Refused && error.code === 'not_found')) throw error; });
          Object.assign(stream, { state: 'deleted', untilAt: around.wallNow() });
        };
        return;
      case 2: {
        const clips = await repository.clips({ sessionId, limit: 10 });
        if (clips.length === 0 || stream.clip) return;
        const { id } = pick(clips);
        stream.wish = async ({ queries }) => {
          await queries.pinClip(id, true);
          stream.clip = { id, untilAt: Infinity };
        };
        return;
      }
      default: return read(stream, server);
    }
  };

  // ── a day ──
  /** In every other week the process lives from its beginning to its end: what grows in it is seen. */
  const trouble = (deadly: boolean): WorldTrouble => {
    switch (int(deadly ? 0 : 3, 14)) {
      case 0: return { type: 'kill' };
      case 1: return { type: 'power' };
      case 2: return { type: 'sigterm' };
      case 3: case 4: return { type: 'cut' };
      case 5: return { type: 'silence', way: pick(['up', 'down', 'both']) };
      case 6: return { type: 'offline', ms: int(1_000, 2 * MINUTE) };
      case 7: return { type: 'pause', ms: int(100, 40_000) };
      case 8: return { type: 'full', ms: int(1_000, 2 * MINUTE) };
      case 9: case 10: return { type: 'slow', port: pick(['disk', 'database', 'store', 'transcriber']), factor: pick([10, 100]), ms: int(1_000, 5 * MINUTE) };
      default: {
        const port = pick(['disk', 'database', 'store', 'transcriber', 'judge', 'tool'] as const);
        return { type: 'outage', port, ms: port === 'disk' || port === 'database' ? int(1_000, 3 * MINUTE) : int(MINUTE, HOUR) };
      }
    }
  };
  const works = (day: number): boolean => day % WEEK < WORKING_DAYS && Math.floor(day / WEEK) * WORKING_DAYS + (day % WEEK) < days;
  const schedule = (day: number): void => {
    const startsAt = day * DAY;
    const during = (share: number, run: () => void): void => void scheduler.at(startsAt + share * EVENING, run);
    for (let hour = 0; hour < 24; hour++) scheduler.at(startsAt + hour * HOUR, () => { disk.journal(); around.forgetLinks(); });
    for (let minute = 0; minute < 24 * 60; minute++) scheduler.at(startsAt + minute * MINUTE, () => { for (const stream of streams) tried(stream.wish ? insist(stream, stream.wish) : follow(stream)); });
    if (!works(day)) return;
    for (let streamer = 0; streamer < 6; streamer++) {
      const minutes = int(4, 18) * 5;
      during(random() * (1 - (minutes * MINUTE + HOUR) / EVENING), () => begin(minutes));
    }
    for (let i = int(2, 8); i > 0; i--) during(random(), () => around.meet(trouble(Math.floor(day / WEEK) % 2 === 0)));
    for (let i = int(0, 6); i > 0; i--) during(random(), watch);
    for (let i = int(2, 8); i > 0; i--) during(random(), () => {
      const server = listening();
      if (server) tried(handle(server));
    });
  };

  // ── a night ──
  type Found = { rows: Set<string>; folders: Set<string>; objects: Map<string, string[]> };
  const gone = async (stream: Stream, { rows, folders, objects }: Found): Promise<void> => {
    const id = stream.sessionId!; // it was judged
    const left = [...(rows.has(id) ? ['its row'] : []), ...(folders.has(id) ? ['its folder'] : []), ...(objects.get(id) ?? []), ...((await repository.words(id)).length > 0 ? ['words'] : [])];
    if (left.length > 0) return violate('SIM17', `recording ${id} ${stream.state === 'deleted' ? 'was deleted' : 'has expired'}, ${left.join(', ')} are left`);
    streams.delete(stream);
    witness.forget(id);
    counts.gone++;
  };
  const onlyClip = async (stream: Stream, clip: string, { rows, folders, objects }: Found, server: Server): Promise<void> => {
    const id = stream.sessionId!; // it was judged
    const other = (objects.get(id) ?? []).filter((key) => !key.startsWith(`sessions/${id}/clips/${clip}/`));
    if (!rows.has(id) || folders.has(id) || other.length > 0) violate('SIM17', `of recording ${id} only clip ${clip} should be left: ${rows.has(id) ? 'a' : 'no'} row, ${folders.has(id) ? 'a' : 'no'} folder, ${other.join(', ')}`);
    const body = await server.queries.clipMedia(clip, { exact: false }, new AbortController().signal);
    const bytes = await body.read(0, body.bytes, new AbortController().signal).finally(() => body.close());
    if (bytes.length !== body.bytes) violate('SIM16', `clip ${clip} is read as ${bytes.length} of ${body.bytes} bytes`);
  };
  /** By chance one of hundreds of calls fails; not each time. */
  const readable = async (id: string, work: () => Promise<void>): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt === 5) return violate('SIM16', `recording ${id} or a clip of it cannot be read: ${String(error)}`);
      }
    }
  };
  const look = async (day: number, server: Server): Promise<void> => {
    const timers = server.life.timers();
    idleTimers ??= timers;
    if (timers > idleTimers + 2) violate('SIM17', `${timers} timers wait at night, ${idleTimers} did in the first`); // what runs just now has another
    const found: Found = { rows: new Set((await repository.sessions({ limit: 1_000 })).map(({ id }) => id)), folders: new Set(await disk.list('/data/sessions').catch(() => [])), objects: new Map() };
    for await (const { key } of store.list('sessions/')) {
      const id = key.split('/')[1] ?? '';
      found.objects.set(id, [...(found.objects.get(id) ?? []), key]);
    }
    const now = around.wallNow();
    for (const stream of streams) {
      const { sessionId, state, untilAt, clip } = stream;
      if (state === 'recording' || stream.wish || sessionId === null) violate('SIM12', `recording ${stream.key} has not come to its end at night: ${stream.wish ? 'somebody still asks for something' : state}, ${JSON.stringify(stream.recorder.outcome)}`);
      else if (state === 'stored' && untilAt > now + HOUR) await readable(sessionId, () => read(stream, server));
      else if (untilAt > now - LATE_MS) continue;
      else if (state === 'stored' && clip && clip.untilAt > now + HOUR) await readable(sessionId, () => onlyClip(stream, clip.id, found, server));
      else if (state === 'deleted' || !clip || clip.untilAt < now - LATE_MS) await gone(stream, found);
    }
    const known = new Set([...streams].map(({ sessionId }) => sessionId));
    for (const [what, ids] of [['row', found.rows], ['folder', found.folders], ['object', found.objects.keys()]] as const) for (const id of ids) if (!known.has(id) && witness.violation === null) violate('SIM17', `a ${what} of recording ${id} is left`);
    if (server.supervisor.live().length > 0 || server.gateway.connections() > 0) violate('SIM17', `${server.supervisor.live().length} recordings are live and ${server.gateway.connections()} connections open at night`);
    if (server.cutsLeft().length > 0) violate('SIM17', `files of cuts are left: ${server.cutsLeft().slice(0, 3).join(' ')}`);
    collectGarbage();
    // what is pinned goes with the rest
    if (works(day) && !works(day + 1)) for (const stream of stored()) stream.wish = async (at) => {
      if (stream.untilAt === Infinity) await unpin(stream)(at);
      if (stream.clip?.untilAt === Infinity) await unpinClip(stream, stream.clip.id)(at);
    };
    const night: Night = {
      day, begun: counts.begun, stored: stored().length, gone: counts.gone, objects: [...found.objects.values()].flat().length, files: disk.files(), timers, lives: around.lives,
      heapMb: Math.round(process.memoryUsage().heapUsed / 1e4) / 100,
    };
    nights.push(night);
    onNight?.(night);
    if (day % WEEK < WEEK - 1) return;
    if (streams.size > 0 || night.files > 0 || night.objects > 0) violate('SIM17', `${streams.size} recordings, ${night.files} files and ${night.objects} objects are left when all have expired`);
    emptyMb ??= night.heapMb;
    if (night.heapMb > emptyMb + GROWTH_MB) violate('SIM18', `an empty server's process holds ${night.heapMb} MB after ${counts.begun} recordings, ${emptyMb} after its first week`);
  };

  const begun = (): void => {
    void disk.makeDir('/data').then(() => disk.syncDir('/'));
    scheduler.settle();
    around.launch();
    scheduler.settle();
  };
  const live = (day: number): void => {
    const startsAt = day * DAY;
    schedule(day);
    const at: { state: 'day' | 'night' | 'looking' | 'over' } = { state: 'day' };
    scheduler.at(startsAt + NIGHT, () => { at.state = 'night'; });
    while (at.state !== 'over' && witness.violation === null) {
      if (!scheduler.step()) violate('SIM12', 'nothing more will happen');
      around.steps++;
      around.tend();
      const server = listening();
      if (at.state === 'night' && server) {
        at.state = 'looking';
        look(day, server).then(() => { at.state = 'over'; }, (error: unknown) => violate('SIM0', `the night failed: ${error instanceof Error ? error.stack : String(error)}`));
        scheduler.settle();
      }
      if (scheduler.now() > startsAt + DAY + HOUR) violate('SIM12', `the night of day ${day} does not end: the server is ${around.server?.state}`);
    }
  };
  const onUncaught = (error: unknown): void => violate('SIM13', `a promise was rejected and nobody caught it: ${messageOf(error)}`);
  process.on('unhandledRejection', onUncaught);
  await macrotask(begun);
  for (let day = 0; day < WEEK * Math.ceil(days / WORKING_DAYS) && witness.violation === null; day++) await macrotask(() => live(day));
  process.off('unhandledRejection', onUncaught);
  return { seed, days, violation: witness.violation, steps: around.steps, chunks: counts.chunks, clips: counts.clips, nights, trace: around.lines };
};
