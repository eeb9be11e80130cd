// The shell around work that may fail: what waits is retried with back-off until it is aborted (the cursor lags, nothing is
// lost); what fails three times on the same input is poison and is handed back to be set aside (S2).
import { type Clock, type Random, sleep } from '../clock.ts';
import { MediaError, ProviderError, messageOf } from '../errors.ts';

export class Poisoned extends Error {
  readonly attempts: number;
  readonly code: string;
  constructor(attempts: number, cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'Poisoned';
    this.attempts = attempts;
    this.code = cause instanceof MediaError ? `media_${cause.code}` : cause instanceof ProviderError ? `provider_${cause.kind}` : 'failed';
  }
}

const POISON_AFTER = 3;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;

export type AttemptOptions = {
  clock: Clock;
  random: Random;
  /** true: the input is not at fault (provider, database or store away); wait and try again without counting */
  waits: (error: unknown) => boolean;
  onWait: (error: unknown, pauseMs: number) => void;
};

/** Throws `Poisoned` after three failures that the input may be to blame for. */
export const attempt = async <T>(options: AttemptOptions, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
  let failures = 0;
  for (let tries = 0; ; tries += 1) {
    try {
      return await work(signal);
    } catch (error) {
      signal.throwIfAborted();
      const waiting = options.waits(error);
      if (!waiting) failures += 1;
      if (failures >= POISON_AFTER) throw new Poisoned(failures, error);
      const asked = error instanceof ProviderError ? error.retryAfterMs : null;
      const pauseMs = asked ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 8)) * (0.5 + options.random() / 2);
      if (waiting) options.onWait(error, pauseMs);
      await sleep(options.clock, pauseMs, signal);
    }
  }
};
