import { array, assert as hold, boolean, integer, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextWindow, WINDOW_DEFAULTS, type SpeechWindow, type WindowOptions } from './speech-window.ts';

/** runs of speech and silence, in frames of 100 ms */
const pattern = (...runs: [speech: boolean, frames: number][]): boolean[] => runs.flatMap(([speech, frames]) => Array.from({ length: frames }, () => speech));

/** All windows, learning `stepMs` more at a time. */
const plan = (frames: boolean[], stepMs = 100, options: WindowOptions = WINDOW_DEFAULTS): { windows: SpeechWindow[]; knownAt: number[]; skips: number } => {
  const windows: SpeechWindow[] = [];
  const knownAt: number[] = [];
  let skips = 0;
  let fromMs = 0;
  const total = frames.length * 100;
  for (let known = Math.min(stepMs, total); ; known = Math.min(known + stepMs, total)) {
    const speech = (frame: number): boolean | undefined => (frame * 100 < known ? frames[frame] : undefined);
    for (let next = nextWindow({ speech, fromMs, knownUntilMs: known, ended: known === total }, options); next; next = nextWindow({ speech, fromMs, knownUntilMs: known, ended: known === total }, options)) {
      const until = 'skipToMs' in next ? next.skipToMs : next.endMs;
      if (until <= fromMs) throw new Error(`no progress at ${fromMs}`);
      if ('skipToMs' in next) skips++;
      else {
        windows.push(next);
        knownAt.push(known);
      }
      fromMs = until;
    }
    if (known === total) return { windows, knownAt, skips };
  }
};

describe('speech windows', () => {
  it('[W1] sends nothing of silence, and says how far it can be skipped', () => {
    const { windows, skips } = plan(pattern([false, 600]));
    expect(windows).toEqual([]);
    expect(skips).toBeGreaterThan(10);
  });

  it('[W1] cuts long talk in the first gap between 10 and 15 s', () => {
    const { windows } = plan(pattern([true, 80], [false, 4], [true, 30], [false, 3], [true, 200], [false, 30]));
    expect(windows[0]).toEqual({ startMs: 0, endMs: 11_500, audioStartMs: 0 });
    expect(windows[1]?.startMs).toBe(11_500);
  });

  it('[W2] without a gap cuts at the longest earlier one, or at 15 s with a lead of a second', () => {
    const earlier = plan(pattern([true, 70], [false, 1], [true, 200])).windows;
    expect(earlier[0]?.endMs).toBe(7_050);
    const none = plan(pattern([true, 400])).windows;
    expect(none.map((window) => window.endMs)).toEqual([15_000, 29_000, 40_000]);
    expect(none[1]).toMatchObject({ startMs: 15_000, audioStartMs: 14_000 });
  });

  it('[W3] hands over what waits when speech pauses 1.5 s with 8 s waiting, or 3 s with less', () => {
    const talk = plan(pattern([false, 50], [true, 80], [false, 100]));
    expect(talk.windows).toEqual([{ startMs: 4_800, endMs: 13_200, audioStartMs: 4_600 }]);
    expect(talk.knownAt).toEqual([14_500]);
    const shout = plan(pattern([false, 50], [true, 10], [false, 100]));
    expect(shout.windows).toEqual([{ startMs: 4_800, endMs: 6_200, audioStartMs: 4_600 }]);
    expect(shout.knownAt).toEqual([9_000]);
    const cheap = plan(pattern([false, 50], [true, 40], [false, 100]), 100, { ...WINDOW_DEFAULTS, minMs: 10_000, patienceMs: 10_000 });
    expect(cheap.knownAt).toEqual([14_800]);
  });

  it('[W27] hears at most a second twice where windows follow one another, and nothing twice elsewhere, however wide the padding', () => {
    const { windows } = plan(pattern([false, 100], [true, 30], [false, 40], [true, 30], [false, 100], [true, 30], [false, 100]), 100, { ...WINDOW_DEFAULTS, paddingMs: 1_500 });
    expect(windows).toEqual([
      { audioStartMs: 8_300, startMs: 8_500, endMs: 14_500 },
      { audioStartMs: 15_300, startMs: 15_500, endMs: 21_500 },
      { audioStartMs: 28_300, startMs: 28_500, endMs: 34_500 },
    ]);
    const close = plan(pattern([true, 90], [false, 15], [true, 60], [false, 100]), 100, { ...WINDOW_DEFAULTS, paddingMs: 1_500 }).windows;
    expect(close).toEqual([{ audioStartMs: 0, startMs: 0, endMs: 9_100 }, { audioStartMs: 8_100, startMs: 9_100, endMs: 16_600 }]);
  });

  it('[W3] flushes at the end', () => {
    expect(plan(pattern([false, 20], [true, 13])).windows).toEqual([{ startMs: 1_800, endMs: 3_300, audioStartMs: 1_600 }]);
  });

  it('[W4] covers all speech once, never longer than 15 s, and decides the same however late it learns', () => {
    hold(
      property(array(tuple(boolean(), integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 40 }), integer({ min: 1, max: 80 }), (runs, step) => {
        const frames = pattern(...runs);
        const { windows } = plan(frames);
        let before = 0;
        for (const window of windows) {
          expect(window.startMs).toBeGreaterThanOrEqual(before);
          expect(window.endMs - window.audioStartMs).toBeLessThanOrEqual(WINDOW_DEFAULTS.maxMs);
          expect(window.audioStartMs).toBeLessThanOrEqual(window.startMs);
          before = window.endMs;
        }
        const missed = frames.flatMap((speech, frame) => (speech && !windows.some((window) => window.startMs <= frame * 100 && frame * 100 < window.endMs) ? [frame] : []));
        expect(missed).toEqual([]);
        expect(plan(frames, step * 100).windows).toEqual(windows);
      }),
      { numRuns: 150, verbose: true },
    );
  });
});
