// Finds the moments of one recording while it runs. Two lanes: sound (and picture) second by second, with an early look inside the
// second so that a clip exists right after its moment; words whenever they come. Neither lane waits for the other, and what is
// found in the end does not depend on how the input was batched, how far words lag, or whether the process was restarted.
// Longer than most files here: both lanes share one state and read best together.
import type { Highlight, SignalBin, Word } from '../../shared/model.ts';
import { MediaError } from '../errors.ts';
import { type AudioFrame, FRAME_MS, type JudgeQuestion, type Verdict } from '../ports.ts';
import { binOf, normalise, valueOf, withValues } from './bins.ts';
import { AROUND_MS, LATEST_TAIL_MS, rangeOf, type Span, voicedOf } from './boundaries.ts';
import { type Content, createBook } from './book.ts';
import { createMoments, evidenceAround, type Heard, isLoud, PAYOFF_S, type Run } from './moments.ts';
import type { PhraseHit } from './phrases.ts';
import { reasonsOf, scoreOf, type SoundEvidence, type WordEvidence } from './score.ts';
import { type AnalyserOptions, MIN_CLIP_MS, settingsOf } from './settings.ts';
import { titleFromSound, titleFromWords } from './titles.ts';
import { judged } from './verdict.ts';
import { createWordLane } from './word-lane.ts';

export type { AnalyserOptions } from './settings.ts';
export type AnalyserInput = { frames: AudioFrame[]; scenes: { atMs: number; change: number }[]; words: Word[]; untilMs: number; wordsUntilMs: number; ended: boolean };
export type Analyser = {
  restore(saved: { bins: SignalBin[]; words: Word[]; highlights: Highlight[] }): void;
  push(input: AnalyserInput): { bins: SignalBin[]; highlights: Highlight[] };
  applyVerdict(highlightId: string, verdict: Verdict): Highlight | null;
  question(highlightId: string): JudgeQuestion | null;
};

/** Excitement has ended after this much below the threshold: 0.7 s, in tenths. */
const QUIET_TENTHS = 7;
/** Announced at the latest after this much lasting excitement. */
const LASTING_MS = 12_000;
const ANNOUNCEMENTS = 3;
/** Seconds kept for boundaries and for phrases that come late. */
const KEPT_S = 600;
/** Where no sound comes at all, seconds are taken as silent this long after they passed. */
const SILENT_AFTER_MS = 3_000;
/** Words are waited for only when they lag less than this. */
const LOST_WORDS_MS = 60_000;
/** After a moment's end: words needed for its final form; after a phrase: sound needed to know that no moment follows it closely. */
const WORDS_AFTER_MS = (PAYOFF_S + 3) * 1000;
const PHRASE_CLEAR_S = 14;
const PHRASE_DECIDED_S = 21;
const PHRASE_REACH_MS = 3_000;
/** What the replay of a restart may still publish that was not stored. */
const FRESH_MS = 120_000;
const CONTEXT_MS = 20_000;
const MAX_SCENES = 1_000;
const LONGEST_JUMP_S = 43_200;

/** `said` is taken when the phrase is due, whenever it can be decided. */
type Cue = { hit: PhraseHit; said: WordEvidence | null; due: boolean };
type Moment = { id: string; core: Span; evidence: SoundEvidence; voiced: Span[]; notBeforeMs: number; closedMs: number; state: 'waiting' | 'silent' | 'worded' };

const describe = (sound: SoundEvidence, said: WordEvidence | null, words: Word[]): Pick<Content, 'peakMs' | 'score' | 'title' | 'reasons'> => {
  const reasons = reasonsOf(sound, said);
  return { peakMs: sound.peakMs, score: scoreOf(sound, said), reasons, title: titleFromWords(words, sound.peakMs, said?.phrases ?? []) ?? titleFromSound(reasons, sound.peakMs) };
};

export const createAnalyser = (options: AnalyserOptions & { sessionId: string }): Analyser => {
  const settings = settingsOf(options);
  const { sessionId } = options;
  const moments = createMoments(settings);
  const lane = createWordLane(settings.phrases);
  const book = createBook(sessionId);

  const heard = new Map<number, Heard>();
  const freshBins = new Map<number, SignalBin>();
  let closed: Moment[] = [];
  let cues: Cue[] = [];
  let scenes: { atMs: number; change: number }[] = [];
  let tenths: AudioFrame[] = [];
  let second = 0;
  let loudBefore: number[] = [];
  let quietTenths = 0;
  let loudUntilMs = 0;
  let announced = { onset: -1, count: 0, untilMs: 0 };
  let lastCoreEndMs = 0;
  let lastCueMs = -Infinity;
  let wordsUntilMs = 0;
  let end: { ms: number; words: boolean } | null = null;

  const idOf = (atMs: number): string => `${sessionId}-${Math.floor(atMs / 100).toString(36)}`;
  const heardIn = (from: number, to: number): Heard[] => {
    const found: Heard[] = [];
    for (let at = Math.max(0, from); at <= to; at++) {
      const one = heard.get(at);
      if (one) found.push(one);
    }
    return found;
  };
  const voicedAround = (core: Span): Span[] =>
    voicedOf(heardIn(Math.floor((core.startMs - AROUND_MS) / 1000), Math.ceil(core.endMs / 1000) + PAYOFF_S).map(({ bin }) => bin));

  // ── sound ──

  /** A provisional clip from what is there at `nowMs`: at least 15 s, ending now. */
  const announce = (run: Run, nowMs: number, coreEndMs: number): void => {
    const core = { startMs: run.onset * 1000, endMs: Math.max(coreEndMs, run.onset * 1000 + 1000) };
    const wanted = Math.min(core.startMs - 4_000, nowMs - MIN_CLIP_MS);
    const voiced = voicedAround(core);
    const quiet = voiced.map((span, i) => ({ fromMs: voiced[i - 1]?.endMs ?? 0, toMs: span.startMs })).filter(({ fromMs, toMs }) => toMs - fromMs >= 200 && toMs <= wanted + 350 && toMs >= wanted - 1_500).at(-1);
    const startMs = Math.max(0, Math.min(wanted, quiet ? quiet.toMs - Math.min(350, quiet.toMs - quiet.fromMs) : wanted));
    announced = { onset: run.onset, count: announced.onset === run.onset ? announced.count + 1 : 1, untilMs: coreEndMs };
    book.publish(idOf(core.startMs), { worded: false, content: { state: 'provisional', startMs: Math.round(startMs), endMs: Math.round(nowMs), ...describe(run.evidence, null, []) } });
  };
  const considerAnnouncing = (nowMs: number, ended: boolean, coreEndMs: number): void => {
    const run = moments.run();
    if (!run || end) return;
    const before = announced.onset === run.onset ? announced : { count: 0, untilMs: 0 };
    const lasting = nowMs - run.onset * 1000 >= LASTING_MS;
    if (before.count === 0 ? ended || lasting : ended && before.count < ANNOUNCEMENTS && before.untilMs < coreEndMs - 500) announce(run, nowMs, ended ? coreEndMs : nowMs);
  };
  const close = (run: Run): void => {
    const core = { startMs: run.onset * 1000, endMs: (run.lastHot + 1) * 1000 };
    const moment: Moment = { id: idOf(core.startMs), core, evidence: run.evidence, voiced: voicedAround(core), notBeforeMs: lastCoreEndMs, closedMs: second * 1000, state: 'waiting' };
    lastCoreEndMs = core.endMs;
    closed = [...closed, moment].slice(-KEPT_S);
  };
  const settle = (bin: SignalBin): void => {
    const result = moments.settle(bin);
    heard.set(bin.second, result.heard);
    heard.delete(bin.second - KEPT_S);
    loudBefore = [...loudBefore, valueOf(bin, 'loudness')].slice(-3);
    second = bin.second + 1;
    if (result.closed) close(result.closed);
    const run = moments.run();
    if (run) considerAnnouncing(second * 1000, bin.second > run.lastHot, (run.lastHot + 1) * 1000);
    foldWords();
    refineWithoutWords();
  };
  const settleTenths = (): void => {
    const untilMs = (second + 1) * 1000;
    const scene = scenes.filter(({ atMs }) => atMs < untilMs && atMs >= second * 1000).reduce((most, { change }) => Math.max(most, change), 0);
    scenes = scenes.filter(({ atMs }) => atMs >= untilMs);
    const bin = binOf({ second, frames: tenths, scene }, { base: moments.base(), before: loudBefore });
    tenths = [];
    freshBins.set(second, bin);
    settle(bin);
    if (quietTenths >= QUIET_TENTHS) considerAnnouncing(second * 1000, true, loudUntilMs);
  };
  const settleUntil = (to: number): void => {
    if (to - second > LONGEST_JUMP_S) throw new MediaError('limit', `media time jumps from ${second} s to ${to} s; at most ${LONGEST_JUMP_S} s are filled with silence: check the recording's timestamps`);
    for (let left = to - second; left > 0; left--) settleTenths();
  };
  const hear = (frame: AudioFrame): void => {
    const at = Math.floor(frame.startMs / 1000);
    if (at < second || tenths.some(({ startMs }) => startMs >= frame.startMs)) return;
    settleUntil(at);
    tenths.push(frame);
    const untilMs = frame.startMs + FRAME_MS;
    if (isLoud(frame, moments.threshold())) {
      quietTenths = 0;
      loudUntilMs = untilMs;
    } else quietTenths += 1;
    if (quietTenths >= QUIET_TENTHS) considerAnnouncing(untilMs, true, loudUntilMs);
    if (untilMs >= (second + 1) * 1000 - 1) settleTenths();
  };

  // ── words ──

  const soundEndMs = (): number => end?.ms ?? second * 1000;
  const limitMs = (core: Span): number => (end ? end.ms : core.endMs + LATEST_TAIL_MS);
  const refine = (moment: Moment, worded: boolean): void => {
    moment.state = worded ? 'worded' : 'silent';
    const around = worded ? lane.between(moment.core.startMs - AROUND_MS, moment.core.endMs + AROUND_MS) : [];
    const exact = around.length > 0;
    const span = rangeOf({ core: moment.core, spans: exact ? around : moment.voiced, exact, limitMs: limitMs(moment.core), notBeforeMs: moment.notBeforeMs });
    const said = worded ? lane.evidence(moment.core.startMs - PHRASE_REACH_MS, moment.core.endMs + PHRASE_REACH_MS) : null;
    const inside = around.filter((word) => word.startMs >= span.startMs && word.endMs <= span.endMs);
    const what = describe(moment.evidence, said, inside);
    book.publish(moment.id, { worded, content: { state: what.score < settings.minScore ? 'vetoed' : 'refined', ...span, ...what } });
  };
  /** Where no words are to be expected, at once; where they lag, after a bounded wait. */
  const refineWithoutWords = (): void => {
    const off = wordsUntilMs === Infinity || second * 1000 - wordsUntilMs > LOST_WORDS_MS;
    for (const moment of closed) if (moment.state === 'waiting' && (off || end || second * 1000 - moment.closedMs >= settings.wordsPatienceMs)) refine(moment, false);
  };
  const refineWithWords = (untilMs: number): void => {
    for (const moment of closed) if (moment.state !== 'worded' && moment.core.endMs + WORDS_AFTER_MS <= untilMs) refine(moment, true);
    const keptFromMs = Math.min(untilMs, lane.second() * 1000) - 120_000;
    closed = closed.filter((moment) => moment.state !== 'worded' || moment.core.endMs > keptFromMs);
  };
  /** A phrase far from any loud moment: an order to clip counts by itself, a reaction where the sound agrees. */
  const decide = (cue: PhraseHit, said: WordEvidence | null): void => {
    const near = closed.some(({ core }) => cue.endMs >= core.startMs - 8_000 && cue.startMs <= core.endMs + 8_000);
    if (near || cue.startMs - lastCueMs < 20_000 || cue.endMs < settings.warmUpS * 1000) return;
    const at = Math.floor(cue.endMs / 1000);
    const sound = evidenceAround(heardIn(at - 3, at + 2));
    if (!sound || cue.weight + 0.5 * Math.max(0, Math.min(1, sound.rise / 8)) < 1) return;
    lastCueMs = cue.startMs;
    const core = { startMs: Math.max(0, cue.endMs - 8_000), endMs: cue.endMs + 1_000 };
    const around = lane.between(core.startMs - AROUND_MS, core.endMs + AROUND_MS);
    const span = rangeOf({ core, spans: around, exact: true, limitMs: limitMs(core), notBeforeMs: 0 });
    const evidence = { ...sound, peakMs: Math.round(cue.startMs) };
    const what = describe(evidence, said, around.filter((word) => word.startMs >= span.startMs && word.endMs <= span.endMs));
    if (what.score >= settings.minScore) book.publish(idOf(cue.startMs), { worded: true, content: { state: 'refined', ...span, ...what } });
  };
  const decideCues = (untilSecond: number): void => {
    for (const cue of cues) {
      if (cue.due || Math.floor(cue.hit.endMs / 1000) + PHRASE_DECIDED_S > untilSecond) continue;
      cue.due = true;
      cue.said = lane.evidence(cue.hit.startMs - PHRASE_REACH_MS, cue.hit.endMs + PHRASE_REACH_MS);
    }
    for (let cue = cues[0]; cue?.due; cue = cues[0]) {
      const run = moments.run();
      if (run && run.onset * 1000 <= cue.hit.endMs + PHRASE_CLEAR_S * 1000) return;
      cues = cues.slice(1);
      decide(cue.hit, cue.said);
    }
  };
  const foldWords = (): void => {
    if (wordsUntilMs === Infinity) return;
    const until = Math.min(Math.ceil(soundEndMs() / 1000), end?.words ? Infinity : Math.floor(wordsUntilMs / 1000));
    for (let at = lane.second(); at < until; at++) {
      const { rate, phrase, sentiment, hits } = lane.fold();
      cues.push(...hits.filter((hit) => hit.weight > 0).map((hit) => ({ hit, said: null, due: false })));
      const one = heard.get(at);
      if (one && (rate > 0 || phrase !== 0)) {
        const bin = withValues(one.bin, { rate, phrase, sentiment });
        if (bin.values.some((value, i) => value !== one.bin.values[i])) freshBins.set(at, bin);
        heard.set(at, { ...one, bin });
      }
      refineWithWords((at + 1) * 1000);
      decideCues(at + 1);
    }
    if (!end?.words) return;
    refineWithWords(Infinity);
    decideCues(Infinity);
  };

  const finish = (untilMs: number): void => {
    settleUntil(Math.floor(untilMs / 1000));
    if (tenths.length > 0) settleTenths();
    end = { ms: Math.max(untilMs, loudUntilMs), words: false };
    const run = moments.end();
    if (run) close(run);
  };

  return {
    restore: (saved) => {
      const bins = saved.bins.map(normalise).sort((a, b) => a.second - b.second);
      lane.add(saved.words);
      wordsUntilMs = saved.words.at(-1)?.endMs ?? 0;
      book.beginReplay(saved.highlights);
      for (const bin of bins) {
        while (second < bin.second) settle(binOf({ second, frames: [], scene: 0 }, { base: moments.base(), before: loudBefore }));
        settle(bin);
      }
      book.endReplay(second * 1000 - FRESH_MS);
      freshBins.clear();
    },
    push: (input) => {
      lane.add(input.words);
      wordsUntilMs = Math.max(wordsUntilMs, input.wordsUntilMs);
      if (end) {
        if (input.frames.length === 0 && input.ended) end.words = true;
      } else {
        scenes = [...scenes, ...input.scenes].slice(-MAX_SCENES);
        for (const frame of input.frames) hear(frame);
        const untilMs = Number.isFinite(input.untilMs) ? input.untilMs : 0;
        settleUntil(Math.floor((untilMs - SILENT_AFTER_MS) / 1000));
        if (input.ended) finish(Math.max(untilMs, second * 1000 + tenths.length * FRAME_MS));
      }
      if (end && wordsUntilMs >= end.ms - 500) end.words = true;
      foldWords();
      refineWithoutWords();
      const bins = [...freshBins.values()].sort((a, b) => a.second - b.second);
      freshBins.clear();
      return { bins, highlights: book.takeChanged() };
    },
    applyVerdict: (highlightId, verdict) => {
      const highlight = book.get(highlightId);
      if (!highlight || highlight.state !== 'refined' || book.isJudged(highlightId)) return null;
      const result = judged(highlight, lane.between(highlight.startMs - CONTEXT_MS, highlight.endMs + CONTEXT_MS), verdict, soundEndMs());
      if (result) book.adopt(result);
      return result;
    },
    question: (highlightId) => {
      const highlight = book.get(highlightId);
      if (!highlight || highlight.state !== 'refined' || book.isJudged(highlightId)) return null;
      const words = lane.between(highlight.startMs - CONTEXT_MS, highlight.endMs + CONTEXT_MS);
      const inside = words.some((word) => word.startMs >= highlight.startMs && word.endMs <= highlight.endMs);
      return inside ? { highlight, words, context: highlight.reasons.map((reason) => reason.text).join('; ') } : null;
    },
  };
};
