// Where a clip begins and ends: 15–60 s around a moment, snapped to a gap between words (or to quiet), never inside a word.
import type { SignalBin, Word } from '../../shared/model.ts';
import { MAX_CLIP_MS, MIN_CLIP_MS } from './settings.ts';

export type Span = { startMs: number; endMs: number };
/** Voice-free stretch. `sentence`: what is said before it ends a sentence. */
type Gap = Span & { sentence: boolean };

const LEAD_IN_MS = 4_000;
const TAIL_MS = 1_500;
/** How far a boundary may be moved to reach a gap, ms. */
const REACH_MS = 1_500;
/** Kept before the first word and after the last, at most, ms. */
const LEAD_MS = 350;
const BREATH_MS = 450;
/** A clip never ends later than this after its moment: that much has been seen when it is refined. */
export const LATEST_TAIL_MS = 5_900;
/** How far around a moment words matter, ms. */
export const AROUND_MS = 20_000;

/** Gaps between spans inside [fromMs, toMs]; overlapping spans count as one. Edges are whole ms, never inside a span. */
export const gapsOf = (words: (Span & { text?: string })[], fromMs: number, toMs: number): Gap[] => {
  const gaps: Gap[] = [];
  let free = fromMs;
  let sentence = true;
  for (const word of [...words].sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)) {
    if (word.endMs <= fromMs || word.startMs >= toMs) continue;
    if (word.startMs >= free) gaps.push({ startMs: Math.ceil(free), endMs: Math.max(Math.ceil(free), Math.floor(word.startMs)), sentence });
    if (word.endMs > free) {
      free = word.endMs;
      sentence = /[.!?…]["”’)]*$/u.test(word.text ?? '');
    }
  }
  if (free <= toMs) gaps.push({ startMs: Math.ceil(free), endMs: Math.floor(Math.max(free, toMs)), sentence });
  return gaps;
};

/** Stretches with voice, from the tenths kept in bins. */
export const voicedOf = (bins: SignalBin[]): Span[] => {
  const spans: Span[] = [];
  for (const bin of bins) {
    for (let tenth = 0; tenth < 10; tenth++) {
      if ((bin.speech & (1 << tenth)) === 0) continue;
      const startMs = bin.second * 1000 + tenth * 100;
      const last = spans.at(-1);
      if (last && startMs - last.endMs < 100) last.endMs = startMs + 100;
      else spans.push({ startMs, endMs: startMs + 100 });
    }
  }
  return spans;
};

const startIn = (gap: Gap): number => Math.max(gap.startMs, gap.endMs - LEAD_MS);
const endIn = (gap: Gap): number => Math.min(gap.endMs, gap.startMs + BREATH_MS);
const isWithin = (gap: Gap, atMs: number): boolean => atMs >= gap.startMs && atMs <= gap.endMs;

type Choice = { gaps: Gap[]; place: (gap: Gap) => number; targetMs: number; low: number; high: number; /** go as far as needed: words must not be cut */ must: boolean };
const choose = ({ gaps, place, targetMs, low, high, must }: Choice): number => {
  const clamped = Math.max(low, Math.min(high, targetMs));
  const places = gaps.map((gap) => ({ gap, atMs: place(gap) })).filter(({ atMs }) => atMs >= low && atMs <= high);
  const cost = ({ gap, atMs }: { gap: Gap; atMs: number }): number => Math.abs(atMs - clamped) - (gap.sentence ? 700 : 0) - Math.min(1_000, 2 * (gap.endMs - gap.startMs));
  const near = places.filter(({ atMs }) => Math.abs(atMs - clamped) <= REACH_MS).sort((a, b) => cost(a) - cost(b) || a.atMs - b.atMs)[0];
  if (near) return near.atMs;
  if (!must || gaps.some((gap) => isWithin(gap, clamped))) return clamped;
  return places.sort((a, b) => Math.abs(a.atMs - clamped) - Math.abs(b.atMs - clamped))[0]?.atMs ?? clamped;
};

export type RangeOptions = {
  core: Span;
  /** words where they are known, otherwise voiced stretches */
  spans: (Span & { text?: string })[];
  exact: boolean;
  /** media is available up to here */
  limitMs: number;
  /** the moment before ended here: do not reach back over it if that can be avoided */
  notBeforeMs: number;
};

export const rangeOf = ({ core, spans, exact, limitMs, notBeforeMs }: RangeOptions): Span => {
  const wanted = { startMs: core.startMs - LEAD_IN_MS, endMs: core.endMs + TAIL_MS };
  const missing = Math.max(0, MIN_CLIP_MS - (wanted.endMs - wanted.startMs));
  const back = Math.min(missing * 0.65, Math.max(0, wanted.startMs - notBeforeMs));
  const forward = Math.min(missing - back, LATEST_TAIL_MS - TAIL_MS - BREATH_MS);
  const latest = Math.min(limitMs, core.endMs + LATEST_TAIL_MS);
  const gaps = gapsOf(spans, Math.max(0, core.startMs - AROUND_MS), core.endMs + AROUND_MS);
  const endMs = choose({ gaps, place: endIn, targetMs: wanted.endMs + forward, low: Math.min(latest, core.endMs), high: latest, must: exact });
  const startMs = choose({
    gaps, place: startIn, targetMs: wanted.startMs - (missing - forward), must: exact,
    low: Math.max(0, endMs - MAX_CLIP_MS), high: Math.max(0, Math.min(core.startMs, endMs - MIN_CLIP_MS)),
  });
  return { startMs: Math.round(startMs), endMs: Math.round(endMs) };
};

/** The words' own edges with a breath around them: where a judge says a clip begins and ends. */
export const breathe = (words: Word[], first: Word, last: Word): Span => {
  const gaps = gapsOf(words, Math.max(0, first.startMs - AROUND_MS), last.endMs + AROUND_MS);
  const before = gaps.filter((gap) => gap.endMs <= first.startMs).at(-1);
  const after = gaps.find((gap) => gap.startMs >= last.endMs);
  return { startMs: before ? startIn(before) : Math.ceil(first.startMs), endMs: after ? endIn(after) : Math.floor(last.endMs) };
};
