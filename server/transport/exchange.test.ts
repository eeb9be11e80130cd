import { expect, it } from 'vitest';
import { closeReason, plainAddress, splitTarget } from './exchange.ts';

it('[N1] writes peer addresses alike for both engines', () => {
  expect(['127.0.0.1', '::1', '::ffff:10.1.2.3', '0000:0000:0000:0000:0000:ffff:0a01:0203', '0000:0000:0000:0000:0000:0000:0000:0001', '2001:db8::1'].map(plainAddress)).toEqual([
    '127.0.0.1', '::1', '10.1.2.3', '10.1.2.3', '::1', '2001:db8::1',
  ]);
});

it('[N1] takes targets that are paths only', () => {
  expect(['*', 'http://a/b', '', 'a'].map(splitTarget)).toEqual([null, null, null, null]);
  expect(splitTarget('/a?b=1?c')).toMatchObject({ path: '/a' });
});

it('[N6] cuts close reasons at a whole character', () => {
  expect(closeReason('é'.repeat(200))).toBe('é'.repeat(60));
  expect(Buffer.byteLength(closeReason(`a${'🎉'.repeat(100)}`).toWellFormed())).toBeLessThanOrEqual(123);
});
