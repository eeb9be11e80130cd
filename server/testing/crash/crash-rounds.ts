// Many rounds of: serve, be killed at a named point or at random, come back. Three clients record all the while; each recording
// is checked when it has ended, some again when everything is over. PostgreSQL is killed with the server in a share of the
// rounds. With `power` what was not synced is lost, too; PostgreSQL's own files are left out of that (it is killed at once, and
// its fsync is its own).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../scripts/server-process.ts';
import { seededRandom } from '../../../shared/testing/random.ts';
import { startEmbeddedPostgres } from '../../adapters/embedded-postgres.ts';
import { messageOf } from '../../errors.ts';
import { findFfmpeg } from '../../workers/ffmpeg.ts';
import { type Reference, createChecks } from './checks.ts';
import { bundleServer } from './bundle.ts';
import { CRASH_POINTS, CRASH_STORIES } from './crash-points.ts';
import { losePower } from './power-loss.ts';
import { type CrashingServer, createServerLine } from './server-line.ts';
import { type Expected, loadPieces, openTraffic } from './traffic.ts';

export type RoundsOptions = { rounds: number; seed: number; power: boolean; /** a line now and then */ say: (line: string) => void };
export type RoundsReport = {
  rounds: number; seed: number; seconds: number;
  /** each point and how often a server died there */
  points: Map<string, number>;
  /** aimed at in a full cycle, and never reached */
  unreached: string[];
  random: number; databaseKills: number; cuts: number; lostFiles: number; lostNames: number;
  recordings: Record<Expected['kind'], number>; clips: number; decoded: number; checkedAgain: number; startMs: number;
};

const TRIES = 5;
/** Where points are still to be reached after the rounds that were asked for, so many more are made: a busy computer misses some. */
const MORE_ROUNDS = 0.5;
/** An aimed point that is not reached in so long is left for later. */
const AIM_MS = 6_000;
/** … and on a busy computer in so many times what a start took */
const AIM_STARTS = 6;
const LONGEST_RANDOM_MS = 900;
/** The retention sweep comes every minute: it takes the folders that a power cut brought back. */
const SWEPT_MS = 100_000;
const KEPT_RECORDINGS = 10;
/** The share of rounds in which PostgreSQL goes too: it takes a second to come back. */
const DATABASE_SHARE = 0.06;
const CUT_SHARE = 0.6;

/** All stories first, shuffled, each from its beginning until its points were reached one after the other; then points by chance. */
const createAim = (random: () => number, rounds: number) => {
  const queue = CRASH_STORIES.map((story) => ({ story, order: random() })).toSorted((a, b) => a.order - b.order).map(({ story }) => ({ story, at: 0, tries: 0 }));
  const points = new Map<string, number>();
  return {
    points,
    next: (): { name: string; hit: number; first: boolean } | null => {
      const due = queue[0];
      if (due) return { name: due.story[due.at] ?? '', hit: due.tries > 0 || random() < 0.5 ? 1 : 2, first: true };
      if (random() < 0.4) return null;
      return { name: CRASH_POINTS[Math.floor(random() * CRASH_POINTS.length)] ?? '', hit: 1 + Math.floor(random() * 8), first: false };
    },
    reached: (aim: { name: string; first: boolean }): void => {
      points.set(aim.name, (points.get(aim.name) ?? 0) + 1);
      const [due] = queue;
      if (aim.first && due && ++due.at === due.story.length) queue.shift();
    },
    missed: (): void => {
      const due = queue.shift();
      if (due && ++due.tries < TRIES) queue.splice(Math.min(queue.length, 12), 0, { ...due, at: 0 });
    },
    due: (): boolean => queue.length > 0,
    /** With fewer rounds than points most stay unreached by nature. */
    unreached: (): string[] => (rounds < CRASH_POINTS.length ? [] : CRASH_POINTS.filter((name) => !points.has(name))),
  };
};

/** below those the system gives to clients: one that calls a dead server from its own port would reach itself */
const portFor = (seed: number, power: boolean): number => 20_000 + (createHash('sha256').update(`${seed}-${process.pid}`).digest().readUInt16BE(0) % 5_000) * 2 + Number(power);

export const crashRounds = async ({ rounds, seed, power, say }: RoundsOptions): Promise<RoundsReport> => {
  const random = seededRandom(seed);
  const beganAt = performance.now();
  const folder = await temporaryFolder(power ? 'power' : 'crash');
  const dataDir = join(folder.path, 'data');
  const journal = power ? join(folder.path, 'unsynced') : null;
  await mkdir(dataDir);
  const program = join(folder.path, 'server.mjs');
  await bundleServer(program);
  const database = await startEmbeddedPostgres({ dir: join(folder.path, 'database'), log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } });
  const token = randomBytes(18).toString('base64url');
  const port = portFor(seed, power);
  const url = `http://127.0.0.1:${port}`;
  const troubles: string[] = [];
  const line = createServerLine({
    program,
    env: {
      CLIPPY_PORT: String(port), CLIPPY_DATA_DIR: dataDir, CLIPPY_ADMIN_TOKEN: token, DATABASE_URL: `postgres://clippy@/clippy?host=${database.connection.host}`, CLIPPY_LOG_LEVEL: 'warn',
      CLIPPY_SEGMENT_MB: '0.1', CLIPPY_HOT_MINUTES: '0', CLIPPY_WORKERS: '1', CLIPPY_SCENES: 'off', CLIPPY_DISK_RESERVE_MB: '10', CLIPPY_DISK_SOFT_MB: '20',
      ...(process.env['CLIPPY_TRANSPORT'] ? { CLIPPY_TRANSPORT: process.env['CLIPPY_TRANSPORT'] } : {}), FFMPEG_PATH: (await findFfmpeg()).path,
    },
    // A client whose bytes are refused, and a defect, are failures even where the recording comes out right.
    onLine: (text) => { if (/"event":"security"|a defect, please report/.test(text)) troubles.push(text); },
  });
  const media = await loadPieces();
  const failed = new AbortController();
  const checks = createChecks({ url, token, signal: failed.signal });
  const aim = createAim(random, rounds);
  const report = { random: 0, databaseKills: 0, cuts: 0, lostFiles: 0, lostNames: 0, recordings: { moments: 0, words: 0, noise: 0 }, clips: 0, checkedAgain: 0, startMs: 0 };
  let round = 0;
  let over = false;
  let reference: Reference = [];
  const kept: Expected[] = [];

  const one = async (traffic: ReturnType<typeof openTraffic>, kind: Expected['kind'], chance: () => number): Promise<void> => {
    const expected = await traffic.record(kind);
    const { clips } = await checks.recording(expected, reference, report.recordings[kind] % 10 === 0);
    report.recordings[kind] += 1;
    report.clips += clips.length;
    if (clips[0]) await checks.pin(clips[0]);
    if (chance() < 0.3) {
      kept.push(expected);
      const old = kept.length > KEPT_RECORDINGS ? kept.shift() : undefined;
      if (old) await checks.deleteSession(old.sessionId);
      return;
    }
    if (clips[0] && chance() < 0.7) await checks.deleteClip(clips[0]);
    await checks.deleteSession(expected.sessionId);
  };
  const client = async (kinds: Expected['kind'][], own: number): Promise<void> => {
    const chance = seededRandom(seed + own);
    const traffic = openTraffic({ url, token, media, random: chance });
    try {
      for (let n = 0; !over; n += 1) await one(traffic, kinds[n % kinds.length] ?? 'words', chance);
    } finally {
      traffic.close();
    }
  };
  const killDatabase = async (): Promise<void> => {
    const pid = database.pid();
    if (pid === 0) return;
    process.kill(pid, 'SIGKILL');
    report.databaseKills += 1;
    while (database.pid() === pid) await new Promise((done) => setTimeout(done, 5)); // until its end was noticed
  };

  const most = rounds < CRASH_POINTS.length ? rounds : Math.ceil(rounds * (1 + MORE_ROUNDS));
  const killer = async (stop: AbortSignal): Promise<void> => {
    for (; (round < rounds || (round < most && aim.due())) && !stop.aborted; round += 1) {
      const target = aim.next();
      const server: CrashingServer = await line.start({ point: target, journal });
      report.startMs += server.startedInMs;
      const late = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => late.resolve('late'), target ? Math.max(AIM_MS, AIM_STARTS * server.startedInMs) : random() * LONGEST_RANDOM_MS);
      const outcome = await Promise.race([server.died.then(() => 'died' as const), late.promise]);
      clearTimeout(timer);
      if (outcome === 'died' && target) aim.reached(target);
      else {
        report.random += 1;
        if (target?.first) aim.missed();
      }
      const cut = journal !== null && random() < CUT_SHARE;
      if (cut || random() < DATABASE_SHARE) await Promise.all([server.kill(), killDatabase()]);
      else await server.kill();
      if (cut) {
        const lost = losePower({ journal, random });
        report.cuts += 1;
        report.lostFiles += lost.files;
        report.lostNames += lost.names;
      }
      if (process.env['CLIPPY_TEST_VERBOSE']) say(`${round} ${target ? `${target.name} × ${target.hit}` : 'random'}: ${outcome}, ready in ${server.startedInMs.toFixed(0)} ms, ${((performance.now() - beganAt) / 1_000).toFixed(1)} s`);
      assert.deepEqual(troubles, [], 'the log tells of a defect');
      if (round % 20 === 19) say(`round ${round + 1} of ${rounds}: ${[...aim.points.values()].reduce((sum, times) => sum + times, 0)} named, ${report.random} at random, ${report.recordings.moments + report.recordings.words + report.recordings.noise} recordings whole, ${((performance.now() - beganAt) / 1_000).toFixed(0)} s`);
    }
    over = true;
    if (!stop.aborted) await line.start({ point: null, journal });
  };

  try {
    const undisturbed = await line.start({ point: null, journal });
    const traffic = openTraffic({ url, token, media, random });
    ({ reference } = await checks.recording(await traffic.record('moments'), null));
    traffic.close();
    await undisturbed.kill();
    const all = [killer(failed.signal), client(['moments'], 1), client(['words', 'moments'], 2), client(['words', 'noise'], 3)];
    await Promise.all(all).catch(async (error: unknown) => {
      over = true;
      failed.abort();
      throw error;
    });
    for (const expected of kept) {
      await checks.recording({ ...expected }, reference, true);
      report.checkedAgain += 1;
    }
    const until = performance.now() + SWEPT_MS;
    for (let clean = false; !clean;) {
      clean = await checks.orphans({ database: database.connection.host, dataDir }).then(() => true, (error: unknown) => {
        if (performance.now() > until) throw error;
        return new Promise<false>((done) => setTimeout(() => done(false), 500));
      });
    }
  } catch (error) {
    throw new Error(`${power ? 'power' : 'crash'} rounds, seed ${seed}, round ${round}: ${messageOf(error)}\nlast logged:\n${line.log().slice(-30).join('\n')}\ndata: ${folder.path}`, { cause: error });
  } finally {
    await line.close();
    await database.stop();
  }
  await folder.remove();
  return { ...report, rounds: round, seed, seconds: (performance.now() - beganAt) / 1_000, points: aim.points, unreached: aim.unreached(), decoded: checks.decoded, startMs: report.startMs / Math.max(1, round) };
};

export const summaryOf = (report: RoundsReport): string => {
  const { recordings, points } = report;
  const named = [...points.values()].reduce((sum, times) => sum + times, 0);
  return [
    `${report.rounds} rounds in ${report.seconds.toFixed(0)} s (${(report.seconds / report.rounds).toFixed(2)} s a round, ${report.startMs.toFixed(0)} ms to start), seed ${report.seed}: killed at ${named} named moments (${points.size} of ${CRASH_POINTS.length} points) and ${report.random} random ones, PostgreSQL with it ${report.databaseKills} times${report.cuts > 0 ? `, power cut ${report.cuts} times (${report.lostFiles} files and ${report.lostNames} names lost something)` : ''};`,
    `${recordings.moments + recordings.words + recordings.noise} recordings whole (${recordings.moments} with moments, ${recordings.words} with words and gaps, ${recordings.noise} unreadable), ${report.clips} clips, ${report.checkedAgain} checked again at the end, ${report.decoded} decoded`,
  ].join('\n');
};
