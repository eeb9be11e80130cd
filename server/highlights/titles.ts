// A title from what was said, or from what was heard and when.
import type { Reason, Word } from '../../shared/model.ts';
import { sentimentOf } from './sentiment.ts';
import type { PhraseHit } from './phrases.ts';

const LONGEST = 64;
const SENTENCE_PAUSE_MS = 700;
const SENTENCE_WORDS = 14;

export type Sentence = { startMs: number; endMs: number; words: Word[] };

export const sentencesOf = (words: Word[]): Sentence[] => {
  const sentences: Sentence[] = [];
  let open: Word[] = [];
  const close = (): void => {
    const [first] = open;
    if (first) sentences.push({ startMs: first.startMs, endMs: open.at(-1)!.endMs, words: open }); // open is not empty
    open = [];
  };
  for (const word of words) {
    if (open.length > 0 && word.startMs - open.at(-1)!.endMs > SENTENCE_PAUSE_MS) close(); // length was checked
    open.push(word);
    if (/[.!?…]["”’)]*$/u.test(word.text) || open.length >= SENTENCE_WORDS) close();
  }
  close();
  return sentences;
};

/** Plain text of one line, control characters and repeated spaces removed, cut at a word. */
export const trimTitle = (text: string): string => {
  const clean = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  if (clean.length <= LONGEST) return clean;
  const cut = clean.slice(0, LONGEST - 1);
  return `${cut.slice(0, cut.lastIndexOf(' ') > LONGEST / 2 ? cut.lastIndexOf(' ') : LONGEST - 1).trimEnd()}…`;
};

export const textOf = (words: Word[]): string => words.map((word) => word.text.trim()).join(' ');

/** The best sentence around the peak; null where nothing was said. */
export const titleFromWords = (words: Word[], peakMs: number, phrases: PhraseHit[]): string | null => {
  const rated = sentencesOf(words).map((sentence) => {
    const hit = phrases.filter((phrase) => phrase.startMs < sentence.endMs && phrase.endMs > sentence.startMs).reduce((sum, phrase) => sum + Math.max(0, phrase.weight), 0);
    const distance = Math.max(0, sentence.startMs - peakMs, peakMs - sentence.endMs) / 1000;
    return { sentence, value: 2 * hit + 0.15 * sentimentOf(sentence.words).strength + (sentence.words.length >= 3 ? 0.5 : 0) - 0.15 * distance };
  });
  const best = rated.sort((a, b) => b.value - a.value || a.sentence.startMs - b.sentence.startMs)[0];
  const title = best ? trimTitle(textOf(best.sentence.words)) : '';
  return title === '' ? null : title.charAt(0).toUpperCase() + title.slice(1);
};

const clockOf = (ms: number): string => {
  const s = Math.floor(ms / 1000);
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return (parts[0] === 0 ? parts.slice(1) : parts).map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
};

export const titleFromSound = (reasons: Reason[], peakMs: number): string => {
  const has = (signal: Reason['signal'], least: number): boolean => reasons.some((reason) => reason.signal === signal && reason.value >= least);
  const what = has('laughter', 0.4) ? 'Laughter or cheering' : has('voice', 0.5) ? 'Loud voices' : has('silence', 0.01) ? 'Sudden silence' : 'Loud moment';
  return `${what} at ${clockOf(peakMs)}`;
};
