import { expect, it } from 'vitest';
import type { Word } from './model.ts';
import { extendLines, wordAt, type Line } from './lines.ts';

const say = (text: string, startMs = 0): Word[] => text.split(' ').map((word, index) => ({ text: word, startMs: startMs + index * 300, endMs: startMs + index * 300 + 250, confidence: 1 }));
const read = (lines: Line[]): string[] => lines.map((line) => line.words.map(({ text }) => text).join(' '));

it('breaks at a pause, after a sentence, and when long', () => {
  const words = [...say('well. this one goes on until it ends. next'), ...say('after a pause', 10_000), ...say(Array(30).fill('la').join(' '), 20_000)];
  expect(read(extendLines([], words))).toEqual(['well. this one goes on until it ends.', 'next', 'after a pause', Array(22).fill('la').join(' '), Array(8).fill('la').join(' ')]);
});

it('keeps earlier lines as they are while words arrive, and starts anew for another transcript', () => {
  const words = [...say('one two'), ...say('three four', 5_000), ...say('five', 9_000)];
  let lines: Line[] = [];
  let first: Line | undefined;
  for (let count = 1; count <= words.length; count += 1) {
    lines = extendLines(lines, words.slice(0, count));
    if (count === 2) first = lines[0];
  }
  expect(lines).toEqual(extendLines([], words));
  expect(lines[0]).toBe(first);
  expect(read(extendLines(lines, say('something else')))).toEqual(['something else']);
  expect(extendLines(lines, [])).toEqual([]);
});

it('finds the word being said', () => {
  const words = say('a b c', 1_000);
  expect(wordAt(words, 999)).toBe(-1);
  expect(wordAt(words, 1_000)).toBe(0);
  expect(wordAt(words, 1_350)).toBe(1);
  expect(wordAt(words, 1_600)).toBe(2);
  expect(wordAt(words, 60_000)).toBe(-1);
  expect(wordAt([], 5)).toBe(-1);
});
