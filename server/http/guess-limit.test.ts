import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGuessLimit, createTokenLimit, guesserOf } from './guess-limit.ts';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

const tooMany = (retryAfterS: number) => expect.objectContaining({ code: 'too_many', retryable: true, retryAfterS });

describe('[I3] guessing', () => {
  it('is bounded for each guesser, and begins anew after the window', async () => {
    const limit = createGuessLimit({ what: 'codes', each: 3, all: 100, windowS: 60 });
    for (let at = 0; at < 3; at++) await limit.guess('a');
    vi.advanceTimersByTime(20_000);
    await expect(limit.guess('a')).rejects.toEqual(tooMany(40));
    await limit.guess('b');
    vi.advanceTimersByTime(40_000);
    await limit.guess('a');
  });

  it('is bounded for all together, and who is refused alone uses up nothing of the others', async () => {
    const limit = createGuessLimit({ what: 'codes', each: 3, all: 5, windowS: 60 });
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => limit.guess('a'))); // side by side
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const guesser of ['b', 'c']) await limit.guess(guesser);
    await expect(limit.guess('d')).rejects.toThrow(/all addresses together: wait 60 s/);
  });

  it('does not count what was right', async () => {
    const limit = createGuessLimit({ what: 'codes', each: 2, all: 2, windowS: 60 });
    for (let at = 0; at < 20; at++) {
      await limit.guess('a');
      await limit.right('a');
    }
  });

  it('of tokens holds up the admin of that address for a minute, and nobody else', async () => {
    const limit = createTokenLimit();
    const wrong = { kind: 'anonymous', local: false, why: '' } as const;
    for (let at = 0; at < 30; at++) await limit(wrong, '203.0.113.9');
    await expect(limit(wrong, '203.0.113.9')).rejects.toEqual(tooMany(60));
    await expect(limit({ kind: 'admin' }, '203.0.113.9')).rejects.toEqual(tooMany(60));
    await limit({ kind: 'device', id: 'D', user: 'admin' }, '203.0.113.9');
    await limit({ kind: 'admin' }, '203.0.113.10');
    for (let at = 0; at < 100; at++) await limit(wrong, '127.0.0.1');
    vi.advanceTimersByTime(60_000);
    await limit({ kind: 'admin' }, '203.0.113.9');
  });
});

it.each([
  ['203.0.113.9', '', '203.0.113.9'], ['203.0.113.9', '198.51.100.1', '203.0.113.9'], // a stranger's word
  ['127.0.0.1', '', '127.0.0.1'], ['127.0.0.1', 'spoofed, 198.51.100.1', '198.51.100.1'], ['::1', '2001:db8::7', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '', '2001:db8:1:2::/64'], ['2001:0db8:0001:0002:ffff:0000:0000:0001', '', '2001:db8:1:2::/64'], ['2001:DB8:1:2::9', '', '2001:db8:1:2::/64'], ['::1', '', '::1'],
])('[I3] counts %s forwarding for "%s" as %s', (remote, forwardedFor, guesser) => {
  expect(guesserOf(remote, forwardedFor)).toBe(guesser);
});
