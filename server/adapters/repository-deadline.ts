// PostgreSQL bounds how long it works on a statement; nobody bounds how long its answer takes. A connection that stays open and never
// says anything again (a pooler that lost its server, a host that vanished) would hold its call for ever, and ten of them the pool.
import type { Clock } from '../clock.ts';
import type { Repository } from '../ports.ts';

export type DeadlineOptions = {
  /** a repository on connections of its own */
  open: () => Repository;
  /** above the time limit of a statement */
  callMs: number;
  /** many statements, each with its own limit */
  longCallMs: number;
  clock: Clock;
  onLate: (call: string, ms: number) => void;
};

const LONG = new Set<PropertyKey>(['deleteSession']);

export class CallTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}

/** Calls that take too long reject as transient, and the connections they were made on are replaced. */
export const withDeadline = ({ open, callMs, longCallMs, clock, onLate }: DeadlineOptions): Repository => {
  let current = open();
  const closing = new Set<Promise<void>>();
  const replace = (stuck: Repository): void => {
    if (stuck !== current) return;
    current = open();
    const closed = stuck.close().catch(() => {}).finally(() => closing.delete(closed));
    closing.add(closed);
  };
  const limited = (name: keyof Repository) => async (...args: unknown[]): Promise<unknown> => {
    const used = current;
    const ms = LONG.has(name) ? longCallMs : callMs;
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(ms, () => {
      onLate(name, ms);
      replace(used);
      late.reject(new CallTimeout(`the database has not answered ${name} for ${ms / 1000} s`));
    });
    try {
      return await Promise.race([(used[name] as (...args: unknown[]) => Promise<unknown>)(...args), late.promise]);
    } finally {
      cancel();
    }
  };
  const names = Object.keys(current).filter((name): name is keyof Repository => name !== 'close');
  return {
    ...(Object.fromEntries(names.map((name) => [name, limited(name)])) as unknown as Repository),
    close: async () => {
      await current.close();
      await Promise.all(closing);
    },
  };
};
