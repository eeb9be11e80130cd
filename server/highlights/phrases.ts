// Trigger phrases in a stream of words: exact normalised tokens in a row, with no long pause between them.
import type { Word } from '../../shared/model.ts';
import type { Phrase } from './settings.ts';
import { tokenOf, tokensOf } from './tokens.ts';

/** A longer pause than this breaks a phrase, ms. */
const PAUSE_MS = 1_500;
const MAX_TOKENS = 12;

export type PhraseHit = { text: string; weight: number; startMs: number; endMs: number };
export type PhraseFinder = { /** phrases that end with the word pushed, longest first */ push(word: Word): PhraseHit[] };

export const createPhraseFinder = (phrases: Phrase[]): PhraseFinder => {
  const byLast = new Map<string, { tokens: string[]; phrase: Phrase }[]>();
  for (const phrase of phrases) {
    const tokens = tokensOf(phrase.text);
    const last = tokens.at(-1);
    if (last === undefined || tokens.length > MAX_TOKENS) continue;
    byLast.set(last, [...(byLast.get(last) ?? []), { tokens, phrase }].sort((a, b) => b.tokens.length - a.tokens.length));
  }
  let recent: { token: string; word: Word }[] = [];

  return {
    push: (word) => {
      const token = tokenOf(word.text);
      if (token === '') return [];
      if (word.startMs - (recent.at(-1)?.word.endMs ?? word.startMs) > PAUSE_MS) recent = [];
      recent = [...recent, { token, word }].slice(-MAX_TOKENS);
      return (byLast.get(token) ?? [])
        .filter(({ tokens }) => tokens.length <= recent.length && tokens.every((wanted, i) => recent[recent.length - tokens.length + i]?.token === wanted))
        .map(({ tokens, phrase }) => ({ text: phrase.text, weight: phrase.weight, startMs: recent[recent.length - tokens.length]!.word.startMs, endMs: word.endMs })); // length was checked
    },
  };
};
