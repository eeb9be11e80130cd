// The faults of a campaign. Each begins, lasts as long as the campaign says, and is taken back; several may last at once, and a
// later one of the same dependency replaces the one before.
import type { Failure } from '../scripted-provider.ts';
import { descendants, signal } from '../processes.ts';
import type { StoreFault } from './s3-server.ts';
import type { World } from './world.ts';

/** `begin` returns how to take it back; null where there is nothing to fail right now (no FFmpeg runs, no worker yet). */
export type Kind = { name: string; in: (world: World) => boolean; begin(world: World, random: () => number): (() => void) | null };

const nothing = (): void => {};
const services = (world: World): boolean => world.database !== null;
const oneDisk = (world: World): boolean => world.disk !== null;
const both = (): boolean => true;
const pick = <T>(from: readonly T[], random: () => number): T => from[Math.floor(random() * from.length)]!; // never empty

const FFMPEG = /^(ffmpeg|ffmpeg-faulty|yes)$/;
const ffmpegs = (world: World): number[] => descendants(world.server.pid).filter(({ name, state }) => FFMPEG.test(name) && state !== 'Z').map(({ pid }) => pid);
const inference = (world: World): number[] => descendants(world.server.pid).filter(({ name, parent }) => parent === world.server.pid && /^(node|MainThread)$/.test(name)).map(({ pid }) => pid);

const stopped = (pids: number[]): (() => void) | null => {
  const held = pids.filter((pid) => signal(pid, 'SIGSTOP'));
  return held.length === 0 ? null : () => held.forEach((pid) => signal(pid, 'SIGCONT'));
};
const killed = (pids: number[]): (() => void) | null => (pids.filter((pid) => signal(pid, 'SIGKILL')).length > 0 ? nothing : null);

const store = (name: string, fault: StoreFault, probability = 1): Kind => ({
  name: `store: ${name}`, in: services,
  begin: (world) => {
    world.store?.fail(fault, probability);
    return () => world.store?.fail(null);
  },
});
const provider = (name: string, failure: Failure): Kind => ({
  name: `provider: ${name}`, in: both,
  begin: (world) => {
    world.provider.failAll(failure);
    return () => world.provider.failAll(null);
  },
});
const wrapper = (mode: 'fails' | 'garbage' | 'silent' | 'loops' | 'endless'): Kind => ({
  name: `ffmpeg: ${mode}`, in: both,
  begin: (world) => {
    world.ffmpeg(mode);
    return () => {
      world.ffmpeg('');
      // their time limits are minutes; that these hold is shown where the limits can be set
      if (mode === 'loops') for (const { pid, name } of descendants(world.server.pid)) if (name === 'ffmpeg-faulty') signal(pid, 'SIGKILL');
    };
  },
});
const proxy = (name: string, begin: (proxy: NonNullable<World['database']>['proxy'], random: () => number) => () => void): Kind => ({
  name: `database: ${name}`, in: services, begin: (world, random) => (world.database ? begin(world.database.proxy, random) : null),
});

export const KINDS: Kind[] = [
  proxy('connections cut', (one) => (one.cut(), nothing)),
  proxy('connections refused', (one) => {
    one.refuse(true);
    one.cut();
    return () => one.refuse(false);
  }),
  proxy('answers slow', (one, random) => {
    one.slow(20 + random() * 400);
    return () => one.slow(0);
  }),
  proxy('answers lost, then cut', (one) => {
    one.swallow(true);
    return () => {
      one.swallow(false);
      one.cut();
    };
  }),
  proxy('answers lost for good', (one) => {
    one.swallow(true);
    return () => one.swallow(false);
  }),
  { name: 'database: a backend killed', in: both, begin: (world, random) => killed(world.postgresPids().slice(1).toSorted(() => random() - 0.5).slice(0, 1)) },
  { name: 'database: postmaster killed', in: both, begin: (world) => killed(world.postgresPids().slice(0, 1)) },
  { name: 'database: stopped at once', in: both, begin: (world) => (world.postgresPids().slice(0, 1).some((pid) => signal(pid, 'SIGQUIT')) ? nothing : null) },
  { name: 'database: frozen', in: both, begin: (world) => stopped(world.postgresPids()) },

  store('500', { mode: 'status', status: 500, code: 'InternalError' }, 0.7),
  store('slow down', { mode: 'status', status: 503, code: 'SlowDown' }),
  store('forbidden', { mode: 'status', status: 403, code: 'AccessDenied' }),
  store('a proxy’s page', { mode: 'html' }, 0.7),
  store('slow', { mode: 'slow', ms: 700 }),
  store('reset', { mode: 'reset' }),
  store('answer cut', { mode: 'cut body' }),
  store('done, answer lost', { mode: 'done, then cut' }, 0.7),
  store('wrong bytes read', { mode: 'wrong bytes' }),
  store('short reads', { mode: 'short' }),
  store('upload damaged', { mode: 'damaged upload' }),

  {
    name: 'disk: full', in: oneDisk,
    begin: (world) => {
      world.disk?.fill(0);
      return () => world.disk?.empty();
    },
  },
  {
    name: 'disk: nearly full', in: oneDisk,
    begin: (world, random) => {
      world.disk?.fill(10e6 + random() * 30e6);
      return () => world.disk?.empty();
    },
  },

  { name: 'ffmpeg: killed', in: both, begin: (world) => killed(ffmpegs(world)) },
  { name: 'ffmpeg: stopped', in: both, begin: (world) => stopped(ffmpegs(world)) },
  wrapper('fails'), wrapper('garbage'), wrapper('silent'), wrapper('loops'), wrapper('endless'),

  { name: 'worker: throws', in: both, begin: (world) => (world.workers.crash('throw') ? nothing : null) },
  { name: 'worker: exits', in: both, begin: (world) => (world.workers.crash('exit') ? nothing : null) },
  // half a gigabyte and a second each time, so seldom
  { name: 'worker: out of memory', in: both, begin: (world, random) => (random() < 0.15 && world.workers.crash('out of memory') ? nothing : null) },
  { name: 'inference: killed', in: both, begin: (world) => killed(inference(world)) },
  { name: 'inference: stopped', in: both, begin: (world) => stopped(inference(world)) },

  provider('429', { mode: 'status', status: 429, retryAfter: '1' }),
  provider('500', { mode: 'status', status: 500 }),
  provider('401', { mode: 'status', status: 401 }),
  provider('garbage', { mode: 'garbage' }),
  provider('slow', { mode: 'slow', ms: 1_500 }),
  provider('never', { mode: 'never' }),
  provider('reset', { mode: 'reset' }),
];

/** One that can begin now. */
export const beginOne = (world: World, random: () => number): { name: string; end: () => void } => {
  for (;;) {
    const kind = pick(KINDS.filter((each) => each.in(world)), random);
    const end = kind.begin(world, random);
    if (end) return { name: kind.name, end };
  }
};
