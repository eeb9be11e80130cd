// Silero voice activity and audio tagging through sherpa-onnx, one per session. The library ends the whole process on a model it
// cannot read, so every model is first loaded in a child process (`checkModels` in model-check.ts).
import { createRequire } from 'node:module';
import type { SoundModels } from '../media/audio-features.ts';
import { PCM_RATE } from '../media/pcm-frames.ts';
import type { SpeechModels } from './media-messages.ts';

/** The part of sherpa-onnx-node used here; it ships no type declarations. */
type Vad = { acceptWaveform(samples: Float32Array): void; isEmpty(): boolean; isDetected(): boolean; pop(): void };
type Tagging = { createStream(): { acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void }; compute(stream: unknown, topK: number): { name: string; prob: number }[] };
type Sherpa = { Vad: new (config: object, bufferS: number) => Vad; AudioTagging: new (config: object) => Tagging };

const loadSherpa = (): Sherpa => createRequire(import.meta.url)('sherpa-onnx-node') as Sherpa;

/** Silero's window at 16 kHz */
const WINDOW = 512;

export type FrameModel = (mono: Float32Array, loudness: number) => number;

/** Share of a frame's windows in speech. Windows do not divide frames: what is left goes into the next. */
export const sileroVoice = (sherpa: Sherpa, model: string): FrameModel => {
  const vad = new sherpa.Vad(
    {
      sileroVad: { model, threshold: 0.5, minSilenceDuration: 0.1, minSpeechDuration: 0.064, windowSize: WINDOW, maxSpeechDuration: 30 },
      sampleRate: PCM_RATE,
      numThreads: 1,
      provider: 'cpu',
      debug: 0,
    },
    40,
  );
  const window = new Float32Array(WINDOW);
  let filled = 0;
  return (mono) => {
    let windows = 0;
    let detected = 0;
    for (let at = 0; at < mono.length; ) {
      const step = Math.min(WINDOW - filled, mono.length - at);
      window.set(mono.subarray(at, at + step), filled);
      filled += step;
      at += step;
      if (filled < WINDOW) break;
      filled = 0;
      vad.acceptWaveform(window);
      while (!vad.isEmpty()) vad.pop();
      windows++;
      if (vad.isDetected()) detected++;
    }
    return detected / Math.max(1, windows);
  };
};

/** AudioSet labels of an audience or a speaker enjoying themselves. */
const JOY = /laugh|giggle|chuckle|chortle|snicker|cheer|applause|clapping|whoop|crowd/i;
const TAG_SECONDS = 2;
/** Tagging costs more than all else here, so half-second steps, and none where nobody could laugh. */
const TAG_EVERY_FRAMES = 5;
const TAG_FLOOR_LUFS = -50;

/** Highest probability of laughter, cheering or applause in the two seconds before; renewed each half second. */
export const laughterTags = (sherpa: Sherpa, model: string, labels: string): FrameModel => {
  const tagging = new sherpa.AudioTagging({
    model: { ...(/zipformer/i.test(model) ? { zipformer: { model } } : { ced: model }), numThreads: 1, provider: 'cpu', debug: 0 },
    labels,
    topK: 10,
  });
  const heard = new Float32Array(TAG_SECONDS * PCM_RATE);
  let frames = 0;
  let value = 0;
  return (mono, loudness) => {
    heard.copyWithin(0, mono.length);
    heard.set(mono, heard.length - mono.length);
    frames++;
    if (frames % TAG_EVERY_FRAMES !== 0) return value;
    if (loudness < TAG_FLOOR_LUFS) return (value = 0);
    const stream = tagging.createStream();
    stream.acceptWaveform({ samples: heard.slice(), sampleRate: PCM_RATE });
    const tags = tagging.compute(stream, 10);
    return (value = Math.max(0, ...tags.filter((tag) => JOY.test(tag.name)).map((tag) => tag.prob)));
  };
};

/** For a media worker: fresh models for one session. The library is loaded on first use. */
export const openSoundModels = (models: SpeechModels): SoundModels => {
  if (!models.vad && !models.taggingModel) return { voice: null, laughter: null };
  const sherpa = loadSherpa();
  return {
    voice: models.vad ? sileroVoice(sherpa, models.vad) : null,
    laughter: models.taggingModel ? laughterTags(sherpa, models.taggingModel, models.taggingLabels) : null,
  };
};
