// Words an engine in a test hears: one every 250 ms, each unlike any other, named after its number.
import type { Word } from '../../shared/model.ts';

export const WORD_MS = 250;
export const countedWords = ({ startMs, endMs }: { startMs: number; endMs: number }): Word[] => {
  const words: Word[] = [];
  for (let n = Math.ceil(startMs / WORD_MS); (n + 0.8) * WORD_MS <= endMs; n += 1) words.push({ startMs: n * WORD_MS, endMs: (n + 0.8) * WORD_MS, text: `word${n}`, confidence: 0.9 });
  return words;
};
