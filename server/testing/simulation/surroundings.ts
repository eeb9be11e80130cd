// What a simulated server lives in and what outlives it: time, disk, database, object store and network, and what goes wrong with them.
import { MediaError, ProviderError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ObjectStore, Repository } from '../../ports.ts';
import type { SocketFactory } from '../../../shared/socket.ts';
import { diskError } from '../../sessions/faulty-file-system.ts';
import { type SimulatedDisk, simulatedDisk } from '../../sessions/simulated-disk.ts';
import { createMemoryObjectStore } from '../object-store.memory.ts';
import { createMemoryRepository } from '../repository.memory.ts';
import { type Call, type Fault, type Life, createLife } from './life.ts';
import { type Link, connectLink } from './link.ts';
import type { Draw, Plan, PortName, Trouble } from './plan.ts';
import { type Server, startServer } from './process.ts';
import { type Scheduler, createScheduler } from './scheduler.ts';
import { type Witness, clientFrameOf, createWitness } from './witness.ts';

/** What happens to a world, not to one of its clients. */
export type WorldTrouble = Exclude<Trouble, { type: 'client restart' | 'takeover' }>;

export type Surroundings = {
  scheduler: Scheduler;
  disk: SimulatedDisk;
  repository: Repository;
  store: ObjectStore;
  witness: Witness;
  links: ReadonlySet<Link>;
  /** the server's latest life; null before the first */
  readonly server: Server | null;
  /** lives of the server so far */
  readonly lives: number;
  /** events of the world so far; the caller counts */
  steps: number;
  /** of all that was traced */
  readonly hash: number;
  lines: string[];
  wallNow(): number;
  trace(what: string, detail: string | number): void;
  lifeOf(name: string): Life;
  /** Starts the server. */
  launch(): void;
  /** Starts it again after so long, unless it lives by then. */
  relaunchSoon(ms: number): void;
  /** After each step: a server that has ended or failed is started again (not the `last`), one whose stop took too long was killed. */
  tend(last?: boolean): void;
  meet(trouble: WorldTrouble): void;
  /** From now on nothing fails by itself. */
  heal(): void;
  readonly healed: boolean;
  /** connections of a client; `take` tells clients of one recording apart */
  socketOf(life: Life, take: number): SocketFactory;
  /** A link that both ends have forgotten is forgotten here. */
  forgetLinks(): void;
};

export type SurroundingsOptions = { plan: Pick<Plan, 'server' | 'faults' | 'halfWrites' | 'failedSyncs' | 'netMs'> & { recorder: Pick<Plan['recorder'], 'mode' | 'doubles'> }; draw: Draw; traced: boolean };

const BEGIN = 1_795_000_000_000;

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

export const createSurroundings = ({ plan, draw, traced }: SurroundingsOptions): Surroundings => {
  const { random, chance } = draw;
  const scheduler = createScheduler();
  const lines: string[] = [];
  let hash = 0;
  const trace = (what: string, detail: string | number): void => {
    hash = (Math.imul(hash ^ what.length ^ what.charCodeAt(0), 16_777_619) + (typeof detail === 'number' ? detail : detail.length) + Math.round(scheduler.now() * 64)) >>> 0;
    if (traced) lines.push(`${String(here.steps).padStart(5)} ${scheduler.now().toFixed(2).padStart(11)} ${what} ${detail}`);
  };

  // ── what outlives every process ──
  const disk = simulatedDisk(random);
  let ids = 0;
  const repository = createMemoryRepository({ newId: () => `01JD6Q2V0000000000000000S${++ids}` });
  const files = { read: (_path: string): Promise<Uint8Array> => Promise.reject(new Error('no server')) };
  const store = createMemoryObjectStore({ readLocal: (path) => files.read(path) });
  const witness = createWitness({ repository, store, trace });
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
  let server: Server | null = null;
  let lives = 0;
  const links = new Set<Link>();
  const launch = (): void => {
    lives++;
    trace('server starts', lives);
    server = startServer({
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
    scheduler.after(ms, () => { if (server === null || server.life.dead) launch(); });
  };
  const endLife = (power: boolean): void => {
    const dying = server;
    if (!dying || dying.life.dead) return;
    trace(power ? 'power cut' : 'kill', lives);
    dying.life.kill();
    if (power) disk.restore();
    for (const link of links) link.serverGone(!power);
    relaunchSoon(50 + random() * (chance(0.2) ? 40_000 : 2_000));
  };

  const tend = (last = false): void => {
    if (server === null) return;
    const { state, life } = server;
    if (!last && !life.dead && (state === 'failed' || state === 'ended')) {
      if (state === 'ended' && life.timers() > 0) witness.violate('SIM12', `a clean stop leaves ${life.timers()} timers`);
      for (const link of links) link.serverGone(true);
      life.kill();
      relaunchSoon(200 + random() * 3_000);
    } else if (life.dead && state === 'stopping') {
      server.state = 'failed'; // it took too long and was ended
      for (const link of links) link.serverGone(true);
      relaunchSoon(200);
    }
  };

  // ── the network ──
  let linkIds = 0;
  const socketOf = (life: Life, take: number): SocketFactory => (_url, events) => {
    const id = ++linkIds;
    witness.connected(id, take);
    const link = connectLink({
      id, scheduler, random, trace, client: { life, events },
      latencyMs: () => plan.netMs * (0.2 + random() ** 4 * 5),
      server: () => (server?.state === 'listening' && scheduler.now() >= netUpAt
        ? {
            life: server.life, message: (wire, bytes) => server?.gateway.message(wire, bytes, true), drain: (wire) => server?.gateway.drain(wire),
            open: (wire) => {
              if (server?.state !== 'listening') return wire.close(1001, 'the server is closing');
              server.wires.add(wire);
              server.gateway.open(wire);
            },
            close: (wire) => { server?.wires.delete(wire); server?.gateway.close(wire); },
          }
        : null),
      doubles: (bytes) => !healed && plan.recorder.doubles > 0 && chance(plan.recorder.doubles) && clientFrameOf(bytes).t === 'chunk',
      onClientSends: (at, bytes) => witness.clientSends(at.id, bytes),
      onServerSends: (at, bytes) => witness.serverSends(at.id, bytes),
      onClientHears: (at, bytes) => witness.clientHears(at.id, bytes),
    });
    links.add(link);
    return link.socket;
  };

  // ── what goes wrong ──
  const meet = (trouble: WorldTrouble): void => {
    trace(trouble.type, JSON.stringify(trouble));
    const now = scheduler.now();
    switch (trouble.type) {
      case 'kill': return endLife(false);
      case 'power': return endLife(true);
      case 'sigterm': {
        const told = server;
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
      case 'pause': server?.life.pause(trouble.ms); return;
      case 'outage': outages.set(trouble.port, now + trouble.ms); return;
      case 'slow': slow.set(trouble.port, { until: now + trouble.ms, factor: trouble.factor }); return;
      case 'full': fullUntil = now + trouble.ms; return;
      default: trouble satisfies never;
    }
  };

  const here: Surroundings = {
    scheduler, disk, repository, store, witness, links, lines, trace, lifeOf, launch, relaunchSoon, tend, meet, socketOf,
    get server() {
      return server;
    },
    get lives() {
      return lives;
    },
    get hash() {
      return hash;
    },
    get healed() {
      return healed;
    },
    steps: 0,
    wallNow: () => BEGIN + Math.round(scheduler.now()) + wallOffset,
    heal: () => { healed = true; },
    forgetLinks: () => { for (const link of links) if (!link.open) links.delete(link); },
  };
  return here;
};
