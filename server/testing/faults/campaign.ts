// `npm run faults -- dependencies --rounds N --seed S`: recorders stream without a pause while the server's dependencies fail, one
// fault after the other and several at once. Every few faults all is given back and looked through. Stops at the first thing that
// does not hold, with the seed, the faults before it and the server's last words.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '../../../shared/testing/random.ts';
import { makeMp4, makeWebm } from '../test-media.ts';
import { type Audited, audit, call, eventually } from './audit.ts';
import { flipRound } from './bit-flips.ts';
import { beginOne } from './kinds.ts';
import { descendants, descriptors, isAlive, rssBytes } from '../processes.ts';
import { type Source, loadSource, startRecorders } from './streams.ts';
import { type World, type WorldName, openWorld } from './world.ts';

export type CampaignOptions = { rounds: number; seed: number; say: (line: string) => void; worlds?: WorldName[] };
export type CampaignReport = {
  faults: number;
  byKind: Record<string, number>;
  recordings: number;
  chunks: number;
  clips: number;
  deadLetters: number;
  restartsByHand: number;
  peakRssMb: number;
  descriptors: [first: number, last: number];
  /** worlds this machine cannot make */
  skipped: string[];
  seconds: number;
};

/** faults between two looks */
const STRETCH = 25;
/** of them, bits that are flipped while the server is down */
const FLIPS = 6;
/** longest a recording may take to be worked through after the last fault: the longest pause of a retry, and a failed verification's time limit */
const ENDS_MS = 180_000;
const MOST_AT_ONCE = 4;
const RSS_LIMIT_MB = 700;
const DESCRIPTORS_GROWTH = 40;
const RECORDERS = 2;
const SPEED = 12;

const makeSources = async (folder: string): Promise<Source[]> => {
  await makeMp4(join(folder, 'aac.mp4'), 20);
  await makeWebm(join(folder, 'vp8.webm'), 20);
  const demo = join(import.meta.dirname, '../../../scripts/demo.mp4');
  return [await loadSource('demo', demo), await loadSource('aac', join(folder, 'aac.mp4')), await loadSource('vp8', join(folder, 'vp8.webm'))];
};

/** Begins `count` faults, one after the other; all are over when it resolves. */
const storm = async (world: World, count: number, random: () => number, onFault: (name: string) => void): Promise<void> => {
  const lasting = new Map<number, { end: () => void; timer: NodeJS.Timeout }>();
  for (let at = 0; at < count; at++) {
    while (lasting.size >= MOST_AT_ONCE) await wait(20);
    const { name, end } = beginOne(world, random);
    onFault(name);
    const stop = (): void => {
      lasting.delete(at);
      end();
    };
    lasting.set(at, { end: stop, timer: setTimeout(stop, 100 + random() ** 2 * 2_500) });
    await wait(50 + random() * 350);
  }
  while (lasting.size > 0) await wait(20);
};

/** Rejects as soon as the server is gone or logs a defect, so that nobody waits for it. */
const unlessItDies = async <T>(world: World, work: Promise<T>): Promise<T> => {
  const { promise: died, reject } = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    const why = world.defects[0] ?? (isAlive(world.server.pid) ? null : `server ${world.server.pid} has exited`);
    if (why !== null) reject(new Error(why));
  }, 500);
  return Promise.race([work, died]).finally(() => clearInterval(timer));
};

/**
 * Nothing is left of what the faults ended. A worker thread that dies leaves what it had started to be waited for by nobody: those stay
 * as zombies, one per recording it heard, until the server ends (Node can only wait for children of threads that live).
 */
const checkProcesses = (world: World): Promise<void> =>
  eventually('no FFmpeg is left', 20_000, async () => {
    const all = descendants(world.server.pid);
    const zombies = all.filter(({ state, parent }) => state === 'Z' && parent === world.server.pid);
    const running = all.filter(({ name, state }) => /^(ffmpeg|ffmpeg-faulty|yes|sh|nice)$/.test(name) && state !== 'Z');
    const left = zombies.length > RECORDERS * world.workerDeaths() ? [...running, ...zombies] : running;
    if (left.length > 0) throw new Error(left.map(({ pid, name, state }) => `${pid} ${name} ${state}`).join(', '));
  });

/** Deletes recordings; nothing of them may be left in the store. */
const clear = async (world: World, sessionIds: string[]): Promise<void> => {
  for (const id of sessionIds) await eventually(`recording ${id} is deleted`, 20_000, () => call(world.server, `/api/sessions/${id}`, 'DELETE').catch((error: unknown) => { if (!String(error).includes('404')) throw error; }));
  const left = world.store ? sessionIds.flatMap((id) => world.store?.keys(`sessions/${id}/`) ?? []) : [];
  if (left.length > 0) throw new Error(`deleted, and still in the store: ${left.slice(0, 5).join(', ')}`);
};

export const runCampaign = async ({ rounds, seed, say, worlds = ['services', 'one disk'] }: CampaignOptions): Promise<CampaignReport> => {
  const startedAt = Date.now();
  const random = seededRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'clippy-faults-'));
  const report: CampaignReport = { faults: 0, byKind: {}, recordings: 0, chunks: 0, clips: 0, deadLetters: 0, restartsByHand: 0, peakRssMb: 0, descriptors: [0, 0], skipped: [], seconds: 0 };
  const sources = await makeSources(folder);
  const count = (name: string): void => {
    report.faults += 1;
    report.byKind[name] = (report.byKind[name] ?? 0) + 1;
  };

  const runWorld = async (name: WorldName, faults: number): Promise<void> => {
    const world = await openWorld(name, { folder: join(folder, name.replace(' ', '-')), random });
    if (!world) {
      say(`SKIPPED: world "${name}": mounting a small disk is not allowed here`);
      return void report.skipped.push(name);
    }
    const recent: string[] = [];
    const recorders = startRecorders({ url: world.server.url, token: world.server.token, sources, count: RECORDERS, speed: SPEED, random });
    const watch = setInterval(() => {
      if (isAlive(world.server.pid)) report.peakRssMb = Math.max(report.peakRssMb, Math.round(rssBytes(world.server.pid) / 2 ** 20));
    }, 250);
    let kept: Audited[] = [];
    try {
      for (let done = 0, stretch = 1; done < faults; stretch++) {
        const flips = Math.min(FLIPS, Math.floor((faults - done) / 4));
        const storming = Math.min(STRETCH, faults - done) - flips;
        const { pid } = world.server;
        const marks = [Date.now()];
        await storm(world, storming, random, (fault) => {
          count(fault);
          recent.push(fault);
          if (recent.length > 2 * STRETCH) recent.shift();
        });
        marks.push(Date.now());
        say(`${name}, stretch ${stretch}: ${recent.slice(-storming).join(' · ')}`);
        await unlessItDies(world, recorders.rest(ENDS_MS));
        marks.push(Date.now());
        const recorded = recorders.taken();
        const audited: Audited[] = [];
        for (const one of recorded) audited.push(await audit(world, one, { endsMs: ENDS_MS, decode: random() < 0.3 }));
        await checkProcesses(world);
        if (!isAlive(pid) || world.server.pid !== pid) throw new Error(`server ${pid} has exited`);
        marks.push(Date.now());
        const flipped = await flipRound(world, audited, flips, random);
        flipped.forEach(count);
        marks.push(Date.now());
        if (world.defects.length > 0) throw new Error(`the server logged a defect: ${world.defects[0]}`);
        report.recordings += audited.length;
        for (const { chunks, view, deadLetters, restarts } of audited) {
          report.chunks += chunks;
          report.clips += view.clips.length;
          report.deadLetters += deadLetters;
          report.restartsByHand += restarts;
        }
        const open = descriptors(world.server.pid);
        if (report.descriptors[0] === 0) report.descriptors[0] = open;
        report.descriptors[1] = open;
        if (open > report.descriptors[0] + DESCRIPTORS_GROWTH) throw new Error(`${open} descriptors are open, ${report.descriptors[0]} were at first`);
        if (report.peakRssMb > RSS_LIMIT_MB) throw new Error(`the server took ${report.peakRssMb} MB`);
        await clear(world, kept.map(({ sessionId }) => sessionId));
        kept = audited;
        done += storming + flipped.length;
        say(`${name}, stretch ${stretch}: ${report.faults} faults, ${report.recordings} recordings (${report.chunks} chunks, ${report.clips} clips) whole, ${report.deadLetters} dead letters retried, peak ${report.peakRssMb} MB, ${open} descriptors, ${Math.round((Date.now() - startedAt) / 1000)} s (${marks.slice(1).map((at, i) => `${['faults', 'rest', 'look', 'bits'][i]} ${((at - marks[i]!) / 1000).toFixed(0)}`).join(', ')})`);
        if (done < faults) recorders.go();
      }
    } catch (error) {
      say(`FAILED in world "${name}", seed ${seed}, after: ${recent.join(' · ')}`);
      say(world.server.log().filter((line) => !line.includes('"level":30')).slice(-40).join('\n'));
      throw error;
    } finally {
      clearInterval(watch);
      recorders.close();
      await world.close();
    }
  };

  try {
    for (const [at, name] of worlds.entries()) await runWorld(name, Math.floor((rounds * (at + 1)) / worlds.length) - Math.floor((rounds * at) / worlds.length));
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  report.seconds = Math.round((Date.now() - startedAt) / 1000);
  return report;
};

export const summaryLine = (report: CampaignReport, seed: number): string =>
  `dependencies: ${report.faults} faults of ${Object.keys(report.byKind).length} kinds (seed ${seed}): ${report.recordings} recordings, ${report.chunks} chunks acknowledged, 0 lost, 0 doubled, ${report.clips} clips, ${report.deadLetters} dead letters retried, ${report.restartsByHand} restarts by hand, 0 crashes, peak ${report.peakRssMb} MB RSS, descriptors ${report.descriptors.join(' → ')}${report.skipped.length > 0 ? `, SKIPPED: ${report.skipped.join(', ')}` : ''}, ${report.seconds} s`;
