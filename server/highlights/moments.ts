// Loud passages, found in whole seconds: a function of the bins alone, so that replaying stored bins gives the same moments.
import type { Signal, SignalBin } from '../../shared/model.ts';
import { round3, valueOf } from './bins.ts';
import { createDistribution } from './distribution.ts';
import { AUDIBLE_LUFS, createLevels } from './levels.ts';
import { scoreOf, type SoundEvidence } from './score.ts';
import type { Settings } from './settings.ts';

/** Quiet seconds after which a moment is over for good (its pay-off has passed). */
export const PAYOFF_S = 6;
/** A passage that stays loud for longer is closed: by then it is how the stream sounds. */
const LONGEST_S = 45;
/** Loud seconds may lie this much wider apart than their number. */
const SLACK_S = 2;
const LAUGHTER = 0.5;
/** Loud seconds need this share of voice, or laughter: engines and music are no moments where the voice detector can tell. */
const MIN_VOICE = 0.2;

/** A second with its percentiles as they were when it was heard. */
export type Heard = { bin: SignalBin; loudness: number; onset: number; scene: number };
type Sample = Heard & { hot: boolean; threshold: number; base: number };

export type Run = {
  /** first and last loud second */
  onset: number;
  lastHot: number;
  /** LUFS, both fixed when the moment began */
  threshold: number;
  base: number;
  samples: Sample[];
  evidence: SoundEvidence;
};

export const isLoud = (frame: { loudness: number; laughter: number }, threshold: number): boolean => frame.loudness >= threshold || frame.laughter >= LAUGHTER;

const topOf = (signal: Signal, [first, ...rest]: Heard[]): Heard | null =>
  first ? rest.reduce((best, one) => (valueOf(one.bin, signal) > valueOf(best.bin, signal) ? one : best), first) : null;

/** `hot` are the seconds that carry the moment, `all` the seconds it spans. */
const evidenceOf = (rise: (peak: Heard) => number, all: Heard[], hot: Heard[]): SoundEvidence | null => {
  const peak = topOf('loudness', hot);
  const cut = topOf('scene', all);
  const lively = topOf('onset', hot);
  const still = topOf('silence', all);
  const merry = topOf('laughter', hot);
  if (!peak || !cut || !lively || !still || !merry) return null;
  return {
    peakMs: peak.bin.second * 1000 + 500,
    rise: round3(rise(peak)),
    loudnessPercentile: peak.loudness,
    hotS: hot.length,
    voice: round3(hot.reduce((sum, { bin }) => sum + valueOf(bin, 'voice'), 0) / hot.length),
    onset: valueOf(lively.bin, 'onset'),
    onsetPercentile: lively.onset,
    laughter: valueOf(merry.bin, 'laughter'),
    scene: valueOf(cut.bin, 'scene'),
    scenePercentile: cut.scene,
    sceneMs: cut.bin.second * 1000,
    silence: valueOf(still.bin, 'silence'),
  };
};

/** What the sound around a spoken phrase says; null where nothing is known of it. */
export const evidenceAround = (heard: Heard[]): SoundEvidence | null => {
  const raised = heard.filter(({ bin }) => valueOf(bin, 'rise') >= 3);
  const highest = Math.max(0, ...heard.map(({ bin }) => valueOf(bin, 'rise')));
  const evidence = evidenceOf(() => highest, heard, raised.length > 0 ? raised : heard);
  return evidence && { ...evidence, hotS: raised.length };
};

export const createMoments = (settings: Settings) => {
  const levels = createLevels(settings.riseLu);
  const distribution = createDistribution();
  let window: Sample[] = [];
  let run: Run | null = null;
  /** after a passage closed for its length: wait for a quiet second */
  let armed = true;

  const sampleOf = (bin: SignalBin): Sample => {
    const base = levels.base() ?? valueOf(bin, 'loudness');
    const sustained = base + valueOf(bin, 'rise');
    const threshold = run?.threshold ?? levels.threshold();
    const hot = levels.audibleS() >= settings.warmUpS && (sustained >= threshold || valueOf(bin, 'laughter') >= LAUGHTER);
    const loudness = valueOf(bin, 'loudness');
    const onset = valueOf(bin, 'onset');
    const scene = valueOf(bin, 'scene');
    const sample = { bin, hot, threshold, base, loudness: distribution.percentile('loudness', loudness), onset: distribution.percentile('onset', onset), scene: distribution.percentile('scene', scene) };
    levels.add(sustained, !hot && valueOf(bin, 'voice') >= 0.5);
    distribution.add(loudness >= AUDIBLE_LUFS ? { loudness, onset, scene } : { scene });
    return sample;
  };
  const open = (): Run | null => {
    const hot = window.filter((sample) => sample.hot);
    const [first] = hot;
    const last = window.at(-1);
    if (!first || !last?.hot || hot.length < settings.minHotS) return null;
    const samples = window.filter((sample) => sample.bin.second >= first.bin.second);
    const evidence = evidenceOf((peak) => valueOf(peak.bin, 'loudness') - first.base, samples, hot);
    if (!evidence || (evidence.voice < MIN_VOICE && evidence.laughter < LAUGHTER)) return null;
    if (scoreOf(evidence, null) < settings.minScore) return null;
    return { onset: first.bin.second, lastHot: last.bin.second, threshold: first.threshold, base: first.base, samples, evidence };
  };
  const take = (): Run | null => {
    const closed = run;
    run = null;
    window = [];
    return closed;
  };
  const extend = (current: Run, sample: Sample): void => {
    current.samples.push(sample); // at most LONGEST_S + SLACK_S
    if (sample.hot) current.lastHot = sample.bin.second;
    const evidence = evidenceOf((peak) => valueOf(peak.bin, 'loudness') - current.base, current.samples, current.samples.filter(({ hot }) => hot));
    if (evidence) current.evidence = evidence;
  };

  return {
    base: levels.base,
    threshold: (): number => run?.threshold ?? levels.threshold(),
    run: (): Run | null => run,
    /** Takes the next second. `closed` is the moment that is over with it. */
    settle: (bin: SignalBin): { heard: Heard; closed: Run | null } => {
      const sample = sampleOf(bin);
      const heard = { bin, loudness: sample.loudness, onset: sample.onset, scene: sample.scene };
      if (!sample.hot) armed = true;
      if (!run) {
        window = [...window, { ...sample, hot: sample.hot && armed }].slice(-(settings.minHotS + SLACK_S));
        run = open();
        return { heard, closed: null };
      }
      extend(run, sample);
      const over = bin.second - run.lastHot >= PAYOFF_S || bin.second - run.onset >= LONGEST_S;
      if (over) armed = !sample.hot;
      return { heard, closed: over ? take() : null };
    },
    /** the stream ended */
    end: take,
  };
};
