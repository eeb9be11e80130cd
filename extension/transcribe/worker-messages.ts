// What passes between the transcriber and its worker.
import type { TranscribeError } from './transcribe-error.ts';

/** As whisper.cpp gives them; times in ms from the beginning of the sound. */
export type EngineToken = { text: string; offsets: { from: number; to: number }; p: number };
export type EngineSegment = { text: string; offsets: { from: number; to: number }; tokens: EngineToken[] };

export type ToWorker =
  /** `engine`: address of shout.wasm.js; `language`: ISO 639-1, or auto */
  | { type: 'load'; engine: string; model: Blob; threads: number; language: string }
  | { type: 'hear'; id: number; pcm: Float32Array };

export type FromWorker =
  /** share of the model that has been read, 0..1 */
  | { type: 'progress'; share: number }
  | { type: 'ready' }
  | { type: 'heard'; id: number; segments: EngineSegment[] }
  | { type: 'failed'; code: TranscribeError['code']; message: string };
