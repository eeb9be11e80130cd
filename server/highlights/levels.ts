// How loud this stream usually is, and how loud a second must be to stand out: an absolute rise over the last minute and over how
// loud people usually speak here (else every sentence stands out where little is said), above what is usual in the last three
// minutes and in the whole stream, and audible at all.
import { createHistogram, createRing, quantileOf, RECENT_S } from './distribution.ts';

/** Below this a second is silence: it tells nothing about how loud the stream is. LUFS */
export const AUDIBLE_LUFS = -60;
/** Nothing quieter is ever loud. LUFS */
const FLOOR_LUFS = -50;
const BASE_S = 60;
/** share of the last minute at or below the baseline: high enough to be speech rather than the pauses, low enough to survive two moments a minute */
const BASE_SHARE = 0.65;
/** voiced seconds that tell how loud people speak, how many are needed to tell, and the share of them at or below that level */
const VOICED_S = 120;
const VOICED_LEAST = 8;
const VOICED_SHARE = 0.6;
const USUAL_SHARE = 0.85;
const USUAL_MARGIN_LU = 1.5;

export type Levels = {
  /** `sustained`: level half of the second reaches, LUFS; `usualVoice`: somebody speaks, and not in excitement */
  add(sustained: number, usualVoice: boolean): void;
  /** LUFS, null before anything audible */
  base(): number | null;
  /** LUFS a tenth must reach to count as loud */
  threshold(): number;
  audibleS(): number;
};

export const createLevels = (riseLu: number): Levels => {
  const recent = createRing(RECENT_S);
  const all = createHistogram([-70, 10]);
  const voiced = createRing(VOICED_S);
  const baseNow = (): number | null => {
    const lately = quantileOf(recent.last(BASE_S), BASE_SHARE);
    const spoken = voiced.last(VOICED_S);
    return lately === null ? null : Math.max(lately, spoken.length < VOICED_LEAST ? lately : (quantileOf(spoken, VOICED_SHARE) ?? lately));
  };
  const thresholdNow = (): number => {
    const usual = Math.max(quantileOf(recent.last(RECENT_S), USUAL_SHARE) ?? FLOOR_LUFS, all.total() > 0 ? all.quantile(USUAL_SHARE) : FLOOR_LUFS);
    return Math.max(FLOOR_LUFS, (base() ?? 0) + riseLu, usual + USUAL_MARGIN_LU);
  };
  /** asked ten times a second and more, changed by `add` alone */
  let known: { base?: number | null; threshold?: number } = {};
  const base = (): number | null => (known.base === undefined ? (known.base = baseNow()) : known.base);
  return {
    add: (sustained, usualVoice) => {
      if (sustained < AUDIBLE_LUFS) return;
      known = {};
      recent.add(sustained);
      all.add(sustained);
      if (usualVoice) voiced.add(sustained);
    },
    base,
    threshold: () => (known.threshold ??= thresholdNow()),
    audibleS: () => all.total(),
  };
};
