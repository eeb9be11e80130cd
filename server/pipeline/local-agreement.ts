// LocalAgreement-2 (Macháček, Dabre, Bojar 2023, "Turning Whisper into Real-Time Transcription System"): what two hearings of a
// growing buffer agree on, from its start, is committed and never changes. Pure.
import type { Word } from '../../shared/model.ts';
import { plain, wordsAfter } from './merge-words.ts';

export type Agreement = {
  /** the engine hears from here */
  bufferStartMs: number;
  /** end of the last hearing */
  heardUntilMs: number;
  committedUntilMs: number;
  /** last committed words, newest last: prompt, seam and trimming; at most 200 */
  recent: Word[];
  /** what the last hearing said after the committed words */
  previous: Word[];
};

export type AgreementOptions = {
  /** new sound before the engine hears again */
  stepMs: number;
  /** a buffer longer than this is trimmed at a committed sentence, or at the last committed word */
  trimMs: number;
  /** and is never longer than this: older words are committed as they stand */
  maxMs: number;
  /** silence after which what was heard is final */
  pauseMs: number;
};
export const AGREEMENT_DEFAULTS: AgreementOptions = { stepMs: 1_000, trimMs: 15_000, maxMs: 30_000, pauseMs: 1_500 };

const RECENT = 200;

export const startAgreement = (fromMs: number): Agreement => ({ bufferStartMs: fromMs, heardUntilMs: fromMs, committedUntilMs: fromMs, recent: [], previous: [] });

const commit = (state: Agreement, words: Word[]): Agreement => {
  const last = words.at(-1);
  return last ? { ...state, recent: [...state.recent, ...words].slice(-RECENT), committedUntilMs: Math.max(state.committedUntilMs, last.endMs) } : state;
};

const agreed = (one: Word[], other: Word[]): number => {
  let count = 0;
  while (count < one.length && count < other.length && plain(one[count]?.text ?? '') === plain(other[count]?.text ?? '')) count++;
  return count;
};

/** Engines say the last committed words once more when the buffer begins inside a sentence. */
const withoutEcho = (words: Word[], recent: Word[], committedUntilMs: number): Word[] => {
  for (let length = Math.min(5, words.length, recent.length); length > 0; length--) {
    const echo = agreed(words.slice(0, length), recent.slice(-length)) === length;
    const end = words[length - 1]?.endMs ?? 0;
    if (echo && end < committedUntilMs + 300) return words.slice(length);
  }
  return words;
};

/** Starts of a shorter buffer: after the last committed sentence but within the second half, else after the last committed word. */
const trimmed = (state: Agreement, options: AgreementOptions): Agreement => {
  if (state.heardUntilMs - state.bufferStartMs <= options.trimMs) return state;
  const inside = state.recent.filter((word) => word.endMs > state.bufferStartMs);
  const sentence = inside.findLast((word) => /[.?!…]["')]?$/.test(word.text));
  const at = (sentence ?? inside.at(-1))?.endMs ?? state.bufferStartMs;
  return { ...state, bufferStartMs: Math.max(state.bufferStartMs, at) };
};

/**
 * One hearing of `[bufferStartMs, heardUntilMs)`: the next state, and the words newly committed. `final`: nothing more will be
 * heard of this stretch, so all of it is committed and the buffer starts anew after it.
 */
export const agree = (state: Agreement, hearing: { words: Word[]; untilMs: number; final: boolean }, options: AgreementOptions = AGREEMENT_DEFAULTS): { state: Agreement; committed: Word[] } => {
  const { untilMs, final } = hearing;
  const fresh = withoutEcho(wordsAfter(hearing.words, state.committedUntilMs, state.recent.at(-1) ?? null), state.recent, state.committedUntilMs);
  const ordered: Word[] = [];
  for (const word of fresh) {
    const startMs = Math.max(word.startMs, ordered.at(-1)?.endMs ?? state.committedUntilMs);
    ordered.push({ ...word, startMs, endMs: Math.max(startMs, word.endMs) });
  }
  const heardUntilMs = Math.max(state.heardUntilMs, untilMs);
  if (final) {
    const done = commit({ ...state, heardUntilMs }, ordered);
    const at = Math.max(untilMs, done.committedUntilMs);
    return { state: { ...done, bufferStartMs: at, heardUntilMs: at, committedUntilMs: at, previous: [] }, committed: ordered };
  }
  let count = agreed(state.previous, ordered);
  // what two hearings cannot agree on within the longest buffer is committed as it stands, or the buffer could never move
  const mustMs = heardUntilMs - options.maxMs / 2;
  const full = heardUntilMs - state.bufferStartMs > options.maxMs - options.stepMs;
  if (full) while ((ordered[count]?.endMs ?? Infinity) <= mustMs) count++;
  const committed = ordered.slice(0, count);
  const next = trimmed({ ...commit(state, committed), heardUntilMs, previous: ordered.slice(count) }, options);
  if (heardUntilMs - next.bufferStartMs <= options.maxMs - options.stepMs) return { state: next, committed };
  // nothing committed to trim at: let the older half go, it had no words
  const at = Math.max(next.bufferStartMs, mustMs);
  return { state: { ...next, bufferStartMs: at, committedUntilMs: Math.max(next.committedUntilMs, at) }, committed };
};

export type Hearing = { startMs: number; endMs: number; final: boolean };

/** What a local engine hears next, how far silence can be skipped, or null: wait for more. */
export const nextHearing = (
  state: Agreement,
  input: { speech: (frame: number) => boolean | undefined; knownUntilMs: number; ended: boolean },
  options: AgreementOptions = AGREEMENT_DEFAULTS,
): Hearing | { skipToMs: number } | null => {
  const { speech, knownUntilMs, ended } = input;
  const from = Math.floor(state.bufferStartMs / 100);
  const until = Math.floor(knownUntilMs / 100);
  let first = from;
  while (first < until && !speech(first)) first++;
  if (first >= until) {
    const skipToMs = ended ? knownUntilMs : until * 100 - 200;
    return skipToMs >= state.bufferStartMs + (ended ? 1 : 1000) ? { skipToMs } : null;
  }
  const startMs = Math.max(state.bufferStartMs, first * 100 - 200);
  const limit = Math.min(until, Math.floor((startMs + options.maxMs) / 100));
  let silent = 0;
  for (let frame = first; frame < limit; frame++) {
    silent = speech(frame) ? 0 : silent + 1;
    if (silent * 100 >= options.pauseMs) return { startMs, endMs: (frame + 1) * 100, final: true };
  }
  const endMs = limit * 100;
  if (ended && limit === until) return { startMs, endMs: knownUntilMs, final: true };
  return endMs - state.heardUntilMs >= options.stepMs ? { startMs, endMs, final: false } : null;
};

/** After `skipToMs`: the buffer starts there. */
export const skipTo = (state: Agreement, skipToMs: number): Agreement => ({ ...state, bufferStartMs: skipToMs, heardUntilMs: skipToMs, committedUntilMs: Math.max(state.committedUntilMs, skipToMs), previous: [] });
