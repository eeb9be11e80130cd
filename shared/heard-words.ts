// What a batch of words must be before it may travel, and how one that is too large is cut (P18).
import type { HeardWords } from './model.ts';
import { MAX_FRAME_WORDS, MAX_WORD_MS } from './protocol.ts';

export type WordsFault = { code: 'bad_frame' | 'too_large'; message: string };

const bad = (message: string): WordsFault => ({ code: 'bad_frame', message });

/** Why the times of a batch make no sense, naming field, value and remedy; null where they do. */
export const timesFault = ({ fromMs, untilMs, words }: HeardWords): WordsFault | null => {
  if (!(untilMs >= fromMs)) return bad(`untilMs is ${untilMs}; send at least fromMs, ${fromMs}`);
  let earliestMs = fromMs;
  for (const [at, { startMs, endMs }] of words.entries()) {
    if (!(startMs >= earliestMs && startMs < untilMs)) return bad(`words.${at}.startMs is ${startMs}; send words in order, each beginning in ${earliestMs}..${untilMs}`);
    if (!(endMs >= startMs && endMs <= startMs + MAX_WORD_MS)) return bad(`words.${at}.endMs is ${endMs}; send ${startMs}..${startMs + MAX_WORD_MS}`);
    earliestMs = startMs;
  }
  return null;
};

export const wordsFault = (batch: HeardWords): WordsFault | null =>
  batch.words.length > MAX_FRAME_WORDS ? { code: 'too_large', message: `words holds ${batch.words.length}; send at most ${MAX_FRAME_WORDS} in a frame` } : timesFault(batch);

/**
 * Cuts a batch into frames. Each cut lies where a word begins, so that the stretches stay apart; null where more words than a
 * frame holds begin at the same time.
 */
export const framesOf = ({ fromMs, untilMs, words }: HeardWords): HeardWords[] | null => {
  if (words.length <= MAX_FRAME_WORDS) return [{ fromMs, untilMs, words }];
  let cut = MAX_FRAME_WORDS;
  while (cut > 0 && words[cut]?.startMs === words[cut - 1]?.startMs) cut -= 1;
  const next = words[cut];
  if (cut === 0 || !next) return null;
  const rest = framesOf({ fromMs: next.startMs, untilMs, words: words.slice(cut) });
  return rest && [{ fromMs, untilMs: next.startMs, words: words.slice(0, cut) }, ...rest];
};
