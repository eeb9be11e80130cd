// Voice activity of a whole session, ten bits a second: what the words lane cuts its windows by. 48 hours take 350 KB.
import type { SignalBin } from '../../shared/model.ts';

const FRAMES_PER_SECOND = 10;
const KNOWN = 1 << 15;

export type SpeechTrack = {
  learn(bins: SignalBin[]): void;
  /** `frame` counts tenths of a second from the session's start; undefined: not known (yet) */
  at(frame: number): boolean | undefined;
  /** share of the tenths in [startMs, endMs) that have voice activity; null where none is known */
  share(startMs: number, endMs: number): number | null;
};

export const createSpeechTrack = (): SpeechTrack => {
  let seconds = new Uint16Array(1024);
  const at = (frame: number): boolean | undefined => {
    const bits = seconds[Math.floor(frame / FRAMES_PER_SECOND)] ?? 0;
    return (bits & KNOWN) === 0 ? undefined : ((bits >> (frame % FRAMES_PER_SECOND)) & 1) === 1;
  };
  return {
    learn: (bins) => {
      for (const { second, speech } of bins) {
        if (second >= seconds.length) {
          const grown = new Uint16Array(Math.max(seconds.length * 2, second + 1));
          grown.set(seconds);
          seconds = grown;
        }
        seconds[second] = KNOWN | speech;
      }
    },
    at,
    share: (startMs, endMs) => {
      const frames = [];
      for (let frame = Math.floor(startMs / 100); frame * 100 < endMs; frame += 1) frames.push(at(frame));
      const known = frames.filter((one) => one !== undefined);
      return known.length === 0 ? null : known.filter(Boolean).length / known.length;
    },
  };
};
