// What the engine said, as words in media time: pieces of words joined, inventions left out, times put in order. Pure.
import type { Word } from '../../shared/model.ts';
import type { EngineSegment } from './worker-messages.ts';

const LONGEST_PIECE = 24;
const LONGEST_WORD_MS = 3_000;
/** a word may be repeated as often as people do it */
const MAX_REPEATS = 8;
/** What Whisper says when nobody speaks; only where it is all of a window. */
const INVENTED = new Set(['thank you', 'thanks for watching', 'thank you for watching', 'please subscribe', 'you', 'bye', 'the end', 'music', 'silence', 'applause', 'subtitles by the amaraorg community']);
/** [Music], (laughs), ♪ */
const NOT_SPOKEN = /\[[^\]]*\]|\([^)]*\)|[♪♫]/g;

type Piece = { text: string; fromMs: number; toMs: number; p: number };
type Draft = Piece & { pieces: number };

const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N} ]+/gu, '').trim();

/** The pieces of a segment. Text cut inside a character comes as U+FFFD: then the whole text is spread over its time. */
const piecesOf = ({ text, offsets, tokens }: EngineSegment): Piece[] => {
  const pieces = tokens.filter((token) => !/^\[_|^<\|/.test(token.text));
  if (!pieces.some((token) => token.text.includes('\ufffd'))) return pieces.map((token) => ({ text: token.text, fromMs: token.offsets.from, toMs: token.offsets.to, p: token.p }));
  const words = text.trim().split(/\s+/);
  const each = (offsets.to - offsets.from) / Math.max(1, words.length);
  const p = tokens.reduce((sum, token) => sum + token.p, 0) / Math.max(1, tokens.length);
  return words.map((word, at) => ({ text: ` ${word}`, fromMs: offsets.from + at * each, toMs: offsets.from + (at + 1) * each, p }));
};

const join = (pieces: Piece[]): Draft[] => {
  const words: Draft[] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    // languages without spaces would give one word per segment
    if (!last || piece.text.startsWith(' ') || last.text.length + piece.text.length > LONGEST_PIECE) words.push({ ...piece, pieces: 1 });
    else Object.assign(last, { text: last.text + piece.text, toMs: Math.max(last.toMs, piece.toMs), p: last.p + piece.p, pieces: last.pieces + 1 });
  }
  return words;
};

/** Words of [fromMs, untilMs), in order. */
export const wordsOf = (segments: EngineSegment[], { fromMs, untilMs }: { fromMs: number; untilMs: number }): Word[] => {
  const spoken = segments.filter(({ text }) => text.replace(NOT_SPOKEN, '').trim() !== '');
  if (INVENTED.has(plain(spoken.map(({ text }) => text).join(' ')))) return [];
  const words: Word[] = [];
  let repeats = 0;
  for (const draft of spoken.flatMap((segment) => join(piecesOf(segment)))) {
    const text = draft.text.replace(NOT_SPOKEN, '').trim();
    if (text === '') continue;
    const last = words.at(-1);
    repeats = last && plain(last.text) === plain(text) ? repeats + 1 : 0;
    const startMs = Math.max(fromMs + draft.fromMs, last?.endMs ?? fromMs);
    if (repeats >= MAX_REPEATS || startMs >= untilMs) continue;
    const endMs = Math.min(Math.max(fromMs + draft.toMs, startMs), startMs + LONGEST_WORD_MS, untilMs);
    words.push({ startMs, endMs, text, confidence: Math.min(1, Math.max(0, draft.p / draft.pieces)) });
  }
  return words;
};
