// What a judge's verdict does to a highlight. Only what it quotes counts: text that was not said voids it, and times, titles and
// reasons are taken from the words found, never from the model.
import type { Highlight, Word } from '../../shared/model.ts';
import type { Verdict } from '../ports.ts';
import { breathe, type Span } from './boundaries.ts';
import { findLastQuote, findQuote } from './quotes.ts';
import { MAX_CLIP_MS, MIN_CLIP_MS } from './settings.ts';
import { textOf, trimTitle } from './titles.ts';

const MIN_QUOTE_LETTERS = 5;

/** `words` are those the judge was shown. Null when the verdict is void. */
export const judged = (highlight: Highlight, words: Word[], verdict: Verdict, limitMs: number): Highlight | null => {
  const quote = findQuote(words, verdict.quote);
  if (!quote) return null;
  const said = textOf(words.slice(quote.first, quote.last + 1));
  if (said.length < MIN_QUOTE_LETTERS) return null;
  const atMs = words[quote.first]!.startMs; // found in these words
  const reason = { signal: 'judge' as const, value: verdict.keep ? 1 : 0, percentile: 1, atMs, text: `${verdict.keep ? 'kept' : 'rejected'} by the judge for “${trimTitle(said)}”` };
  const version = highlight.version + 1;
  const reasons = [...highlight.reasons, reason];
  if (!verdict.keep) return { ...highlight, version, state: 'vetoed', reasons };
  const titled = findQuote(words, verdict.title);
  const title = trimTitle(titled ? textOf(words.slice(titled.first, titled.last + 1)) : said);
  const span = spanOf(highlight, words, verdict, limitMs) ?? { startMs: highlight.startMs, endMs: highlight.endMs };
  return { ...highlight, ...span, version, title: title.charAt(0).toUpperCase() + title.slice(1), reasons };
};

const spanOf = (highlight: Highlight, words: Word[], verdict: Verdict, limitMs: number): Span | null => {
  const first = findLastQuote(words.filter((word) => word.startMs <= highlight.peakMs), verdict.firstWords);
  const last = first && findQuote(words, verdict.lastWords, first.first);
  const from = first && words[first.first];
  const to = last && words[last.last];
  if (!from || !to) return null;
  const span = breathe(words, from, to);
  const length = span.endMs - span.startMs;
  const holdsPeak = span.startMs <= highlight.peakMs && span.endMs >= highlight.peakMs;
  return length >= MIN_CLIP_MS && length <= MAX_CLIP_MS && span.endMs <= limitMs && holdsPeak ? span : null;
};
