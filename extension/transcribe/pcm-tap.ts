// A track's sound as 16 kHz mono beside whatever else happens to it: a clone of the track is read, so stopping the tap ends nothing.
import { createResampler, TARGET_RATE } from './resample.ts';
import { TranscribeError } from './transcribe-error.ts';

/** Sound missing for longer is a jump in time: the resampler starts anew there. */
const JUMP_MS = 100;

export type PcmTapOptions = {
  track: MediaStreamTrack;
  /** media time of the first sound */
  startMs: number;
  onPcm: (pcm16kMono: Float32Array, atMs: number) => void;
  /** it has stopped by itself; null: the track ended */
  onEnd: (error: TranscribeError | null) => void;
};
export type PcmTap = { stop(): void };

// Chromium has it; the DOM types do not
type TrackProcessor = new (options: { track: MediaStreamTrack }) => { readable: ReadableStream<AudioData> };
declare const MediaStreamTrackProcessor: TrackProcessor | undefined;

const monoOf = (data: AudioData): Float32Array => {
  const mono = new Float32Array(data.numberOfFrames);
  const plane = new Float32Array(data.numberOfFrames);
  for (let channel = 0; channel < data.numberOfChannels; channel++) {
    data.copyTo(plane, { planeIndex: channel, format: 'f32-planar' });
    for (let at = 0; at < plane.length; at++) mono[at]! += plane[at]! / data.numberOfChannels; // both have numberOfFrames
  }
  return mono;
};

/** Throws TranscribeError `unsupported` where the browser has no MediaStreamTrackProcessor. */
export const tapPcm = ({ track, startMs, onPcm, onEnd }: PcmTapOptions): PcmTap => {
  if (typeof MediaStreamTrackProcessor === 'undefined') throw new TranscribeError('unsupported', 'this browser does not hand out sound (MediaStreamTrackProcessor); use Chrome or Chromium 94 or newer');
  const own = track.clone();
  const reader = new MediaStreamTrackProcessor({ track: own }).readable.getReader();
  let firstUs: number | null = null;
  let resampler = { rate: 0, ...createResampler(TARGET_RATE) };
  /** where the next output sample lies */
  let atMs = startMs;
  let stopped = false;

  const take = (data: AudioData): void => {
    firstUs ??= data.timestamp;
    const dataMs = startMs + (data.timestamp - firstUs) / 1000;
    if (data.sampleRate !== resampler.rate || Math.abs(dataMs - atMs) > JUMP_MS) {
      resampler = { rate: data.sampleRate, ...createResampler(data.sampleRate) };
      atMs = dataMs;
    }
    const pcm = resampler.push(monoOf(data));
    if (pcm.length > 0) onPcm(pcm, atMs);
    atMs += (pcm.length / TARGET_RATE) * 1000;
  };
  const run = async (): Promise<void> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      try {
        take(next.value);
      } finally {
        next.value.close();
      }
    }
  };
  const end = (error: TranscribeError | null): void => {
    own.stop();
    if (!stopped) onEnd(error);
    stopped = true;
  };
  run().then(
    () => end(null),
    (cause: unknown) => end(new TranscribeError('crashed', `the sound could not be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })),
  );
  return {
    stop: () => {
      stopped = true;
      own.stop();
      void reader.cancel().catch(() => undefined); // it had ended already
    },
  };
};
