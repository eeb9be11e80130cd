// Words grouped into lines a person reads: broken at a pause, at the end of a sentence, or when long.
import type { Word } from './model.ts';

export type Line = { startMs: number; endMs: number; from: number; words: Word[] };

const PAUSE_MS = 900;
const LONG_WORDS = 22;
const SENTENCE_WORDS = 7;
/** Characters a person can shape a rule with; anything with letters beyond that is still one word. */
const SENTENCE_END = /[.!?…。！？]["'”’)]?$/u;

const breaksAfter = (line: Line, next: Word): boolean => {
  const last = line.words.at(-1);
  if (!last) return false;
  if (next.startMs - last.endMs >= PAUSE_MS || line.words.length >= LONG_WORDS) return true;
  return line.words.length >= SENTENCE_WORDS && SENTENCE_END.test(last.text.trim());
};

/** Committed words never change, so lines made before are kept (same objects) and only the last one may grow. */
export const extendLines = (lines: readonly Line[], words: readonly Word[]): Line[] => {
  const made = lines.at(-1);
  const done = made ? made.from + made.words.length : 0;
  if (done > words.length || (made && words[made.from] !== made.words[0])) return extendLines([], words); // another transcript
  if (done === words.length) return lines.slice();
  const out = lines.slice();
  for (let index = done; index < words.length; index += 1) {
    const word = words[index]!;
    const line = out.at(-1);
    if (!line || breaksAfter(line, word)) out.push({ startMs: word.startMs, endMs: word.endMs, from: index, words: [word] });
    else out[out.length - 1] = { ...line, endMs: word.endMs, words: [...line.words, word] };
  }
  return out;
};

/** The word being said at `ms`, or −1 in a pause. Words are in order. */
export const wordAt = (words: readonly Word[], ms: number): number => {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle]!.startMs <= ms) low = middle + 1;
    else high = middle;
  }
  const word = words[low - 1];
  return word && ms < word.endMs + 250 ? low - 1 : -1;
};
