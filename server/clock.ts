// Time and chance enter the core through these two ports, so that a test can own them (S5).

export type Clock = {
  /** ms since the epoch */
  now(): number;
  /** ms since whenever: nobody sets it back or forward, so durations are its differences (S12) */
  monotonic(): number;
  /** calls `run` once after `ms`; the returned function cancels */
  after(ms: number, run: () => void): () => void;
};

/** uniform in [0, 1) */
export type Random = () => number;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or rejects with the signal's reason. */
export const sleep = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const abort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
