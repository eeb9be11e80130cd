// Joining words of one window to those already committed (rules W): committed words never change.
import type { Word } from '../../shared/model.ts';

/** Spelling that two hearings of one word share: lower case, letters, digits and apostrophes inside. */
export const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[’`]/g, "'")
    .replace(/[^\p{L}\p{N}']+/gu, '')
    .replace(/^'+|'+$/g, '');

/** Words that may follow what is committed: none whose middle lies before `committedUntilMs`, none that is the last one heard twice. */
export const wordsAfter = (words: Word[], committedUntilMs: number, last: Word | null): Word[] => {
  const after = words.filter((word) => (word.startMs + word.endMs) / 2 >= committedUntilMs);
  const [first] = after;
  const doubled = first && last && plain(first.text) === plain(last.text) && first.startMs < last.endMs;
  return (doubled ? after.slice(1) : after).map((word) => {
    const startMs = Math.max(word.startMs, last?.endMs ?? 0);
    return { ...word, startMs, endMs: Math.max(startMs, word.endMs) };
  });
};
