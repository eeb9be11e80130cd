// Bottleneck in front of one provider: order by priority, requests per minute and day, seconds of audio per hour.
import Bottleneck from 'bottleneck';
import { ProviderError } from '../errors.ts';

export type ThrottleLimits = { requestsPerMinute: number; requestsPerDay: number; audioSecondsPerHour: number; concurrency: number; /** jobs waiting; more are refused */ maxWaiting: number };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const reservoir = (amount: number, intervalMs: number): Bottleneck => new Bottleneck({ reservoir: amount, reservoirRefreshAmount: amount, reservoirRefreshInterval: intervalMs });

const left = async (limiter: Bottleneck, weight: number): Promise<boolean> => ((await limiter.currentReservoir()) ?? Infinity) >= weight;

export type Throttle = {
  /** `priority` 0 (first) to 9. Throws `ProviderError rate` when the queue is full or a day's or hour's share is used up. */
  run<T>(job: { priority: number; audioSeconds: number }, call: () => Promise<T>, signal: AbortSignal): Promise<T>;
  waiting(): number;
  close(): Promise<void>;
};

export const createThrottle = (provider: string, limits: ThrottleLimits): Throttle => {
  const minute = new Bottleneck({ maxConcurrent: limits.concurrency, reservoir: limits.requestsPerMinute, reservoirRefreshAmount: limits.requestsPerMinute, reservoirRefreshInterval: MINUTE });
  const day = reservoir(limits.requestsPerDay, DAY);
  const audio = reservoir(limits.audioSecondsPerHour, HOUR);
  let waiting = 0;

  /** Long waits are the caller's business (it has other engines); only the minute's share is waited for here. */
  const take = async (weight: number): Promise<void> => {
    if (!(await left(day, 1))) throw new ProviderError(provider, 'rate', `${provider}: ${limits.requestsPerDay} requests a day are used up; raise the limit or wait`, { retryAfterMs: HOUR });
    if (!(await left(audio, weight))) throw new ProviderError(provider, 'rate', `${provider}: ${limits.audioSecondsPerHour} s of audio an hour are used up; raise the limit or wait`, { retryAfterMs: 5 * MINUTE });
    await Promise.all([day.incrementReservoir(-1), audio.incrementReservoir(-weight)]);
  };

  return {
    run: async ({ priority, audioSeconds }, call, signal) => {
      signal.throwIfAborted();
      if (waiting >= limits.maxWaiting) throw new ProviderError(provider, 'rate', `throttle ${provider} already holds ${waiting} requests; add provider capacity or record fewer sessions`, { retryAfterMs: MINUTE });
      waiting++;
      let held = true;
      const release = (): void => {
        if (held) waiting--;
        held = false;
      };
      let abort: (() => void) | null = null;
      const aborted = new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason as Error);
        signal.addEventListener('abort', abort, { once: true });
      });
      const weight = Math.min(Math.ceil(audioSeconds), limits.audioSecondsPerHour);
      const job = minute.schedule({ priority: Math.min(9, Math.max(0, Math.round(priority))) }, async () => {
        release();
        // an aborted caller is gone; its turn costs nothing
        signal.throwIfAborted();
        await take(weight);
        return call();
      });
      try {
        return await Promise.race([job, aborted]);
      } finally {
        release();
        job.catch(() => undefined);
        if (abort) signal.removeEventListener('abort', abort);
      }
    },
    waiting: () => waiting,
    close: async () => {
      await minute.stop({ dropWaitingJobs: true });
      await Promise.all([minute, day, audio].map((limiter) => limiter.disconnect()));
    },
  };
};
