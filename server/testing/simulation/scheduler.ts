// The one clock of a simulated world: events in order of time, each followed by every promise that can settle without time passing.
// All of it is one synchronous loop: waiting for a turn of the event loop at each step costs five times as much.
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--allow-natives-syntax');
// eslint-disable-next-line no-new-func -- V8 has no other name for it
const runMicrotasks = new Function('%PerformMicrotaskCheckpoint()') as () => void;

type Event = { at: number; order: number; run: (() => void) | null };

export type Scheduler = {
  /** ms since the world began */
  now(): number;
  after(ms: number, run: () => void): () => void;
  /** At that time, behind what was to come at it before: a difference of times, added again, may be another time. */
  at(time: number, run: () => void): () => void;
  /** Runs the next event and what follows from it; false where there is none. */
  step(): boolean;
  /** events to come */
  pending(): number;
  /** lets promises settle between steps */
  settle(): void;
};

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Only to be stepped from a macrotask: while microtasks run, V8 runs no others. */
export const createScheduler = (): Scheduler => {
  const heap: Event[] = [];
  let time = 0;
  let order = 0;
  let live = 0;

  const push = (event: Event): void => {
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break; // parent < at
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  };
  const pop = (): Event | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++; // both exist
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  };

  const at = (when: number, run: () => void): (() => void) => {
    const event: Event = { at: Math.max(time, when), order: order++, run };
    push(event);
    live++;
    return () => {
      if (event.run !== null) live--;
      event.run = null;
    };
  };

  return {
    now: () => time,
    at,
    after: (ms, run) => at(time + ms, run),
    step: () => {
      for (let event = pop(); event !== undefined; event = pop()) {
        const { run } = event;
        if (run === null) continue;
        event.run = null;
        live--;
        time = event.at;
        run();
        runMicrotasks();
        return true;
      }
      return false;
    },
    pending: () => live,
    settle: runMicrotasks,
  };
};
