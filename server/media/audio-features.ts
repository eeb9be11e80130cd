// What the highlight finder hears: loudness, onset and voice of each 100 ms.
import { channelWeights, LoudnessMeter } from './loudness.ts';
import { SpectrumAnalyser } from './onset.ts';
import { FRAME_SAMPLES, mixDown, PCM_RATE } from './pcm-frames.ts';
import { VoiceGate } from './voice-gate.ts';

/** The shape of `AudioFrame` in ports.ts. */
export type FrameFeatures = { startMs: number; loudness: number; onset: number; voice: number; laughter: number };

/** Models that hear more than the gate does; `voice` and `laughter` get each frame's 1600 mono samples in order. */
export type SoundModels = { voice: ((mono: Float32Array, loudness: number) => number) | null; laughter: ((mono: Float32Array, loudness: number) => number) | null };

export class FeatureExtractor {
  readonly #meter: LoudnessMeter;
  readonly #spectrum = new SpectrumAnalyser();
  readonly #gate = new VoiceGate();
  readonly #weights: number[];
  readonly #mono = new Float32Array(FRAME_SAMPLES);
  readonly #models: SoundModels;

  constructor(channels: number, models: SoundModels) {
    this.#meter = new LoudnessMeter(PCM_RATE, channels);
    this.#weights = channelWeights(channels);
    this.#models = models;
  }

  /** `channels`: 1600 samples each */
  push(startMs: number, channels: Float32Array[]): FrameFeatures {
    const loudness = this.#meter.push(channels);
    const mono = mixDown(channels, this.#weights, this.#mono);
    const spectrum = this.#spectrum.push(mono);
    const voice = this.#models.voice ? this.#models.voice(mono, loudness) : this.#gate.push(spectrum);
    return { startMs, loudness, onset: spectrum.onset, voice, laughter: this.#models.laughter?.(mono, loudness) ?? 0 };
  }
}
