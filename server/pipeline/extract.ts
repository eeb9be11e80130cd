// extract audio: sound packets → 100 ms frames; keyframes → scene changes. Where there is no sound, or none that can be
// decoded, time goes on in silence, so that pictures and words are still analysed.
import { MediaError } from '../errors.ts';
import { type AudioAnalyser, type AudioFrame, FRAME_MS, type OpenAudioAnalyser, type OpenSceneDetector, type SceneDetector } from '../ports.ts';
import type { HeardSegment, Segment, SoundRun } from './segment.ts';

const LONGEST_SILENCE_MS = 15 * 60_000;

export type ExtractOptions = {
  sessionId: string;
  fromMs: number;
  /** sound before this is taken as silence */
  deafUntilMs: number;
  openAudio: OpenAudioAnalyser;
  openScenes: OpenSceneDetector | null;
  onNote: (note: string) => void;
};

export type Extractor = { extract(segment: Segment, signal: AbortSignal): Promise<HeardSegment>; close(): Promise<void> };

export const createExtractor = (options: ExtractOptions): Extractor => {
  let audio: { part: number; analyser: AudioAnalyser } | null = null;
  let scenes: { part: number; detector: SceneDetector } | null = null;
  let deafPart = -1;
  /** end of the frames emitted so far */
  let framesUntil = options.fromMs;

  const silenceUntil = (untilMs: number): AudioFrame[] => {
    const frames: AudioFrame[] = [];
    // A recorder that says it went on much later: most of that silence is passed over.
    if (untilMs - framesUntil > LONGEST_SILENCE_MS) framesUntil = Math.floor((untilMs - LONGEST_SILENCE_MS) / FRAME_MS) * FRAME_MS;
    for (; framesUntil + FRAME_MS <= untilMs; framesUntil += FRAME_MS) frames.push({ startMs: framesUntil, loudness: -70, onset: 0, voice: 0, laughter: 0 });
    return frames;
  };
  const accept = (frames: AudioFrame[]): AudioFrame[] => {
    const filled: AudioFrame[] = [];
    for (const frame of frames) {
      if (frame.startMs < framesUntil) continue;
      filled.push(...silenceUntil(frame.startMs), frame);
      framesUntil = frame.startMs + FRAME_MS;
    }
    return filled;
  };
  const hear = async (run: SoundRun, ended: boolean, signal: AbortSignal): Promise<AudioFrame[]> => {
    const frames: AudioFrame[] = [];
    if (audio && audio.part !== run.part) {
      frames.push(...accept(await audio.analyser.end(signal)));
      await audio.analyser.close();
      audio = null;
    }
    const deaf = run.untilMs <= options.deafUntilMs || deafPart === run.part;
    if (run.track && !deaf) {
      try {
        audio ??= { part: run.part, analyser: options.openAudio({ sessionId: options.sessionId, track: run.track, startMs: framesUntil }) };
        frames.push(...accept(await audio.analyser.push(run.packets, signal)));
        if (ended) frames.push(...accept(await audio.analyser.end(signal)));
      } catch (error) {
        if (!(error instanceof MediaError) || error.code !== 'unsupported') throw error;
        deafPart = run.part;
        await audio?.analyser.close();
        audio = null;
        options.onNote(error.message);
      }
    }
    if (!run.track || deaf || deafPart === run.part || ended) frames.push(...silenceUntil(run.untilMs));
    return frames;
  };
  const hearAll = async (segment: Segment, signal: AbortSignal): Promise<AudioFrame[]> => {
    const frames: AudioFrame[] = [];
    for (const run of segment.sound) frames.push(...(await hear(run, segment.ended && run === segment.sound.at(-1), signal)));
    return frames;
  };
  const look = async (segment: Segment, signal: AbortSignal): Promise<{ atMs: number; change: number }[]> => {
    if (!options.openScenes || !segment.videoTrack || segment.keyframes.length === 0) return [];
    if (scenes && scenes.part !== segment.part) {
      await scenes.detector.close();
      scenes = null;
    }
    scenes ??= { part: segment.part, detector: options.openScenes({ sessionId: options.sessionId, track: segment.videoTrack }) };
    return scenes.detector.push(segment.keyframes, signal);
  };

  return {
    extract: async (segment, signal) => {
      const [frames, changes] = await Promise.all([hearAll(segment, signal), look(segment, signal)]);
      return { ...segment, frames, scenes: changes };
    },
    close: async () => {
      await Promise.all([audio?.analyser.close(), scenes?.detector.close()]);
      audio = null;
      scenes = null;
    },
  };
};
