// How each signal is named, written with its unit, and spread over a fixed range for ranking.
import { SIGNALS, type Reason, type Signal } from './model.ts';

export type SignalLabel = { name: string; low: number; high: number; write: (value: number) => string };

const share = (value: number): string => `${Math.round(value * 100)} %`;

/** `low`..`high` is the range told apart; what lies outside counts as its edge. */
export const SIGNAL_LABELS: Record<Signal, SignalLabel> = {
  loudness: { name: 'Loudness', low: -70, high: 0, write: (value) => (value <= -70 ? 'silence' : `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(1)} LUFS`) },
  rise: { name: 'Rise', low: 0, high: 40, write: (value) => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(1)} LU` },
  voice: { name: 'Voice', low: 0, high: 1, write: share },
  onset: { name: 'Onsets', low: 0, high: 1, write: share },
  rate: { name: 'Pace', low: 0, high: 8, write: (value) => `${value.toFixed(1)} words/s` },
  phrase: { name: 'Phrases', low: 0, high: 4, write: (value) => value.toFixed(1) },
  sentiment: { name: 'Feeling', low: 0, high: 5, write: (value) => value.toFixed(1) },
  laughter: { name: 'Laughter', low: 0, high: 1, write: share },
  scene: { name: 'Scene', low: 0, high: 1, write: share },
  silence: { name: 'Hush', low: 0, high: 1, write: share },
};

/** Why a highlight is one, as a sentence part: "Loudness −12.1 LUFS". */
export const reasonText = (reason: Reason): { name: string; value: string } => {
  if (reason.signal === 'judge') return { name: 'Judge', value: '' };
  const label = SIGNAL_LABELS[reason.signal];
  return { name: label.name, value: label.write(reason.value) };
};

const ALWAYS = new Set<Signal>(['loudness', 'rise', 'voice']);
/** Lanes worth a row: the basic ones, and every other that has said anything. */
export const activeLanes = (heard: (index: number) => boolean): number[] =>
  SIGNALS.flatMap((signal, index) => (ALWAYS.has(signal) || heard(index) ? [index] : []));
