// Time a test owns. Promises settle between timers; nothing waits for real.
import type { ClientClock } from '../connection.ts';

/** Lets every promise that can settle do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type VirtualClock = ClientClock & {
  /** Runs what falls due, in order, letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** The wall clock is set forward, or back. */
  set(ms: number): void;
  /** timers that have not run */
  waiting(): number;
};

export const virtualClock = (): VirtualClock => {
  let time = 1_795_000_000_000;
  let set = 0;
  let timers: { at: number; run: () => void }[] = [];
  return {
    now: () => time + set,
    monotonic: () => time,
    set: (ms) => { set += ms; },
    after: (ms, run) => {
      const timer = { at: time + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: async (ms) => {
      const until = time + ms;
      await settle();
      for (;;) {
        const next = timers.reduce<(typeof timers)[number] | null>((first, timer) => (timer.at <= until && (!first || timer.at < first.at) ? timer : first), null);
        if (!next) break;
        timers = timers.filter((other) => other !== next);
        time = next.at;
        next.run();
        await settle();
      }
      time = until;
      await settle();
    },
    waiting: () => timers.length,
  };
};
