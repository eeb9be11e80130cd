// One guard per provider, whoever calls it (transcriber, judge): throttle, budget, circuit breaker, time limit, retry.
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import type { ProviderState } from '../../shared/model.ts';
import { sleep, type Clock, type Random } from '../clock.ts';
import { messageOf, ProviderError } from '../errors.ts';
import { createBudget, type BudgetLimits, type SpendBook } from './provider-budget.ts';
import { asProviderError } from './provider-error.ts';
import { createThrottle, type ThrottleLimits } from './provider-throttle.ts';

export type GuardLimits = ThrottleLimits & {
  timeoutMs: number;
  /** tries of one job at errors that may pass (not counting 429) */
  attempts: number;
  /** longest a job waits for a provider that says "later"; beyond it the caller gets `rate` and may go elsewhere */
  patienceMs: number;
  /** failures in a row that open the circuit, and for how long */
  failures: number;
  openMs: number;
};

/** Groq's free tier; OpenAI's lowest tier is above it. */
export const GUARD_DEFAULTS: GuardLimits = { requestsPerMinute: 20, requestsPerDay: 2_000, audioSecondsPerHour: 7_200, concurrency: 4, maxWaiting: 64, timeoutMs: 30_000, attempts: 3, patienceMs: 20_000, failures: 5, openMs: 30_000 };

export type GuardCall = { provider: string; outcome: 'ok' | ProviderError['kind']; ms: number; usd: number; audioSeconds: number };

/** `priority` 0 (first) to 9. `usd`: what the call will cost if it succeeds. */
export type GuardedJob = { priority: number; audioSeconds: number; usd: number };

export type ProviderGuard = {
  name: string;
  /** Throws `ProviderError`, or the signal's reason. `call` gets a signal that also carries the time limit. */
  run<T>(job: GuardedJob, call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
  state(): ProviderState;
  waiting(): number;
  close(): Promise<void>;
};

export type GuardOptions = {
  name: string;
  limits?: Partial<GuardLimits>;
  budget: BudgetLimits;
  book: SpendBook;
  clock: Clock;
  random: Random;
  onCall?: (call: GuardCall) => void;
  onError?: (error: unknown) => void;
};

/** how long a refused key is not tried again */
const AUTH_PAUSE_MS = 300_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;

/** these may pass by themselves */
const passing = (kind: ProviderError['kind']): boolean => kind === 'server' || kind === 'timeout' || kind === 'network' || kind === 'garbage';

const seconds = (ms: number): number => Math.ceil(ms / 1000);

export const createProviderGuard = (options: GuardOptions): ProviderGuard => {
  const { name, clock, random } = options;
  const limits = { ...GUARD_DEFAULTS, ...options.limits };
  const onError = options.onError ?? (() => {});
  const throttle = createThrottle(name, limits);
  const budget = createBudget({ provider: name, limits: options.budget, book: options.book, clock, onError });
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof ProviderError && passing(error.kind)),
    { breaker: new ConsecutiveBreaker(limits.failures), halfOpenAfter: limits.openMs },
  );
  let openUntil = 0;
  breaker.onBreak(() => (openUntil = Date.now() + limits.openMs));
  breaker.onReset(() => (openUntil = 0));
  /** "later", by 429 or by a refused key */
  let pause: { untilMs: number; kind: 'rate' | 'auth'; message: string } | null = null;

  const paused = (): { leftMs: number; kind: 'rate' | 'auth'; message: string } | null => {
    const leftMs = pause ? Math.ceil(pause.untilMs - clock.monotonic()) : 0;
    return pause && leftMs > 0 ? { leftMs, kind: pause.kind, message: pause.message } : null;
  };

  /** one request: counted, timed, paid */
  const once = async <T>(job: GuardedJob, call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
    const settle = await budget.reserve(job.usd);
    const timeout = new AbortController();
    const cancel = clock.after(limits.timeoutMs, () => timeout.abort(new Error('time limit')));
    const both = AbortSignal.any([signal, timeout.signal]);
    const began = clock.monotonic();
    let outcome: GuardCall['outcome'] = 'ok';
    let cost = job.usd;
    try {
      // a call that ignores its signal does not hold the place
      const ended = new Promise<never>((_, reject) => both.addEventListener('abort', () => reject(both.reason as Error), { once: true }));
      const working = call(both);
      working.catch(() => undefined);
      ended.catch(() => undefined);
      return await Promise.race([working, ended]);
    } catch (error) {
      signal.throwIfAborted();
      const failure = asProviderError(name, error, { timedOut: timeout.signal.aborted, now: clock.now() });
      outcome = failure.kind;
      // what ran into our time limit may have been computed, and billed
      if (failure.kind !== 'timeout') cost = 0;
      throw failure;
    } finally {
      cancel();
      if (signal.aborted) cost = job.usd;
      await settle(cost);
      options.onCall?.({ provider: name, outcome, ms: clock.monotonic() - began, usd: cost, audioSeconds: job.audioSeconds });
    }
  };

  const attempt = async <T>(job: GuardedJob, call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
    try {
      return await throttle.run(job, () => breaker.execute(() => once(job, call, signal)), signal);
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      const leftMs = Math.max(0, openUntil - Date.now());
      throw new ProviderError(name, 'server', `${name} failed ${limits.failures} times in a row and is left alone for ${Math.ceil(leftMs / 1000)} s`, { retryAfterMs: leftMs, cause: error });
    }
  };

  const backoff = (tries: number): number => Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** tries) * (0.5 + random() / 2);

  const run: ProviderGuard['run'] = async (job, call, signal) => {
    let waitedMs = 0;
    const wait = async (ms: number): Promise<void> => {
      waitedMs += ms;
      await sleep(clock, ms, signal);
    };
    for (let tries = 0, laters = 0; ; ) {
      signal.throwIfAborted();
      const later = paused();
      if (later && (later.kind === 'auth' || waitedMs + later.leftMs > limits.patienceMs)) throw new ProviderError(name, later.kind, later.message, { retryAfterMs: later.leftMs });
      if (later) await wait(later.leftMs);
      try {
        return await attempt(job, call, signal);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        if (error.kind === 'auth') pause = { untilMs: clock.monotonic() + AUTH_PAUSE_MS, kind: 'auth', message: `${error.message}; check the key` };
        // our own throttle's refusals carry no cause: only the provider's 429 pauses everybody
        else if (error.kind === 'rate' && error.cause !== undefined) {
          pause = { untilMs: clock.monotonic() + Math.max(1, error.retryAfterMs ?? backoff(++laters)), kind: 'rate', message: error.message };
          continue;
        }
        const open = error.cause instanceof BrokenCircuitError;
        if (!passing(error.kind) || open || ++tries >= limits.attempts) throw error;
        await wait(Math.max(backoff(tries), Math.min(error.retryAfterMs ?? 0, limits.patienceMs)));
      }
    }
  };

  const state = (): ProviderState => {
    const spent = budget.spent();
    const money = { spentHour: spent.hour, spentDay: spent.day, budgetHour: options.budget.hourUsd, budgetDay: options.budget.dayUsd };
    const later = paused();
    if (budget.stoppedForMs() > 0) return { name, status: 'budget', note: `budget used up; goes on in ${Math.ceil(budget.stoppedForMs() / 60_000)} min`, ...money };
    if (later?.kind === 'auth') return { name, status: 'off', note: later.message, ...money };
    if (openUntil > Date.now()) return { name, status: 'open', note: `fails; tried again in ${seconds(openUntil - Date.now())} s`, ...money };
    if (later) return { name, status: 'throttled', note: `asked us to wait ${seconds(later.leftMs)} s`, ...money };
    const waiting = throttle.waiting();
    if (waiting > 0) return { name, status: 'throttled', note: `${waiting} requests wait for their turn`, ...money };
    return { name, status: 'ok', note: '', ...money };
  };

  return { name, run, state, waiting: () => throttle.waiting(), close: () => throttle.close().catch((error: unknown) => onError(new Error(`closing ${name}: ${messageOf(error)}`))) };
};
