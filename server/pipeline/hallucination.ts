// What speech engines invent on silence and music, and how it shows in the words (rules W). What the engine itself says about a
// segment (no-speech probability, log-probability, compression) is judged where its answer is read: adapters/speech-answer.ts. Pure.
import type { Word } from '../../shared/model.ts';
import { MAX_WORD_TEXT } from '../../shared/protocol.ts';
import { plain } from './merge-words.ts';

export type HearingContext = {
  startMs: number;
  endMs: number;
  /** share of `[startMs, endMs)` with voice activity, 0..1; null where it is not known */
  voice: (startMs: number, endMs: number) => number | null;
};

export type Filtered = { words: Word[]; /** reason → words removed */ dropped: Record<string, number> };

/** below this share of voice a known phrase is not believed */
const NEAR_SILENCE = 0.35;
/** a pause this long separates utterances */
const UTTERANCE_GAP_MS = 700;
const SHORTEST_WORD_MS = 20;
const LONGEST_WORD_MS = 3_000;
/** times a phrase may follow itself; "no no no no" is speech */
const REPEATS: Record<number, number> = { 1: 8, 2: 4 };
const REPEATS_OF_LONGER = 3;
const LONGEST_PHRASE = 8;

/** What Whisper models say most often when nobody speaks, spelt as `plain` gives it. */
const PHRASES = [
  'thank you', 'thank you very much', 'thank you so much', 'thanks', 'thanks for watching', 'thank you for watching', 'thank you so much for watching',
  'thanks for listening', 'thank you for listening', 'please subscribe', 'please subscribe to my channel', 'please like and subscribe', 'like and subscribe',
  'subscribe', 'see you in the next video', 'see you next time', 'see you', 'bye', 'bye bye', 'you', 'okay', 'oh', 'the end', 'to be continued', 'silence', 'music',
  'applause', 'i dont know', 'so', 'well be right back', 'subtitles by the amaraorg community', 'subtitles by', 'transcription by castingwords', 'captions by',
  'copyright', 'all rights reserved', 'untertitel im auftrag des zdf', 'untertitelung des zdf 2020', 'vielen dank', 'vielen dank fürs zuschauen',
  'sous titres réalisés par la communauté damaraorg', 'merci davoir regardé cette vidéo', 'gracias por ver el video', 'obrigado por assistir', 'продолжение следует', 'ご視聴ありがとうございました',
];
const known = new Set(PHRASES);
const CREDITS = /\b(amara ?org|castingwords|subtitles? by|captions? by|transcri(bed|ption) by|untertitel|sous titres)\b/;

const spelt = (words: Word[]): string => words.map((word) => plain(word.text).replace(/'/g, '')).filter(Boolean).join(' ');

/** Split at pauses and sentence ends: an invented phrase stands alone. */
const utterances = (words: Word[]): Word[][] => {
  const result: Word[][] = [];
  let before: Word | null = null;
  for (const word of words) {
    const apart = !before || word.startMs - before.endMs > UTTERANCE_GAP_MS || /[.?!…。！？]["')]?$/.test(before.text);
    if (apart) result.push([word]);
    else result.at(-1)?.push(word);
    before = word;
  }
  return result;
};

const verdict = (utterance: Word[], context: HearingContext): string | null => {
  const [first, last] = [utterance[0], utterance.at(-1)];
  if (!first || !last) return null;
  const voice = context.voice(Math.max(context.startMs, first.startMs), Math.min(context.endMs, last.endMs));
  if (voice === null || voice >= NEAR_SILENCE) return null;
  const text = spelt(utterance);
  if (known.has(text)) return 'phrase on silence';
  return CREDITS.test(text) ? 'credits' : null;
};

/** Keeps a phrase said over and over as often as people say it. */
const withoutLoops = (words: Word[]): Word[] => {
  // spelt once: an answer may hold thousands of words
  let kept = words.map((word) => ({ word, text: spelt([word]) }));
  const joined = (from: number, to: number): string => kept.slice(from, to).map(({ text }) => text).filter(Boolean).join(' ');
  for (let length = 1; length <= LONGEST_PHRASE; length++) {
    const limit = REPEATS[length] ?? REPEATS_OF_LONGER;
    const result: typeof kept = [];
    for (let at = 0; at < kept.length; ) {
      const phrase = joined(at, at + length);
      let times = 1;
      const following = (n: number): string => joined(at + n * length, at + (n + 1) * length);
      if (phrase) while (at + (times + 1) * length <= kept.length && following(times) === phrase) times++;
      const looping = times > limit;
      result.push(...kept.slice(at, at + (looping ? length : 1)));
      at += looping ? times * length : 1;
    }
    kept = result;
  }
  return kept.map(({ word }) => word);
};

/** Text that every viewer can decode: one line, well formed, no longer than a client's own word may be. */
const readable = (text: string): string => text.toWellFormed().replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, MAX_WORD_TEXT).replace(/[\uD800-\uDBFF]$/, '');

/** In order, inside the audio, none of no length; a word before the one said earlier starts where that ends. */
export const repairTimes = (words: Word[], startMs: number, endMs: number): Word[] => {
  const repaired: Word[] = [];
  for (const word of words) {
    const finite = Number.isFinite(word.startMs) && Number.isFinite(word.endMs);
    if (!finite || word.startMs >= endMs || Math.max(word.endMs, word.startMs) <= startMs || word.text.trim() === '') continue;
    const from = Math.max(word.startMs, startMs, repaired.at(-1)?.endMs ?? startMs);
    const to = Math.min(Math.max(word.endMs, from + SHORTEST_WORD_MS), from + LONGEST_WORD_MS, endMs);
    if (to > from) repaired.push({ ...word, text: word.text.trim(), startMs: from, endMs: to, confidence: Math.min(1, Math.max(0, word.confidence || 0)) });
  }
  return repaired;
};

/** Words of an engine's answer that were most likely said. */
export const filterHallucinations = (heard: Word[], context: HearingContext): Filtered => {
  const dropped: Record<string, number> = {};
  const drop = (reason: string, count: number): void => {
    if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
  };
  const said = heard.map((word) => ({ ...word, text: readable(word.text) })).filter(({ text }) => text !== '');
  drop('unreadable', heard.length - said.length);
  const believed = utterances(said).flatMap((utterance) => {
    const reason = verdict(utterance, context);
    if (reason) drop(reason, utterance.length);
    return reason ? [] : utterance;
  });
  const unlooped = withoutLoops(believed);
  drop('repetition', believed.length - unlooped.length);
  const words = repairTimes(unlooped, context.startMs, context.endMs);
  drop('outside the audio', unlooped.length - words.length);
  return { words, dropped };
};
