// The state of every stage, as viewers and /metrics see it.
import { STAGES, type StageName, type StageState } from '../../shared/model.ts';
import type { StageGauge } from './stage.ts';

export type Gauges = {
  gauge(name: StageName): StageGauge;
  /** media time a stage has reached */
  reached(name: StageName, untilMs: number): void;
  /** why a stage waits or fails; cleared by its next item */
  waiting(name: StageName, note: string): void;
  off(name: StageName, note: string): void;
  note(name: StageName, note: string): void;
  /** A stage whose items come from elsewhere waits, with this note, while it has none; null: it is idle again. */
  rests(name: StageName, note: string | null): void;
  /** no stage holds, waits for or fails at anything */
  quiet(): boolean;
  states(durableMs: number): Record<StageName, StageState>;
};

export type GaugesOptions = { capacity: number; onStage: (name: StageName, tookMs: number) => void; onChange: () => void };

export const createGauges = (options: GaugesOptions): Gauges => {
  const states = Object.fromEntries(
    STAGES.map((name) => [name, { status: 'idle', depth: 0, capacity: options.capacity, done: 0, untilMs: 0, lagMs: 0, note: '' } satisfies StageState]),
  ) as Record<StageName, StageState>;
  const resting = new Map<StageName, string>();
  const busy = (name: StageName, depth: number): void => {
    const state = states[name];
    state.depth = depth;
    if (state.status !== 'off') state.status = depth > 0 ? 'running' : resting.has(name) ? 'waiting' : 'idle';
    options.onChange();
  };
  return {
    gauge: (name) => ({
      entered: (depth) => busy(name, depth),
      left: (depth, tookMs) => {
        const state = states[name];
        state.done += 1;
        if (state.status === 'waiting' || state.status === 'failing') state.note = '';
        if (state.note === '') state.note = resting.get(name) ?? '';
        busy(name, depth);
        options.onStage(name, tookMs);
      },
    }),
    reached: (name, untilMs) => { states[name].untilMs = Math.max(states[name].untilMs, untilMs); },
    waiting: (name, note) => {
      Object.assign(states[name], { status: 'waiting', note });
      options.onChange();
    },
    off: (name, note) => { Object.assign(states[name], { status: 'off', note }); },
    note: (name, note) => {
      states[name].note = note;
      options.onChange();
    },
    rests: (name, note) => {
      if (note === null) resting.delete(name);
      else {
        resting.set(name, note);
        states[name].note = note;
      }
      busy(name, states[name].depth);
    },
    quiet: () => STAGES.every((name) => states[name].depth === 0 && (states[name].status === 'idle' || states[name].status === 'off' || resting.has(name))),
    states: (durableMs) => Object.fromEntries(
      STAGES.map((name) => {
        const state = states[name];
        return [name, { ...state, untilMs: Math.round(state.untilMs), lagMs: state.status === 'off' ? 0 : Math.max(0, Math.round(durableMs - state.untilMs)) }];
      }),
    ) as Record<StageName, StageState>,
  };
};

/** A bell rung when something changed; whoever waits for it sees at least every ring after its wait began. */
export const createBell = () => {
  let ring = (): void => {};
  let rung = new Promise<void>((resolve) => { ring = resolve; });
  return {
    ring: (): void => {
      ring();
      rung = new Promise<void>((resolve) => { ring = resolve; });
    },
    wait: (signal: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        const abort = (): void => reject(signal.reason as Error);
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        void rung.then(() => {
          signal.removeEventListener('abort', abort);
          resolve();
        });
      }),
  };
};
