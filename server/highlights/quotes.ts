// Finds what somebody claims was said. Letters must match exactly once case, accents, punctuation and spacing are gone, and the
// match must begin and end at a word: a judge can point at words, never put new ones in.
import type { Word } from '../../shared/model.ts';
import { tokenOf, tokensOf } from './tokens.ts';

export type Found = { first: number; last: number };

/** Index range of the words quoted, the earliest at or after `from`; null when they were not said. */
export const findQuote = (words: Word[], quote: string, from = 0): Found | null => {
  const wanted = tokensOf(quote).join('');
  if (wanted === '') return null;
  const tokens = words.map((word) => tokenOf(word.text));
  for (let first = from; first < tokens.length; first++) {
    if (tokens[first] === '') continue;
    let said = '';
    for (let last = first; last < tokens.length && said.length < wanted.length; last++) {
      said += tokens[last];
      if (!wanted.startsWith(said)) break;
      if (said === wanted) return { first, last };
    }
  }
  return null;
};

/** The last place the words quoted were said. */
export const findLastQuote = (words: Word[], quote: string, from = 0): Found | null => {
  let found: Found | null = null;
  for (let next = findQuote(words, quote, from); next; next = findQuote(words, quote, next.first + 1)) found = next;
  return found;
};
