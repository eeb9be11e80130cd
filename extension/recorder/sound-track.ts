// One track of sound on its way into the encoder, aligned to the clock of the pictures.
import { AudioSample, AudioSampleSource, Quality } from 'mediabunny';
import { AUDIO_BITS_PER_SECOND } from '../settings.ts';
import { audioAligner } from './audio-aligner.ts';
import { sampleChain } from './sample-chain.ts';

const RATE = 48_000;
const CHANNELS = 2;
/** ten seconds of 10 ms each: beyond that sound is left out, and its place becomes silence */
const MAX_QUEUED = 1_000;

export type SoundTrack = {
  source: AudioSampleSource;
  /** Called every few frames: a track that says nothing gets silence. */
  tick(nowMs: number): void;
  /** Reads no more; resolves when all of it went into the encoder. */
  stop(): Promise<void>;
};

/** `now` gives media time, null before the first picture: sound before it is left out. `delayMs`: how much later than pictures sound arrives. */
export const soundTrack = (track: MediaStreamTrack, options: { now: () => number | null; delayMs: number; onError: (cause: unknown) => void }): SoundTrack => {
  const source = new AudioSampleSource({ codec: 'opus', quality: new Quality({ bitrate: AUDIO_BITS_PER_SECOND }) });
  const aligner = audioAligner();
  const chain = sampleChain(options.onError);
  // a generator: the constructor takes MediaStreamTrack as its own narrower type
  const reader = new MediaStreamTrackProcessor({ track: track as MediaStreamAudioTrack }).readable.getReader();
  let stopped = false;

  const write = (sample: AudioSample): void => {
    if (chain.depth >= MAX_QUEUED) return sample.close();
    chain.push(() => source.add(sample).finally(() => sample.close()));
  };
  const silence = (endMs: number, ms: number): void => {
    for (let left = Math.round((ms / 1000) * RATE); left > 0; left -= RATE) {
      const frames = Math.min(left, RATE);
      write(new AudioSample({ data: new Float32Array(frames * CHANNELS), format: 'f32-planar', numberOfChannels: CHANNELS, sampleRate: RATE, timestamp: endMs / 1000 - left / RATE }));
    }
  };

  const pump = async (): Promise<void> => {
    for (;;) {
      const { value: data, done } = await reader.read();
      if (done) return;
      const now = options.now();
      if (now === null || stopped) {
        data.close();
        continue;
      }
      const durationMs = data.duration / 1000;
      const { silenceMs, take } = aligner.arrived(now - options.delayMs, durationMs);
      const startMs = aligner.positionMs - durationMs;
      if (silenceMs > 0) silence(startMs, silenceMs);
      const sample = new AudioSample(data);
      if (!take) sample.close();
      else {
        sample.setTimestamp(startMs / 1000);
        write(sample);
      }
    }
  };
  pump().catch(options.onError);

  return {
    source,
    tick: (nowMs) => {
      const ms = aligner.tick(nowMs);
      if (ms > 0) silence(aligner.positionMs, ms);
    },
    stop: async () => {
      stopped = true;
      await reader.cancel().catch(() => undefined); // the track may have ended with an error of its own
      await chain.drained();
    },
  };
};
