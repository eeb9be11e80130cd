// Bounds guessing, of pairing codes and of tokens: so many wrong ones from one address, and from all together.
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Refused } from '../errors.ts';
import type { Subject } from './auth.ts';

export type GuessLimit = {
  /** Counts a guess before it is looked at: guesses made side by side cannot outrun the count. Throws `Refused too_many`. */
  guess(guesser: string): Promise<void>;
  /** It was right, and does not count. */
  right(guesser: string): Promise<void>;
};

export type GuessLimitOptions = {
  /** what is guessed, plural */
  what: string;
  /** wrong guesses of one guesser, and of all together, in `windowS` */
  each: number;
  all: number;
  windowS: number;
};

const EVERYBODY = 'everybody';

export const createGuessLimit = ({ what, each, all, windowS }: GuessLimitOptions): GuessLimit => {
  const ofOne = new RateLimiterMemory({ points: each, duration: windowS });
  const ofAll = new RateLimiterMemory({ points: all, duration: windowS });
  const consume = async (limiter: RateLimiterMemory, key: string, who: string): Promise<void> => {
    try {
      await limiter.consume(key);
    } catch (left) {
      if (!(left instanceof RateLimiterRes)) throw left;
      const waitS = Math.max(1, Math.ceil(left.msBeforeNext / 1_000));
      throw new Refused('too_many', `too many wrong ${what} from ${who}: wait ${waitS} s and try again`, { retryAfterS: waitS });
    }
  };
  return {
    guess: async (guesser) => {
      await consume(ofOne, guesser, guesser); // first: who is refused here uses up nothing of the others
      await consume(ofAll, EVERYBODY, 'all addresses together');
    },
    right: async (guesser) => {
      await Promise.all([ofOne.reward(guesser), ofAll.reward(EVERYBODY)]);
    },
  };
};

/** Eight characters of 25 and at most 20 codes at a time: a hundred guesses find one with a chance of 1 in 76 million. */
export const createCodeLimit = (): GuessLimit => createGuessLimit({ what: 'pairing codes', each: 10, all: 100, windowS: 600 });

/**
 * For whoever shows a token. Tokens of devices are too long to guess, so they pass; an admin token may be of somebody's own
 * choice. No bound for all together: it would let strangers lock the admin out. This machine is not bounded either, since a
 * proxy on it that does not say whom it forwards for speaks for everybody.
 */
export const createTokenLimit = (): ((subject: Subject, guesser: string) => Promise<void>) => {
  const limit = createGuessLimit({ what: 'tokens', each: 30, all: Number.MAX_SAFE_INTEGER, windowS: 60 });
  return async (subject, guesser) => {
    if (subject.kind === 'device' || LOOPBACK.test(guesser)) return;
    await limit.guess(guesser);
    if (subject.kind === 'admin') await limit.right(guesser);
  };
};

const LOOPBACK = /^(127\.|::1$)/;

/**
 * Whose guesses count together: the peer, or whom a proxy on this machine says it forwards for. An IPv6 address counts by its
 * first 64 bits, as one household or server has all of the rest.
 */
export const guesserOf = (remote: string, forwardedFor: string): string => {
  const last = forwardedFor.split(',').at(-1)?.trim() ?? '';
  const address = LOOPBACK.test(remote) && last !== '' ? last.slice(0, 64) : remote;
  if (!address.includes(':') || LOOPBACK.test(address)) return address;
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [head.split(':').filter(Boolean), tail.split(':').filter(Boolean)];
  const groups = [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0'), ...after];
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '').toLowerCase()).join(':')}::/64`;
};
