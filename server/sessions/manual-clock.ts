// For tests: time that passes only when told.
import type { Clock } from '../clock.ts';

export type ManualClock = Clock & {
  /** Runs what falls due, in order, letting promises settle after each. */
  pass(ms: number): Promise<void>;
  waiting(): number;
};

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const manualClock = (): ManualClock => {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => {
        const place = timers.indexOf(timer);
        if (place >= 0) timers.splice(place, 1);
      };
    },
    pass: async (ms) => {
      const until = now + ms;
      for (;;) {
        await settle();
        const due = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        now = due.at;
        timers.splice(timers.indexOf(due), 1);
        due.run();
      }
      now = until;
      await settle();
    },
    waiting: () => timers.length,
  };
};
