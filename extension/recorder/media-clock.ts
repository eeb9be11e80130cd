// The one clock of a recording: milliseconds of media since its first picture. While the computer sleeps, or the process is
// held, media time stands still: what comes after follows what came before.

/** Between two readings in a running recorder lie some 33 ms. So long a pause means that nothing ran, not that it was slow. */
const ASLEEP_MS = 4_000;

export type MediaClock = {
  now(): number;
  /** how long it has stood still, in all */
  readonly sleptMs: number;
};

/** `source` gives milliseconds that never go back (performance.now); whether they run on during sleep depends on the system. */
export const mediaClock = (source: () => number): MediaClock => {
  let zero = source();
  let last = zero;
  let sleptMs = 0;
  return {
    now: () => {
      const at = source();
      const step = at - last;
      if (step > ASLEEP_MS) {
        zero += step;
        sleptMs += step;
      }
      last = at;
      return at - zero;
    },
    get sleptMs() {
      return sleptMs;
    },
  };
};
