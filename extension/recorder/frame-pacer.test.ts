import { describe, expect, it } from 'vitest';
import { framePacer } from './frame-pacer.ts';
import { mediaClock } from './media-clock.ts';

/** Frames at `arrivals`, a tick every `tickMs` up to `untilMs`. */
const run = (arrivals: number[], untilMs: number, tickMs = 10): number[] => {
  const pacer = framePacer(30);
  const times: number[] = [];
  const events = [...arrivals.map((at) => ({ at, frame: true })), ...Array.from({ length: Math.floor(untilMs / tickMs) }, (_, tick) => ({ at: (tick + 1) * tickMs, frame: false }))];
  for (const { at, frame } of events.toSorted((a, b) => a.at - b.at)) {
    times.push(...pacer.tick(at));
    const time = frame ? pacer.arrived(at) : null;
    if (time !== null) times.push(time);
  }
  return times;
};
const every = (ms: number, untilMs: number, jitter: (at: number) => number = () => 0): number[] => Array.from({ length: Math.floor(untilMs / ms) }, (_, at) => Math.max(0, at * ms + jitter(at)));
const rising = (times: number[]): boolean => times.every((time, at) => at === 0 || time > times[at - 1]!);

describe('frame pacer', () => {
  it('gives a moving page its rate, whatever the jitter', () => {
    const times = run(every(1000 / 30, 10_000, (at) => ((at * 7919) % 41) - 20), 10_000);
    expect(times.length).toBeGreaterThanOrEqual(298);
    expect(times.length).toBeLessThanOrEqual(301);
    expect(rising(times)).toBe(true);
  });

  it('fills a page that paints at 20 a second up to 30, and thins one that paints at 60', () => {
    for (const ms of [50, 1000 / 60]) {
      const times = run(every(ms, 10_000), 10_000);
      expect(Math.abs(times.length - 300)).toBeLessThanOrEqual(2);
      expect(rising(times)).toBe(true);
    }
  });

  it('shows a still page five times a second', () => {
    const times = run([0], 10_000);
    const later = times.filter((time) => time > 1000);
    expect(later.length).toBeGreaterThanOrEqual(44);
    expect(later.length).toBeLessThanOrEqual(46);
    expect(rising(times)).toBe(true);
  });

  it('shows the last of two frames that fell into one place, also when nothing follows', () => {
    const times = run([0, 1000, 1005], 1100);
    expect(times.filter((time) => time >= 1000 && time < 1034)).toHaveLength(2); // its own place, and the next for the newer frame
  });

  it('shows nothing before the first frame', () => expect(run([], 1000)).toEqual([]));
});

describe('media clock', () => {
  it('runs with its source, stands still through a sleep, and says how long', () => {
    let at = 5_000;
    const clock = mediaClock(() => at);
    for (; at < 7_000; at += 33) clock.now();
    const before = clock.now();
    at += 3_600_000;
    expect(clock.now()).toBe(before);
    at += 40;
    expect(clock.now()).toBe(before + 40);
    expect(clock.sleptMs).toBe(3_600_000);
  });

  it('a pause of a slow machine is no sleep', () => {
    let at = 0;
    const clock = mediaClock(() => at);
    at = 3_000;
    expect(clock.now()).toBe(3_000);
    expect(clock.sleptMs).toBe(0);
  });
});
