import { describe, expect, it } from 'vitest';
import { createPairingCodes } from './pairing-codes.ts';

const setUp = () => {
  let nowMs = 1_000;
  const codes = createPairingCodes({ clock: { now: () => nowMs, monotonic: () => nowMs, after: () => () => undefined } });
  return { codes, pass: (ms: number) => { nowMs += ms; }, redeem: (code: string) => codes.redeem(code, (user) => Promise.resolve(user)) };
};
const refused = expect.objectContaining({ code: 'unauthorized', message: expect.stringContaining('npm run pair') });

describe('[I1] a pairing code', () => {
  it('is eight characters nobody mistakes, and differs each time', () => {
    const { codes } = setUp();
    const made = Array.from({ length: 500 }, () => codes.make('admin').code);
    for (const code of made) expect(code).toMatch(/^[ACDEFGHJKMNPQRTUVWXY34679]{4}-[ACDEFGHJKMNPQRTUVWXY34679]{4}$/);
    expect(new Set(made).size).toBe(500);
    expect(new Set(made.join('')).size).toBe(26); // all of the alphabet, and the dash
  });

  it('works once, however it is typed', async () => {
    const { codes, redeem } = setUp();
    const { code } = codes.make('admin');
    expect(await redeem(` ${code.toLowerCase().replace('-', ' ')} `)).toBe('admin');
    await expect(redeem(code)).rejects.toEqual(refused);
    for (const wrong of ['', '-', 'AAAA-AAAA', '__proto__', 'constructor']) await expect(redeem(wrong)).rejects.toEqual(refused);
  });

  it('works once also when it is used twice at the same time, and again where its use failed', async () => {
    const { codes, redeem } = setUp();
    const { code } = codes.make('admin');
    await expect(codes.redeem(code, () => Promise.reject(new Error('the database is away')))).rejects.toThrow('the database is away');
    expect((await Promise.allSettled([redeem(code), redeem(code), redeem(code)])).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('works for ten minutes', async () => {
    const { codes, pass, redeem } = setUp();
    const [first, second] = [codes.make('admin'), codes.make('admin')];
    expect(first.expiresAt).toBe(601_000);
    pass(599_999);
    expect(await redeem(first.code)).toBe('admin');
    pass(1);
    await expect(redeem(second.code)).rejects.toEqual(refused);
  });

  it('gives way to newer ones when there are more than twenty', async () => {
    const { codes, redeem } = setUp();
    const made = Array.from({ length: 21 }, () => codes.make('admin').code);
    await expect(redeem(made[0]!)).rejects.toEqual(refused);
    for (const code of made.slice(1)) expect(await redeem(code)).toBe('admin');
  });
});
