import { expect, it } from 'vitest';
import { recording } from '../ui/testing/scene.ts';
import { chosenOf, followable } from './choice.ts';

const list = followable([
  recording({ key: 'a', session: 'a', state: 'stopped', startedAt: 9 }), recording({ key: 'b', session: 'b', startedAt: 1 }),
  recording({ key: 'c', session: null, startedAt: 8 }), recording({ key: 'd', session: 'd', startedAt: 5 }),
]);
it('offers what the server knows, running ones first, newest first', () => expect(list.map(({ key }) => key)).toEqual(['d', 'b', 'a']));
it('stays with the one chosen until it goes', () => {
  expect(chosenOf(list, 'a')?.key).toBe('a');
  expect(chosenOf(list, 'gone')?.key).toBe('d');
  expect(chosenOf([], 'a')).toBeNull();
});
