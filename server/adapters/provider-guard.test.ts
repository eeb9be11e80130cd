import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../clock.ts';
import { ProviderError } from '../errors.ts';
import { retryAfterOf } from './provider-error.ts';
import type { SpendBook } from './provider-budget.ts';
import { createProviderGuard, type GuardCall, type GuardOptions, type ProviderGuard } from './provider-guard.ts';

/** Time that passes only when somebody waits for it, or is told to. */
const fakeClock = (start = Date.UTC(2026, 0, 5, 10, 59, 0)): Clock & { advance(ms: number): void; waits: number[] } => {
  let now = start;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    monotonic: () => now,
    advance: (ms) => (now += ms),
    after: (ms, run) => {
      // time limits are long here; waiting for a provider is over at once
      if (ms >= 30_000) return () => {};
      waits.push(ms);
      const timer = setImmediate(() => {
        now += ms;
        run();
      });
      return () => clearImmediate(timer);
    },
  };
};
const bookOf = (entries: { provider: string; hourAt: number; usd: number }[] = []): SpendBook & { entries: typeof entries } => ({
  entries,
  addSpend: async (provider, hourAt, usd) => void entries.push({ provider, hourAt, usd }),
  spent: async (provider, sinceAt) => entries.filter((entry) => entry.provider === provider && entry.hourAt >= sinceAt).reduce((sum, entry) => sum + entry.usd, 0),
});

let guards: ProviderGuard[] = [];
const guardOf = (options: Partial<GuardOptions> = {}): ProviderGuard => {
  const guard = createProviderGuard({ name: 'groq', budget: { hourUsd: 1, dayUsd: 10 }, book: bookOf(), clock: fakeClock(), random: () => 0.5, ...options });
  guards.push(guard);
  return guard;
};
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(guards.map((guard) => guard.close()));
  guards = [];
});
const never = new AbortController().signal;
const job = { priority: 5, audioSeconds: 10, usd: 0.01 };
/** what the SDKs throw */
const http = (status: number, headers: Record<string, string> = {}, message = `status ${status}`): Error => Object.assign(new Error(message), { status, headers: new Headers(headers) });
const failing = (...errors: (Error | null)[]): (() => Promise<string>) => {
  let at = 0;
  return async () => {
    const error = errors[Math.min(at, errors.length - 1)];
    at++;
    if (error) throw error;
    return `answer ${at}`;
  };
};

describe('provider guard', () => {
  it('[W13] tries again after errors that pass, with growing pauses, and gives up with a typed error', async () => {
    const clock = fakeClock();
    const guard = guardOf({ clock });
    expect(await guard.run(job, failing(http(500), http(502), null), never)).toBe('answer 3');
    expect(clock.waits).toEqual([750, 1500]);
    const failed = await guard.run(job, failing(new SyntaxError('Unexpected token')), never).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'ProviderError', kind: 'garbage', provider: 'groq' });
  });

  it('[W13] does not try again what cannot pass', async () => {
    const guard = guardOf();
    let calls = 0;
    const bad = (status: number, message?: string) => async (): Promise<never> => {
      calls++;
      throw http(status, {}, message);
    };
    await expect(guard.run(job, bad(404), never)).rejects.toMatchObject({ kind: 'model' });
    await expect(guard.run(job, bad(400, 'The model `x` has been decommissioned'), never)).rejects.toMatchObject({ kind: 'model' });
    expect(calls).toBe(2);
    await expect(guard.run(job, bad(401), never)).rejects.toMatchObject({ kind: 'auth' });
    expect(guard.state()).toMatchObject({ status: 'off' });
    await expect(guard.run(job, bad(401), never)).rejects.toThrow(/check the key/);
    expect(calls).toBe(3);
  });

  it('[W14] waits as long as Retry-After says; 429 never opens the circuit', async () => {
    const clock = fakeClock();
    const guard = guardOf({ clock, limits: { patienceMs: 60_000, failures: 2 } });
    const answer = await guard.run(job, failing(http(429, { 'retry-after': '7' }), http(429, { 'retry-after-ms': '1500' }), http(429), http(429, { 'retry-after': '2' }), null), never);
    expect(answer).toBe('answer 5');
    expect(clock.waits).toEqual([7000, 1500, 750, 2000]);
    expect(guard.state().status).toBe('ok');
  });

  it('[W14] hands back a wait beyond its patience, at once for all who ask meanwhile', async () => {
    const clock = fakeClock();
    const guard = guardOf({ clock });
    let calls = 0;
    const later = async (): Promise<never> => {
      calls++;
      throw http(429, { 'retry-after': '600' });
    };
    await expect(guard.run(job, later, never)).rejects.toMatchObject({ kind: 'rate', retryAfterMs: 600_000 });
    clock.advance(100_000);
    await expect(guard.run(job, later, never)).rejects.toMatchObject({ kind: 'rate', retryAfterMs: 500_000 });
    expect(calls).toBe(1);
    expect(guard.state()).toMatchObject({ status: 'throttled', note: 'asked us to wait 500 s' });
    clock.advance(500_000);
    expect(await guard.run(job, failing(null), never)).toBe('answer 1');
  });

  it('[W14] reads Retry-After as seconds or a date', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(retryAfterOf(new Headers({ 'retry-after': '3' }), now)).toBe(3000);
    expect(retryAfterOf(new Headers({ 'retry-after': new Date(now + 90_000).toUTCString() }), now)).toBe(90_000);
    expect(retryAfterOf(new Headers({ 'retry-after': 'soon' }), now)).toBe(null);
    expect(retryAfterOf(undefined, now)).toBe(null);
  });

  it('[W15] opens the circuit after failures in a row and closes it when one call succeeds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const guard = guardOf({ limits: { failures: 3, attempts: 1, openMs: 30_000 } });
    let calls = 0;
    const down = async (): Promise<never> => {
      calls++;
      throw http(503);
    };
    for (let i = 0; i < 3; i++) await expect(guard.run(job, down, never)).rejects.toMatchObject({ kind: 'server' });
    await expect(guard.run(job, down, never)).rejects.toThrow(/left alone/);
    expect(calls).toBe(3);
    expect(guard.state().status).toBe('open');
    vi.setSystemTime(Date.now() + 30_001);
    expect(await guard.run(job, failing(null), never)).toBe('answer 1');
    expect(guard.state().status).toBe('ok');
  });

  it('[W16] stops hard at the budget, also after a restart and for calls side by side', async () => {
    const book = bookOf();
    const clock = fakeClock();
    const calls: GuardCall[] = [];
    const guard = guardOf({ book, clock, budget: { hourUsd: 0.05, dayUsd: 0.07 }, limits: { concurrency: 10 }, onCall: (call) => calls.push(call) });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => guard.run(job, async () => 'said', never)));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(5);
    expect(book.entries.reduce((sum, entry) => sum + entry.usd, 0)).toBeCloseTo(0.05);
    expect(results.find((result) => result.status === 'rejected')).toMatchObject({ reason: { kind: 'budget' } });
    expect(guard.state()).toMatchObject({ status: 'budget', budgetHour: 0.05, budgetDay: 0.07 });
    const restarted = guardOf({ book, clock, budget: { hourUsd: 0.05, dayUsd: 0.07 } });
    await expect(restarted.run(job, async () => 'said', never)).rejects.toThrow(/raise CLIPPY_BUDGET_HOUR_USD or wait/);
    // the next hour: two more, then the day is used up
    clock.advance(120_000);
    for (let i = 0; i < 2; i++) expect(await restarted.run(job, async () => 'said', never)).toBe('said');
    await expect(restarted.run(job, async () => 'said', never)).rejects.toThrow(/CLIPPY_BUDGET_DAY_USD/);
    expect(await restarted.run({ ...job, usd: 0 }, async () => 'free', never)).toBe('free');
    expect(calls.filter((call) => call.outcome === 'ok').length).toBe(5);
  });

  it('[W16] counts what the book could not take, and charges nothing for a refusal', async () => {
    const errors: unknown[] = [];
    const book: SpendBook = { addSpend: () => Promise.reject(new Error('database is down')), spent: async () => 0 };
    const guard = guardOf({ book, budget: { hourUsd: 0.025, dayUsd: 1 }, onError: (error) => errors.push(error) });
    await guard.run(job, failing(http(500), null), never);
    await guard.run(job, failing(null), never);
    await expect(guard.run(job, failing(null), never)).rejects.toMatchObject({ kind: 'budget' });
    expect(errors.length).toBe(2);
  });

  it('[W17] takes the most urgent first and bounds its queue', async () => {
    const guard = guardOf({ limits: { concurrency: 1, maxWaiting: 4 } });
    const order: number[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const began = new Promise<void>((resolve) => {
      void guard.run(job, async () => (resolve(), gate), never);
    });
    await began;
    const jobs = [7, 9, 0, 5].map((priority) => guard.run({ ...job, priority }, async () => void order.push(priority), never));
    await expect(guard.run(job, async () => 'late', never)).rejects.toThrow(/throttle groq already holds 4 requests; add provider capacity/);
    expect(guard.waiting()).toBe(4);
    expect(guard.state()).toMatchObject({ status: 'throttled', note: '4 requests wait for their turn' });
    open();
    await Promise.all(jobs);
    // Bottleneck may have begun with the one it received first
    expect(order.filter((priority) => priority !== 7)).toEqual([0, 5, 9]);
  });

  it('[W17] keeps to requests per day and audio per hour, and says when', async () => {
    const guard = guardOf({ limits: { requestsPerDay: 3, audioSecondsPerHour: 25 } });
    await guard.run(job, failing(null), never);
    await guard.run(job, failing(null), never);
    await expect(guard.run(job, failing(null), never)).rejects.toThrow(/25 s of audio an hour are used up/);
    await guard.run({ ...job, audioSeconds: 1 }, failing(null), never);
    await expect(guard.run({ ...job, audioSeconds: 1 }, failing(null), never)).rejects.toThrow(/3 requests a day are used up/);
  });

  it('[W17] lets go of an aborted caller, waiting or running, and of a call that never ends', async () => {
    const guard = guardOf({ limits: { concurrency: 1, attempts: 1, timeoutMs: 20 } });
    const abort = new AbortController();
    const hanging = guard.run(job, () => new Promise<never>(() => {}), never);
    const queued = guard.run(job, failing(null), abort.signal);
    abort.abort(new Error('left'));
    await expect(queued).rejects.toThrow('left');
    await expect(hanging).rejects.toMatchObject({ kind: 'timeout' });
    expect(await guard.run(job, failing(null), never)).toBe('answer 1');
    expect(await guard.run(job, failing(null), AbortSignal.abort(new Error('gone'))).catch((error: unknown) => String(error))).toMatch(/gone/);
    expect(guard.waiting()).toBe(0);
    await expect(guard.run(job, () => Promise.reject(new ProviderError('groq', 'network', 'reset')), never)).rejects.toBeInstanceOf(ProviderError);
  });
});
