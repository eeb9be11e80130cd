// The words of a session, folded second by second once they are committed: rate, phrases, feeling, and their distribution.
import type { Word } from '../../shared/model.ts';
import { createDistribution } from './distribution.ts';
import { createPhraseFinder, type PhraseHit } from './phrases.ts';
import type { WordEvidence } from './score.ts';
import { sentimentOf } from './sentiment.ts';
import type { Phrase } from './settings.ts';

/** Words remembered: about two hours of speech. */
const KEPT_WORDS = 20_000;
const KEPT_HITS = 500;
const KEPT_SECONDS = 3_600;

export type WordSecond = { rate: number; phrase: number; sentiment: number; hits: PhraseHit[] };

export const createWordLane = (phrases: Phrase[]) => {
  const finder = createPhraseFinder(phrases);
  const distribution = createDistribution();
  let words: Word[] = [];
  let hits: PhraseHit[] = [];
  const rates = new Map<number, number>();
  /** words before this index are folded */
  let folded = 0;
  let second = 0;

  const between = (startMs: number, endMs: number): Word[] => {
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle]!.startMs < startMs - 30_000) low = middle + 1; // middle < length; no word lasts 30 s
      else high = middle;
    }
    const found: Word[] = [];
    for (let i = low; i < words.length && words[i]!.startMs < endMs; i++) if (words[i]!.endMs > startMs) found.push(words[i]!); // i < length
    return found;
  };

  return {
    /** Committed words in order; one that was there already is passed over. */
    add: (fresh: Word[]): void => {
      for (const word of fresh) {
        const last = words.at(-1);
        const known = last && (word.startMs < last.startMs || (word.startMs === last.startMs && word.text === last.text));
        if (!known && word.endMs >= word.startMs) words.push(word);
      }
      const surplus = Math.min(folded, words.length - KEPT_WORDS);
      if (surplus > KEPT_WORDS / 10) {
        words = words.slice(surplus);
        folded -= surplus;
      }
    },
    /** the next second to be folded */
    second: (): number => second,
    fold: (): WordSecond => {
      const fresh: Word[] = [];
      const limitMs = (second + 1) * 1000;
      for (let word = words[folded]; word && word.endMs < limitMs; word = words[folded]) {
        fresh.push(word);
        folded += 1;
      }
      const found = fresh.flatMap((word) => finder.push(word));
      hits = [...hits, ...found].slice(-KEPT_HITS);
      const value = { rate: fresh.length, phrase: found.reduce((sum, hit) => sum + hit.weight, 0), sentiment: sentimentOf(fresh).strength, hits: found };
      if (fresh.length > 0) rates.set(second, fresh.length);
      const oldest = rates.keys().next();
      if (!oldest.done && oldest.value < second - KEPT_SECONDS) rates.delete(oldest.value);
      distribution.add({ rate: value.rate, sentiment: value.sentiment });
      second += 1;
      return value;
    },
    between,
    /** what was said in [startMs, endMs]; null where nothing was */
    evidence: (startMs: number, endMs: number): WordEvidence | null => {
      const said = between(startMs, endMs);
      if (said.length === 0) return null;
      let rate = 0;
      let strongest = 0;
      for (let at = Math.floor(startMs / 1000); at * 1000 < endMs; at++) {
        rate = Math.max(rate, rates.get(at) ?? 0);
        strongest = Math.max(strongest, sentimentOf(said.filter((word) => Math.floor(word.endMs / 1000) === at)).strength);
      }
      return {
        phrases: hits.filter((hit) => hit.endMs > startMs && hit.startMs < endMs),
        sentiment: sentimentOf(said),
        sentimentPercentile: distribution.percentile('sentiment', strongest),
        rate,
        ratePercentile: distribution.percentile('rate', rate),
      };
    },
  };
};
export type WordLane = ReturnType<typeof createWordLane>;
