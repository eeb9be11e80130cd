// Strength of feeling in words, by lexicon.
import type { Word } from '../../shared/model.ts';
import { SENTIMENT_WORDS } from './sentiment-words.ts';
import { tokenOf } from './tokens.ts';

export type Sentiment = { /** sum of |valence| */ strength: number; /** the strongest words, as spoken */ words: string[] };

export const sentimentOf = (words: Word[]): Sentiment => {
  const felt = words
    .map((word) => ({ text: tokenOf(word.text), valence: Math.abs(SENTIMENT_WORDS.get(tokenOf(word.text)) ?? 0) }))
    .filter(({ valence }) => valence > 0);
  return {
    strength: felt.reduce((sum, { valence }) => sum + valence, 0),
    words: [...new Set(felt.filter(({ valence }) => valence >= 3).sort((a, b) => b.valence - a.valence).map(({ text }) => text))].slice(0, 3),
  };
};
