import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MediaError, ProviderError } from '../errors.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { Poisoned, attempt } from './attempts.ts';
import { createBell } from './gauges.ts';

const shell = (waits: (error: unknown) => boolean = () => false) => {
  const clock = virtualClock();
  const pauses: number[] = [];
  return { clock, pauses, options: { clock, random: () => 1 - 2 ** -53, waits, onWait: (_: unknown, pauseMs: number) => { pauses.push(Math.round(pauseMs)); } } };
};
const settled = <T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> => promise.then((value) => ({ value }), (error: unknown) => ({ error }));

describe('attempt', () => {
  it('[S2] what fails three times on the same input is poison, with its code and reason', async () => {
    const { clock, options } = shell();
    let tries = 0;
    const outcome = settled(attempt(options, async () => { tries += 1; throw new MediaError('malformed', `try ${tries}`); }, new AbortController().signal));
    await clock.advance(60_000);
    const result = await outcome;
    expect(tries).toBe(3);
    expect(result).toMatchObject({ error: { attempts: 3, code: 'media_malformed', message: 'try 3' } });
    expect('error' in result && result.error).toBeInstanceOf(Poisoned);
    expect(clock.waiting()).toBe(0);
  });

  it('a waiting error is tried again with longer and longer pauses, never counted, until it passes', async () => {
    const { clock, pauses, options } = shell(() => true);
    let tries = 0;
    const outcome = settled(attempt(options, async () => { if ((tries += 1) <= 12) throw new Error('away'); return tries; }, new AbortController().signal));
    await clock.advance(10 * 60_000);
    expect(await outcome).toEqual({ value: 13 });
    expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000, 15_000, 15_000, 15_000]);
  });

  it('waiting errors between failures do not make the input poison sooner or later', async () => {
    const { clock, options } = shell((error) => error instanceof ProviderError);
    const plan = [new Error('bad'), new ProviderError('p', 'network', 'away'), new Error('bad'), new ProviderError('p', 'network', 'away'), new Error('bad')];
    const outcome = settled(attempt(options, async () => { throw plan.shift() ?? new Error('one try too many'); }, new AbortController().signal));
    await clock.advance(10 * 60_000);
    expect(await outcome).toMatchObject({ error: { attempts: 3, message: 'bad' } });
  });

  it('Retry-After is honoured to the millisecond', async () => {
    const { clock, pauses, options } = shell(() => true);
    let tries = 0;
    const outcome = settled(attempt(options, async () => { if ((tries += 1) === 1) throw new ProviderError('groq', 'rate', 'slow down', { retryAfterMs: 7_300 }); return 'heard'; }, new AbortController().signal));
    await clock.advance(7_299);
    expect(tries).toBe(1);
    await clock.advance(1);
    expect(await outcome).toEqual({ value: 'heard' });
    expect(pauses).toEqual([7_300]);
  });

  it('an abort ends a wait at once, with its reason, and leaves no timer and no listener', async () => {
    const { clock, options } = shell(() => true);
    const controller = new AbortController();
    let tries = 0;
    const outcome = settled(attempt(options, async () => { tries += 1; throw new Error('away'); }, controller.signal));
    await clock.advance(3_000);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const before = tries;
    controller.abort(new Error('stopped'));
    expect(await outcome).toMatchObject({ error: { message: 'stopped' } });
    await clock.advance(60_000);
    expect(tries).toBe(before);
    expect(clock.waiting()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describe('createBell', () => {
  it('wakes everybody who waits, once per ring, and removes its abort listeners either way', async () => {
    const bell = createBell();
    const controller = new AbortController();
    for (let round = 0; round < 50; round += 1) {
      const waits = Promise.all([bell.wait(controller.signal), bell.wait(controller.signal)]);
      bell.ring();
      await waits;
    }
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    const late = settled(bell.wait(controller.signal));
    controller.abort(new Error('stopped'));
    expect(await late).toMatchObject({ error: { message: 'stopped' } });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(await settled(bell.wait(controller.signal))).toMatchObject({ error: { message: 'stopped' } });
    bell.ring();
  });
});
