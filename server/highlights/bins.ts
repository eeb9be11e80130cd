// Ten frames → one SignalBin. Values are rounded so that a bin read back from the database gives the same decisions as the one
// that was written (restore = uninterrupted run).
import { SIGNALS, type Signal, type SignalBin } from '../../shared/model.ts';
import type { AudioFrame } from '../ports.ts';

export const SILENCE_LUFS = -70;
/** A second counts as sustained at the level its fifth-loudest tenth reaches: half the second is at least that loud. */
const HALF = 5;
const INDEX = Object.fromEntries(SIGNALS.map((signal, i) => [signal, i])) as Record<Signal, number>;

export const round3 = (value: number): number => Math.round(value * 1000) / 1000;
export const valueOf = (bin: SignalBin, signal: Signal): number => bin.values[INDEX[signal]] ?? 0;
export const withValues = (bin: SignalBin, changes: Partial<Record<Signal, number>>): SignalBin => {
  const values: number[] = [];
  for (const signal of SIGNALS) values.push(signal in changes ? round3(changes[signal] ?? 0) : valueOf(bin, signal));
  return { ...bin, values };
};
/** What the database gave back, in the form it had before. */
export const normalise = (bin: SignalBin): SignalBin => ({ second: bin.second, speech: bin.speech, values: SIGNALS.map((signal) => round3(valueOf(bin, signal))) });

const descending = (a: number, b: number): number => b - a;

/** The level half of these tenths reach; missing tenths are silent. */
export const sustainedOf = (loudness: number[]): number => [...loudness].sort(descending)[HALF - 1] ?? SILENCE_LUFS;

export type Second = { second: number; frames: AudioFrame[]; scene: number };

/** `base`: loudness of the seconds before, LUFS, null before anything was heard. Word signals are filled in when words come. */
export const binOf = ({ second, frames, scene }: Second, context: { base: number | null; before: number[] }): SignalBin => {
  const tenths = frames.slice(0, 10);
  const levels: number[] = [];
  let [voiced, onset, laughter] = [0, 0, 0];
  for (const frame of tenths) {
    levels.push(frame.loudness);
    voiced += frame.voice >= 0.5 ? 1 : 0;
    onset += frame.onset;
    laughter += frame.laughter;
  }
  const count = Math.max(1, tenths.length);
  const loudness = Math.max(SILENCE_LUFS, ...levels);
  const sustained = sustainedOf(levels);
  const base = context.base ?? loudness;
  const loudBefore = Math.max(SILENCE_LUFS, ...context.before);
  const fell = loudBefore >= base + 3 && (context.before.at(-1) ?? SILENCE_LUFS) > base - 6 && loudness <= base - 16;
  let speech = 0;
  for (const frame of tenths) if (frame.voice >= 0.5) speech |= 1 << Math.min(9, Math.floor((frame.startMs - second * 1000) / 100));
  const changes: Partial<Record<Signal, number>> = {
    loudness,
    rise: Math.max(-70, Math.min(70, sustained - base)),
    voice: voiced / count,
    onset: onset / count,
    laughter: laughter / count,
    scene,
    silence: fell ? Math.min(1, (loudBefore - loudness) / 40) : 0,
  };
  return withValues({ second, values: [], speech }, changes);
};
