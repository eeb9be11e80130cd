// One topic, many viewers: events at a steady rate through our hub and transport, beside uWebSockets.js publishing natively, a loop
// over ws, and a room of socket.io; same event, same receivers. CPU is the serving process's own, kernel time included.
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { FanoutAsk } from '../server/testing/fanout-server.ts';
import type { Heard, ReceiversAsk } from './fanout-receivers.ts';
import { GENERATOR } from './measure.ts';
import type { Contender, Scale, Scenario } from './scenario.ts';
import { percentile } from './statistics.ts';

const SERVER = join(import.meta.dirname, '../server/testing/fanout-server.ts');
const RECEIVERS = join(import.meta.dirname, 'fanout-receivers.ts');
const PER_PROCESS = 5_000;

type Load = { viewers: number; everyMs: number; events: number };
/** Rates that neither side is saturated by: what a delivery costs is asked, not how many fit. */
const LOADS: Record<Scale, Load[]> = {
  full: [{ viewers: 100, everyMs: 5, events: 500 }, { viewers: 1_000, everyMs: 50, events: 60 }, { viewers: 10_000, everyMs: 250, events: 14 }],
  quick: [{ viewers: 100, everyMs: 5, events: 200 }, { viewers: 1_000, everyMs: 50, events: 30 }],
};
/** Until the code is compiled: on the smallest load, or its numbers would be those of a cold start. */
const WARM_UP = 300;

const RIVALS = ['uws', 'ws', 'socketIo'] as const;

type Receivers = { child: Child; sockets: number };

const deliver = async (server: Child, receivers: Receivers[], { viewers, everyMs, events }: Load): Promise<Record<string, number>> => {
  const ask = <T>(message: (sockets: number) => ReceiversAsk): Promise<T[]> => Promise.all(receivers.map(({ child, sockets }) => child.ask<T>(message(sockets))));
  const serve = (message: FanoutAsk): Promise<{ cpuS: number }> => server.ask(message);
  const publish = async (count: number): Promise<{ cpuS: number; heard: Heard[] }> => {
    await ask(() => ({ ask: 'begin' }));
    const before = await serve({ ask: 'cpu' });
    await serve({ ask: 'publish', everyMs, count });
    const heard = await ask<Heard>((sockets) => ({ ask: 'heard', expected: sockets * count }));
    return { cpuS: (await serve({ ask: 'cpu' })).cpuS - before.cpuS, heard };
  };
  const { cpuS, heard } = await publish(events);
  const received = heard.reduce((sum, one) => sum + one.received, 0);
  const latencies = heard.flatMap((one) => one.latencies).toSorted((a, b) => a - b);
  const expected = viewers * events;
  if (received !== expected) throw new Error(`${received} of ${expected} events arrived at ${viewers} viewers`);
  return {
    [`deliveries${viewers}`]: received / cpuS, [`p50at${viewers}`]: percentile(latencies, 0.5), [`p99at${viewers}`]: percentile(latencies, 0.99),
    [`generator.lagAt${viewers}`]: Math.max(...heard.map(({ lagMs }) => lagMs)), [GENERATOR]: Math.max(...heard.map(({ cpuShare }) => cpuShare)),
  };
};

const contender = (name: string, scale: Scale): Contender => ({
  name,
  run: async () => {
    const loads = LOADS[scale];
    const most = Math.max(...loads.map(({ viewers }) => viewers));
    const { child: server, first: { port } } = await startChild<{ port: number }>(SERVER, [name], most);
    const receivers: Receivers[] = [];
    try {
      for (let left = most; left > 0; left -= PER_PROCESS) receivers.push({ child: (await startChild(RECEIVERS, [name, String(port)], Math.min(left, PER_PROCESS))).child, sockets: 0 });
      const numbers: Record<string, number> = {};
      let busiest = 0;
      for (const load of [{ ...loads[0]!, events: WARM_UP }, ...loads]) { // there is a smallest load
        await Promise.all(receivers.map(async (one) => {
          const more = load.viewers / receivers.length - one.sockets;
          await one.child.ask({ ask: 'join', sockets: more } satisfies ReceiversAsk);
          one.sockets += more;
        }));
        const found = await deliver(server, receivers, load);
        busiest = Math.max(busiest, found[GENERATOR] ?? 0);
        Object.assign(numbers, found);
      }
      return { ...numbers, [GENERATOR]: busiest };
    } finally {
      await Promise.all([server, ...receivers.map(({ child }) => child)].map((child) => child.end()));
    }
  },
});

export const fanout: Scenario = {
  name: 'fanout',
  question: 'How many deliveries to viewers does a CPU-second of the serving process buy?',
  prepare: async (scale) => {
    const sizes = LOADS[scale].map(({ viewers }) => viewers);
    return {
      rounds: scale === 'quick' ? 3 : 7,
      contenders: ['ours', ...RIVALS].map((name) => contender(name, scale)),
      ratios: sizes.flatMap((viewers) => RIVALS.map((rival) => ({ name: `ours${viewers}To${rival.charAt(0).toUpperCase()}${rival.slice(1)}`, of: `ours.deliveries${viewers}`, to: `${rival}.deliveries${viewers}`, better: 'higher' as const }))),
      goals: scale === 'full' ? [{ name: 'ours10000ToUws', atLeast: 0.8 }] : [],
      units: Object.fromEntries(sizes.flatMap((viewers) => [[`deliveries${viewers}`, 'deliveries per CPU-s'], [`p50at${viewers}`, 'ms'], [`p99at${viewers}`, 'ms'], [`generator.lagAt${viewers}`, 'ms']])),
      close: async () => undefined,
    };
  },
};
