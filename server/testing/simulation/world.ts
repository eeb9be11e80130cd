// One world: a server that dies and comes back, clients, a network, a disk, a database and a store, run from its seed to its end.
import { seededRandom } from '../../../shared/testing/random.ts';
import { MediaError, ProviderError, messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { diskError } from '../../sessions/faulty-file-system.ts';
import { simulatedDisk } from '../../sessions/simulated-disk.ts';
import { createMemoryObjectStore } from '../object-store.memory.ts';
import { createMemoryRepository } from '../repository.memory.ts';
import { judgeEnd } from './end.ts';
import { type Call, type Fault, type Life, createLife } from './life.ts';
import { type Link, connectLink } from './link.ts';
import { type Plan, type PortName, type Trouble, drawFrom, drawPlan } from './plan.ts';
import { type Server, startServer } from './process.ts';
import { type Kept, type Recorder, film, newShelf, startRecorder } from './recorder.ts';
import { createScheduler } from './scheduler.ts';
import { type Violation, clientFrameOf, createWitness } from './witness.ts';

export type Outcome = {
  seed: number;
  violation: Violation | null;
  steps: number;
  hash: number;
  /** how the last client ended */
  ended: string;
  clips: number;
  lives: number;
  /** empty unless asked for */
  trace: string[];
};

const BEGIN = 1_795_000_000_000;
const KEY = '01JD6Q2V0000000000000000AA';
/** No world needs so much to come to its end. */
const MAX_STEPS = 60_000;
const MAX_HEALED_MS = 3 * 3_600_000;

const BASE_MS: Record<PortName, [number, number]> = { disk: [0.05, 2], database: [0.3, 6], store: [2, 50], transcriber: [50, 2_000], judge: [100, 3_000], audio: [0.5, 10], tool: [5, 80], ring: [0.1, 4] };

const errorOf = (port: PortName, kind: number, full: boolean): unknown => {
  switch (port) {
    case 'disk': case 'ring': return diskError(full ? 'ENOSPC' : 'EIO', 'simulated', '');
    case 'database': return Object.assign(new Error('connection lost'), { code: 'ECONNRESET' });
    case 'store': return Object.assign(new Error('store away'), { code: kind < 0.5 ? 'ECONNREFUSED' : 'ETIMEDOUT' });
    case 'transcriber': case 'judge': return new ProviderError('simulated', kind < 0.4 ? 'server' : kind < 0.7 ? 'timeout' : kind < 0.9 ? 'rate' : 'network', 'simulated', kind > 0.8 ? { retryAfterMs: 3_000 } : {});
    case 'audio': return new Error('a media worker ended');
    case 'tool': return kind < 0.5 ? new MediaError('tool', 'ffmpeg ended') : Object.assign(new Error('no space'), { code: 'ENOSPC' });
    default: return port satisfies never;
  }
};

/** Runs the world of `seed`. Only from a macrotask (see scheduler.ts). */
export const runWorld = (seed: number, { traced = false, plan = drawPlan(seed) }: { traced?: boolean; plan?: Plan } = {}): Outcome => {
  const draw = drawFrom(seededRandom(seed * 2));
  const { random, chance } = draw;
  const scheduler = createScheduler();
  const lines: string[] = [];
  let hash = 0;
  let steps = 0;
  const trace = (what: string, detail: string | number): void => {
    hash = (Math.imul(hash ^ what.length ^ what.charCodeAt(0), 16_777_619) + (typeof detail === 'number' ? detail : detail.length) + Math.round(scheduler.now() * 64)) >>> 0;
    if (traced) lines.push(`${String(steps).padStart(5)} ${scheduler.now().toFixed(2).padStart(11)} ${what} ${detail}`);
  };

  // ── what outlives every process ──
  const disk = simulatedDisk(random);
  let ids = 0;
  const repository = createMemoryRepository({ newId: () => `01JD6Q2V0000000000000000S${++ids}` });
  const files = { read: (_path: string): Promise<Uint8Array> => Promise.reject(new Error('no server')) };
  const store = createMemoryObjectStore({ readLocal: (path) => files.read(path) });
  const witness = createWitness({ plan, repository, store, trace });
  let wallOffset = 0;
  let healed = false;
  let netUpAt = 0;
  const outages = new Map<PortName, number>();
  const slow = new Map<PortName, { until: number; factor: number }>();
  let fullUntil = 0;

  const latencyMs = ({ port }: Call): number => {
    const [low, high] = BASE_MS[port as PortName];
    const slowed = slow.get(port as PortName);
    const factor = slowed && slowed.until > scheduler.now() ? slowed.factor : 1;
    return (low + (high - low) * random() ** 3) * Math.min(factor, 20_000 / high);
  };
  const fault = ({ port, method }: Call): Fault | null => {
    const name = port as PortName;
    const away = (outages.get(name) ?? 0) > scheduler.now();
    const full = name === 'disk' && fullUntil > scheduler.now() && (method === 'writev' || method === 'open');
    if (name === 'ring' && (method !== 'put' || plan.recorder.mode === 'file')) return null; // storage that cannot be read ends a recording, and says so
    const share = plan.faults[name];
    if (healed || (!away && !full && (share === 0 || random() >= share))) return null;
    return { when: full || random() < 0.6 ? 'before' : 'after', error: errorOf(name, random(), full) };
  };
  const lifeOf = (name: string): Life => createLife({ name, scheduler, random, wallNow: () => BEGIN + Math.round(scheduler.now()) + wallOffset, latencyMs, fault, trace });
  disk.failSync = () => !healed && plan.failedSyncs > 0 && chance(plan.failedSyncs);

  const write = (level: string) => (fields: object, message: string): void => {
    if (traced) lines.push(`      ${level} ${message} ${JSON.stringify(fields)}`);
    const error = 'error' in fields ? String(fields.error) : '';
    if (/Cannot read|is not a function|undefined|already holds|not iterable/.test(error)) witness.violate('SIM13', `the log says: ${message}: ${error}`);
  };
  const log: Log = { error: write('error'), warn: write('warn'), info: traced ? write('info') : () => {}, debug: () => {}, child: () => log };

  // ── the server ──
  const here: { server: Server | null; phase: 'recording' | 'draining' | 'judging' | 'judged' | 'stopping' | 'over' } = { server: null, phase: 'recording' };
  let lives = 0;
  const links = new Set<Link>();
  const launch = (): void => {
    lives++;
    trace('server starts', lives);
    here.server = startServer({
      plan: plan.server, life: lifeOf(`server ${lives}`), random, disk, halfWrites: () => chance(plan.halfWrites), log, repository,
      freeBytes: () => (fullUntil > scheduler.now() && !healed ? 1e6 : 9e8),
      objectStore: (readLocal) => {
        files.read = readLocal;
        return store;
      },
      seen: witness.effect, published: witness.published, opened: witness.opened,
    });
  };
  const relaunchSoon = (ms: number): void => {
    scheduler.after(ms, () => { if (here.server === null || here.server.life.dead) launch(); });
  };
  const endLife = (power: boolean): void => {
    const dying = here.server;
    if (!dying || dying.life.dead) return;
    trace(power ? 'power cut' : 'kill', lives);
    dying.life.kill();
    if (power) disk.restore();
    for (const link of links) link.serverGone(!power);
    relaunchSoon(50 + random() * (chance(0.2) ? 40_000 : 2_000));
  };

  // ── clients ──
  const captures = film(plan, draw);
  const kept: Kept[] = [];
  const shelf = plan.recorder.lasting ? newShelf() : null;
  const recorders: Recorder[] = [];
  let linkIds = 0;
  const record = (from: number): void => {
    const life = lifeOf(`client ${recorders.length}`);
    const take = recorders.length;
    trace('client starts', take);
    recorders.push(startRecorder({
      plan, life, random, key: KEY, take, captures, from, shelf, resume: take > 0, kept: plan.recorder.mode === 'file' ? [] : kept,
      socket: (_url, events) => {
        const id = ++linkIds;
        witness.connected(id, take);
        const link = connectLink({
          id, scheduler, random, trace, client: { life, events },
          latencyMs: () => plan.netMs * (0.2 + random() ** 4 * 5),
          server: () => (here.server?.state === 'listening' && scheduler.now() >= netUpAt
            ? {
                life: here.server.life, message: (wire, bytes) => here.server?.gateway.message(wire, bytes, true), drain: (wire) => here.server?.gateway.drain(wire),
                open: (wire) => {
                  if (here.server?.state !== 'listening') return wire.close(1001, 'the server is closing');
                  here.server.wires.add(wire);
                  here.server.gateway.open(wire);
                },
                close: (wire) => { here.server?.wires.delete(wire); here.server?.gateway.close(wire); },
              }
            : null),
          doubles: (bytes) => !healed && plan.recorder.doubles > 0 && chance(plan.recorder.doubles) && clientFrameOf(bytes).t === 'chunk',
          onClientSends: (at, bytes) => witness.clientSends(at.id, bytes),
          onServerSends: (at, bytes) => witness.serverSends(at.id, bytes),
          onClientHears: (at, bytes) => witness.clientHears(at.id, bytes),
        });
        links.add(link);
        return link.socket;
      },
    }));
  };
  const loseClient = (power: boolean): void => {
    const last = recorders.at(-1);
    if (!last) return;
    trace('client dies', last.take);
    last.life.kill();
    // What its ring could not keep dies with it, the numbers it had are given again.
    for (const entry of kept) if (entry.volatile && entry.state === 'taken') entry.state = 'waiting';
    witness.clientDied();
    for (const link of links) link.clientGone(!power);
  };

  // ── what goes wrong ──
  const meet = (trouble: Trouble): void => {
    trace(trouble.type, JSON.stringify(trouble));
    const now = scheduler.now();
    const last = recorders.at(-1);
    switch (trouble.type) {
      case 'kill': return endLife(false);
      case 'power': return endLife(true);
      case 'sigterm': {
        const told = here.server;
        return told?.life.wake(() => told.stop());
      }
      case 'cut': for (const link of links) if (link.open) link.cut(); return;
      case 'silence': for (const link of links) if (link.open) link.silence(trouble.way); return;
      case 'delay': for (const link of links) link.delay(trouble.ms); return;
      case 'offline':
        netUpAt = now + trouble.ms;
        for (const link of links) if (link.open) link.silence('both');
        return;
      case 'jump': wallOffset += trouble.ms; return;
      case 'pause': here.server?.life.pause(trouble.ms); return;
      case 'outage': outages.set(trouble.port, now + trouble.ms); return;
      case 'slow': slow.set(trouble.port, { until: now + trouble.ms, factor: trouble.factor }); return;
      case 'full': fullUntil = now + trouble.ms; return;
      case 'client restart':
        if (last?.outcome !== 'running' || last.life.dead || last.at() >= captures.length) return;
        loseClient(trouble.power);
        scheduler.after(trouble.afterMs, () => record(plan.recorder.mode === 'file' ? 0 : last.at()));
        return;
      case 'takeover':
        if (last?.outcome === 'running' && !last.life.dead) record(0);
        return;
      default: trouble satisfies never;
    }
  };

  // main.ts has made the data folder long ago
  void disk.makeDir('/data').then(() => disk.syncDir('/'));
  scheduler.settle();
  launch();
  scheduler.after(random() * 200, () => record(0));
  scheduler.settle();
  let trouble = 0;
  let healedAt = Infinity;
  const lastClient = (): Recorder | undefined => recorders.at(-1);
  const allTold = (): boolean => trouble === plan.troubles.length;
  const settledDown = (): boolean => {
    const last = lastClient();
    return last !== undefined && !last.life.dead && recorders.every(({ outcome, life }) => outcome !== 'running' || life.dead);
  };
  const heal = (): void => {
    healed = true;
    healedAt = scheduler.now();
    trace('healed', 0);
    if (lastClient()?.life.dead) return; // its restart is under way
  };

  let busy = 0;
  const restarted = new Set<Server>();
  const look = async (): Promise<void> => {
    const sessions = await repository.sessions({ limit: 10 });
    const failed = sessions.find(({ status }) => status === 'failed');
    if (failed && here.phase === 'draining' && here.server?.state === 'listening' && !restarted.has(here.server)) {
      restarted.add(here.server); // analysis gave up while the disk was away: somebody starts it again (S1)
      await here.server.queries.restartSession(failed.id).catch(() => {});
    }
    const done = !failed && sessions.every(({ status }) => status === 'closed') && (here.server?.supervisor?.live().length ?? 1) === 0;
    if (done && here.phase === 'draining') here.phase = 'judging';
  };
  const pending = (): string => `phase ${here.phase}, client ${JSON.stringify(lastClient()?.outcome)} ${JSON.stringify(lastClient()?.recording.status)}, server ${here.server?.state} calls ${here.server?.life.calls().join(',')}`;

  while (here.phase !== 'over' && witness.violation === null) {
    if (!scheduler.step()) {
      witness.violate('SIM12', `nothing more will happen: ${pending()}`);
      break;
    }
    steps++;
    if (steps > MAX_STEPS || scheduler.now() - healedAt > MAX_HEALED_MS) witness.violate('SIM12', `no end after ${steps} steps, ${Math.round(scheduler.now() - healedAt)} ms after the last fault: ${pending()}`);
    for (let next = plan.troubles[trouble]; next !== undefined && (next.atStep <= steps || here.phase !== 'recording'); next = plan.troubles[trouble]) {
      trouble++;
      if (here.phase === 'recording') {
        meet(next.trouble);
        scheduler.settle();
      }
    }
    if (here.server !== null && !here.server.life.dead && (here.server.state === 'failed' || here.server.state === 'ended') && here.phase !== 'stopping') {
      if (here.server.state === 'ended' && here.server.life.timers() > 0) witness.violate('SIM12', `a clean stop leaves ${here.server.life.timers()} timers`);
      for (const link of links) link.serverGone(true);
      here.server.life.kill();
      relaunchSoon(200 + random() * 3_000);
    } else if (here.server?.life.dead && here.server.state === 'stopping') {
      here.server.state = 'failed'; // it took too long and was ended
      for (const link of links) link.serverGone(true);
      relaunchSoon(200);
    }
    const last = lastClient();
    if (!healed && last !== undefined && (allTold() || settledDown()) && (last.outcome !== 'running' || last.at() >= captures.length) && steps > 30) heal();
    if (here.phase === 'recording' && healed && settledDown()) {
      here.phase = 'draining';
      for (const recorder of recorders) recorder.close();
    }
    if (here.phase === 'draining' && ++busy % 16 === 0 && here.server?.state === 'listening') void look();
    if (here.phase === 'judging' && busy >= 0 && here.server?.state === 'listening') {
      busy = -1e9;
      const at = here.server;
      judgeEnd({ plan, witness, repository, store, server: at, captures, kept, recorders }).then(
        () => { here.phase = 'judged'; },
        (error: unknown) => witness.violate('SIM0', `the end could not be judged: ${error instanceof Error ? error.stack : messageOf(error)}`),
      );
      scheduler.settle();
    }
    // A stop in the middle of a slow call may take too long and be cut short; the last one shall end by itself.
    if (here.phase === 'judged' && here.server?.state === 'listening' && here.server.life.calls().length === 0) {
      here.phase = 'stopping';
      here.server.stop();
      scheduler.settle();
    }
    if (here.phase === 'stopping' && here.server !== null && here.server.state !== 'stopping' && here.server.state !== 'listening') {
      if (here.server.state !== 'ended') witness.violate('SIM12', `the last stop did not end cleanly: ${here.server.state}`);
      else if (here.server.life.timers() > 0 || here.server.life.calls().length > 0) witness.violate('SIM12', `a clean stop leaves ${here.server.life.timers()} timers and the calls ${here.server.life.calls().join(',')}`);
      here.phase = 'over';
    }
  }
  const last = lastClient();
  return {
    seed, violation: witness.violation, steps, hash, lives, trace: lines,
    ended: last === undefined ? 'none' : typeof last.outcome === 'string' ? last.outcome : last.outcome.failed,
    clips: [...witness.facts.values()].reduce((sum, { clips }) => sum + clips.size, 0),
  };
};

/** The same from anywhere. A promise that nobody caught counts against the world it happened in. */
export const runWorldLater = async (seed: number, options: { traced?: boolean; plan?: Plan } = {}): Promise<Outcome> => {
  let uncaught: unknown = null;
  const onUncaught = (error: unknown): void => { uncaught ??= error; };
  process.on('unhandledRejection', onUncaught);
  Error.stackTraceLimit = options.traced ? 20 : 0;
  const outcome = await new Promise<Outcome>((resolve) => { setImmediate(() => resolve(runWorld(seed, options))); });
  await new Promise((resolve) => { setImmediate(resolve); });
  process.off('unhandledRejection', onUncaught);
  return uncaught === null ? outcome : { ...outcome, violation: outcome.violation ?? { rule: 'SIM13', message: `a promise was rejected and nobody caught it: ${messageOf(uncaught)}` } };
};
