// Keeps a track of sound on the clock of the pictures. Sound is written sample after sample without a hole; where samples are
// missing (a page that was busy, a microphone pulled out, another clock in the sound card) silence takes their place, and
// samples that cannot have been recorded yet (after such silence, in a burst) are left out.

/** later than this is put right by silence */
const TOLERANCE_MS = 30;
/** earlier than this is left out: chance makes sound late, never early, so what was written before stands too late */
const EARLY_MS = 10;
/** arrival is late by chance, hardly ever early: the least late of so many decides */
const WINDOW_MS = 1_000;
/** a track that says nothing for so long gets silence, up to this long ago */
const MUTE_MS = 500;
const MUTE_KEEP_MS = 100;

export type Alignment = { silenceMs: number; take: boolean };

export type AudioAligner = {
  /** media time of what is written next, ms */
  readonly positionMs: number;
  /** `durationMs` of sound arrived at `nowMs`: write silence, then (`take`) the sound. */
  arrived(nowMs: number, durationMs: number): Alignment;
  /** Silence to write as nothing came, ms; 0 = none. */
  tick(nowMs: number): number;
};

export const audioAligner = (): AudioAligner => {
  let positionMs = 0;
  let late: { at: number; lagMs: number }[] = [];
  let started = false;

  const silence = (ms: number): number => {
    positionMs += ms;
    late = [];
    return ms;
  };

  return {
    get positionMs() {
      return positionMs;
    },
    arrived: (nowMs, durationMs) => {
      const lagMs = nowMs - durationMs - positionMs; // sound is captured before it arrives
      if (lagMs < -EARLY_MS) return { silenceMs: 0, take: false };
      late.push({ at: positionMs, lagMs });
      late = late.filter(({ at }) => at > positionMs - WINDOW_MS);
      const full = positionMs - (late[0]?.at ?? positionMs) >= WINDOW_MS - 2 * durationMs - TOLERANCE_MS;
      const least = Math.min(...late.map((entry) => entry.lagMs));
      const silenceMs = (!started && lagMs > 0) || (full && least > TOLERANCE_MS) ? silence(started ? least : lagMs) : 0;
      started = true;
      positionMs += durationMs;
      return { silenceMs, take: true };
    },
    tick: (nowMs) => (nowMs - positionMs > MUTE_MS ? silence(nowMs - MUTE_KEEP_MS - positionMs) : 0),
  };
};
