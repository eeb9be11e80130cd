// What the analyser can be told. Every number has its unit; the defaults were chosen on planted streams (see analyser.planted.test.ts).
import { DEFAULT_PHRASES } from './phrase-list.ts';

/** A trigger phrase. `weight` 0..1: 1 is a spoken order to clip, 0.3–0.7 a reaction; below zero it speaks against a highlight. */
export type Phrase = { text: string; weight: number };

export type AnalyserOptions = {
  /** replaces the built-in list */
  phrases?: Phrase[];
  /** audible seconds before the first verdict */
  warmUpS?: number;
  /** LU above the recent baseline a second must hold for half its length */
  riseLu?: number;
  /** loud seconds a moment needs */
  minHotS?: number;
  /** 0..1, below it nothing is published */
  minScore?: number;
  /** media ms to wait for lagging words before refining without them */
  wordsPatienceMs?: number;
};

export type Settings = Required<AnalyserOptions>;

export const settingsOf = (options: AnalyserOptions): Settings => ({
  phrases: options.phrases ?? DEFAULT_PHRASES,
  warmUpS: options.warmUpS ?? 30,
  riseLu: options.riseLu ?? 5,
  minHotS: options.minHotS ?? 4,
  minScore: options.minScore ?? 0.45,
  wordsPatienceMs: options.wordsPatienceMs ?? 20_000,
});

export const MIN_CLIP_MS = 15_000;
export const MAX_CLIP_MS = 60_000;
