// One life of a process (server or client): its timers, and its calls to what is outside it. Each call takes time and may fail
// before or after its effect. A process that is killed never hears of what it had asked for; half of it happens all the same.
import type { Clock } from '../../clock.ts';
import type { Scheduler } from './scheduler.ts';

/** `after`: the effect took place, and then the answer was lost. */
export type Fault = { when: 'before' | 'after'; error: unknown };
export type Call = { port: string; method: string };

export type LifeOptions = {
  name: string;
  scheduler: Scheduler;
  random: () => number;
  /** wall-clock time */
  wallNow: () => number;
  /** ms a call takes */
  latencyMs: (call: Call) => number;
  fault: (call: Call) => Fault | null;
  trace: (what: string, detail: string | number) => void;
};

export type Life = {
  readonly dead: boolean;
  clock: Clock;
  call<T>(port: string, method: string, effect: () => T | Promise<T>): Promise<T>;
  /** Runs later unless the process is dead by then; waits while it is paused. */
  later(ms: number, run: () => void): () => void;
  /** Runs at once, or when the process is no longer paused; never when it is dead. */
  wake(run: () => void): void;
  /** The process stands still for so long. */
  pause(ms: number): void;
  kill(): void;
  timers(): number;
  calls(): string[];
};

type Pending = { name: string; effect: () => unknown };

export const createLife = (options: LifeOptions): Life => {
  const { scheduler, random } = options;
  const pending = new Set<Pending>();
  let dead = false;
  let timers = 0;
  let pausedUntil = 0;

  const later = (ms: number, run: () => void): (() => void) => {
    let cancel = (): void => {};
    const fire = (): void => {
      if (dead) return;
      if (pausedUntil > scheduler.now()) cancel = scheduler.at(pausedUntil, fire);
      else run();
    };
    cancel = scheduler.after(ms, fire);
    return () => cancel();
  };

  const wake = (run: () => void): void => {
    if (dead) return;
    if (pausedUntil > scheduler.now()) later(0, run);
    else run();
  };

  return {
    get dead() {
      return dead;
    },
    clock: {
      now: options.wallNow,
      monotonic: scheduler.now,
      after: (ms, run) => {
        timers++;
        let waiting = true;
        const cancel = later(ms, () => {
          waiting = false;
          timers--;
          run();
        });
        return () => {
          if (!waiting) return;
          waiting = false;
          timers--;
          cancel();
        };
      },
    },
    call: (port, method, effect) => {
      const call = { port, method };
      return new Promise((resolve, reject) => {
        if (dead) return;
        const fault = options.fault(call);
        const work: Pending = { name: `${port}.${method}`, effect };
        pending.add(work);
        scheduler.after(options.latencyMs(call), () => {
          if (dead || !pending.delete(work)) return;
          options.trace(work.name, fault === null ? 0 : fault.when);
          if (fault?.when === 'before') return wake(() => reject(fault.error as Error));
          let done: Promise<Awaited<ReturnType<typeof effect>>>;
          try {
            done = Promise.resolve(effect());
          } catch (error) {
            done = Promise.reject(error as Error);
          }
          done.then(
            (value) => {
              wake(() => (fault === null ? resolve(value) : reject(fault.error as Error)));
            },
            (error: unknown) => {
              wake(() => reject(error as Error));
            },
          );
        });
      });
    },
    later,
    wake,
    pause: (ms) => { pausedUntil = Math.max(pausedUntil, scheduler.now() + ms); },
    kill: () => {
      dead = true;
      for (const { name, effect } of pending) {
        const happens = random() < 0.5;
        options.trace(`${name} unheard`, happens ? 1 : 0);
        if (happens) void Promise.resolve().then(effect).catch(() => {}); // nobody is there to hear how it went
      }
      pending.clear();
      scheduler.settle();
    },
    timers: () => timers,
    calls: () => [...pending].map(({ name }) => name),
  };
};

type Method = (...args: unknown[]) => unknown;

/** A port as a living process sees it: every method a call. `seen` is told what took effect. */
export const through = <Port extends object>(life: Life, name: string, port: Port, seen: (method: string, args: unknown[]) => void = () => {}): Port => {
  const gated: Record<string, Method> = {};
  for (const [method, run] of Object.entries(port) as [string, Method][]) {
    if (typeof run !== 'function') continue;
    gated[method] = (...args) => life.call(name, method, async () => {
      const value = await run(...args);
      seen(method, args);
      return value;
    });
  }
  return { ...port, ...gated };
};
