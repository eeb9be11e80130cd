// One-time codes that turn into a device's token. They live in memory only: a code is worth a token for ten minutes, nothing at
// rest can leak it, and after a restart making another is one click.
import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Refused } from '../errors.ts';

export type PairingCodes = {
  /** Shown as `ABCD-EFGH`. */
  make(user: string): { code: string; expiresAt: number };
  /** Uses a code up and runs `use` for the user who made it; where that fails, the code is good again. Throws `Refused unauthorized`. */
  redeem<T>(code: string, use: (user: string) => Promise<T>): Promise<T>;
};

/** No two of them look or sound alike: without 0 O, 1 I L, 2 Z, 5 S, 8 B. */
const ALPHABET = 'ACDEFGHJKMNPQRTUVWXY34679';
const LENGTH = 8;
const VALID_MS = 10 * 60_000;
/** Codes at a time; one more takes the place of the oldest. */
const MAX_CODES = 20;

export const createPairingCodes = ({ clock, random = randomInt }: { clock: Clock; random?: (below: number) => number }): PairingCodes => {
  const codes = new Map<string, { user: string; expiresAt: number }>();
  const prune = (): void => {
    for (const [code, { expiresAt }] of codes) if (expiresAt <= clock.now()) codes.delete(code);
    for (const code of codes.keys()) if (codes.size >= MAX_CODES) codes.delete(code);
  };
  return {
    make: (user) => {
      prune();
      const code = Array.from({ length: LENGTH }, () => ALPHABET[random(ALPHABET.length)]).join('');
      const expiresAt = clock.now() + VALID_MS;
      codes.set(code, { user, expiresAt });
      return { code: `${code.slice(0, 4)}-${code.slice(4)}`, expiresAt };
    },
    redeem: async (shown, use) => {
      const code = shown.toUpperCase().replaceAll(/[\s-]/g, '');
      const found = codes.get(code);
      if (!found || found.expiresAt <= clock.now()) throw new Refused('unauthorized', 'this pairing code is wrong, used or older than ten minutes: make another under Devices in the dashboard, or with npm run pair');
      codes.delete(code);
      try {
        return await use(found.user);
      } catch (error) {
        codes.set(code, found);
        throw error;
      }
    },
  };
};
