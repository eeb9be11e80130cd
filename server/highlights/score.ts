// What speaks for a moment, as numbers: one score 0..1 and the reasons a person can read.
import type { Reason } from '../../shared/model.ts';
import type { PhraseHit } from './phrases.ts';
import type { Sentiment } from './sentiment.ts';

/** Percentiles are 0..1 within this stream (see distribution.ts). */
export type SoundEvidence = {
  peakMs: number;
  /** LU, loudest momentary value above the baseline */
  rise: number;
  loudnessPercentile: number;
  /** loud seconds */
  hotS: number;
  /** share of the loud seconds with voice */
  voice: number;
  onset: number;
  onsetPercentile: number;
  laughter: number;
  scene: number;
  scenePercentile: number;
  sceneMs: number;
  /** sudden silence after it, 0..1 */
  silence: number;
};
export type WordEvidence = { phrases: PhraseHit[]; sentiment: Sentiment; sentimentPercentile: number; rate: number; ratePercentile: number };

const ramp = (value: number, from: number, to: number): number => Math.max(0, Math.min(1, (value - from) / (to - from)));

export const scoreOf = (sound: SoundEvidence, said: WordEvidence | null): number => {
  const heard = 0.22 + 0.33 * ramp(sound.rise, 3, 12) + 0.15 * ramp(sound.hotS, 1, 8) + 0.1 * ramp(sound.voice, 0.1, 0.8) + 0.15 * ramp(sound.laughter, 0.2, 0.8)
    + 0.05 * ramp(sound.onsetPercentile, 0.8, 1) + 0.05 * ramp(sound.scenePercentile, 0.8, 1) * ramp(sound.scene, 0, 0.3) + 0.05 * sound.silence;
  if (!said) return clampScore(heard);
  const weights = [...new Map(said.phrases.map((hit) => [hit.text, hit.weight])).values()];
  const phrase = Math.min(1, weights.filter((weight) => weight > 0).reduce((sum, weight) => sum + weight, 0)) + weights.filter((weight) => weight < 0).reduce((sum, weight) => sum + weight, 0);
  return clampScore(heard + 0.3 * phrase + 0.05 * ramp(said.sentimentPercentile, 0.8, 1) * ramp(said.sentiment.strength, 0, 6) + 0.05 * ramp(said.ratePercentile, 0.8, 1));
};
const clampScore = (score: number): number => Math.round(Math.max(0, Math.min(1, score)) * 1000) / 1000;

export const reasonsOf = (sound: SoundEvidence, said: WordEvidence | null): Reason[] => {
  const reasons: Reason[] = [];
  const say = (signal: Reason['signal'], value: number, percentile: number, atMs: number, text: string): void => {
    reasons.push({ signal, value: Math.round(value * 1000) / 1000, percentile: Math.round(percentile * 1000) / 1000, atMs, text });
  };
  const lu = Math.round(sound.rise);
  if (lu >= 2) say('rise', sound.rise, sound.loudnessPercentile, sound.peakMs, `${lu} LU louder than the minutes before`);
  if (sound.laughter >= 0.4) say('laughter', sound.laughter, 1, sound.peakMs, 'laughter, cheering or applause');
  if (sound.voice >= 0.3 && sound.hotS > 0) say('voice', sound.voice, sound.voice, sound.peakMs, `voice in ${Math.round(sound.voice * 100)} % of ${sound.hotS} loud seconds`);
  if (sound.onsetPercentile >= 0.9) say('onset', sound.onset, sound.onsetPercentile, sound.peakMs, `livelier sound than ${Math.floor(sound.onsetPercentile * 100)} % of the stream`);
  if (sound.scenePercentile >= 0.9 && sound.scene >= 0.1) say('scene', sound.scene, sound.scenePercentile, sound.sceneMs, 'the picture changed sharply');
  if (sound.silence > 0) say('silence', sound.silence, 1, sound.peakMs, 'sudden silence after it');
  for (const hit of said?.phrases ?? []) if (!reasons.some((reason) => reason.text === `said “${hit.text}”`)) say('phrase', hit.weight, 1, hit.startMs, `said “${hit.text}”`);
  if (said && said.sentiment.words.length > 0 && said.sentimentPercentile >= 0.8) say('sentiment', said.sentiment.strength, said.sentimentPercentile, sound.peakMs, `strong words: ${said.sentiment.words.join(', ')}`);
  if (said && said.ratePercentile >= 0.9) say('rate', said.rate, said.ratePercentile, sound.peakMs, `fast speech: ${said.rate.toFixed(1)} words a second`);
  return reasons.slice(0, 12);
};
