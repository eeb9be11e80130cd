// What the words lane is, whatever the engine: planned stretches in, committed words out.
import type { SignalBin, Word } from '../../shared/model.ts';
import type { Transcriber } from '../ports.ts';
import type { ClipSource } from './audio-clip.ts';

export type Hole = { startMs: number; endMs: number };

/** `skip`: silence passed over. `refill`: a hole left by a dead letter, which moves no cursor. */
/** `final`: nothing of this stretch will be heard again (always so for API engines). `ended`: the recording's last. */
export type WordsJob = { kind: 'window' | 'skip' | 'refill'; startMs: number; endMs: number; audioStartMs: number; final: boolean; ended: boolean };
export type WordsBatch = { words: Word[]; startMs: number; untilMs: number; ended: boolean; refill: boolean };

export type WordsLane = {
  concurrency: number;
  /** voice activity of more seconds */
  learn(bins: SignalBin[]): void;
  /** the next stretch; null at the end of an ended recording */
  next(signal: AbortSignal): Promise<WordsJob | null>;
  transcribe(job: WordsJob, signal: AbortSignal): Promise<WordsBatch>;
  /** what a stretch that was set aside gives */
  nothing(job: WordsJob): WordsBatch;
};

export type WordsLaneOptions = ClipSource & {
  transcriber: Transcriber;
  language: string | null;
  priority: number;
  /** sound kept around what voice activity calls speech: little for a model, more for the energy gate, which misses quiet beginnings and ends */
  paddingMs: number;
  fromMs: number;
  /** words committed before this run */
  saved: Word[];
  /** filled before anything else */
  holes: Hole[];
  /** media time up to which voice activity is known, and whether more will come */
  known: () => { untilMs: number; ended: boolean };
  /** resolves when `known` has changed */
  changed: (signal: AbortSignal) => Promise<void>;
};

/** Words an engine gets as context. */
const PROMPT_WORDS = 32;

export const contextOf = (said: readonly Word[]): string => said.slice(-PROMPT_WORDS).map((word) => word.text).join(' ');
