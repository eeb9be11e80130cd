// The one small type that flows through the signals lane. Video bytes stop before it: packets here are sound and a few keyframes.
import type { Highlight, SignalBin } from '../../shared/model.ts';
import type { Packet, Track } from '../media/media.ts';
import type { AudioFrame } from '../ports.ts';

/** What one pull from the timeline held, in session time. */
export type Segment = {
  /** next byte to pull, and the session time decoded up to */
  nextByte: number;
  untilMs: number;
  part: number;
  videoTrack: Track | null;
  /** its sound, by recorder run: one, or more where a run begins inside it */
  sound: SoundRun[];
  /** sampled, with their payloads */
  keyframes: Packet[];
  /** the recording has ended and this is its last segment */
  ended: boolean;
};

export type SoundRun = { part: number; track: Track | null; packets: Packet[]; untilMs: number };

export type HeardSegment = Segment & { frames: AudioFrame[]; scenes: { atMs: number; change: number }[] };

/** What analysis asks to be cut; `after` runs once all of it is archived. */
export type CutOrder = { highlights: Highlight[]; bins: SignalBin[]; signalsUntilMs: number | null; release: () => void };

/** A clip cut into files and proved to decode; archiving moves it where it stays. */
export type CutClip = {
  highlight: Highlight;
  file: string;
  handlesFile: string | null;
  handleBeforeMs: number;
  handleAfterMs: number;
  startMs: number;
  endMs: number;
  mime: string;
  container: 'mp4' | 'webm';
  bytes: number;
  /** block sums of `file` */
  sums: string;
  width: number;
  height: number;
  thumbnail: Uint8Array | null;
};
