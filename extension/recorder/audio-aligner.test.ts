import { describe, expect, it } from 'vitest';
import { audioAligner } from './audio-aligner.ts';

type Written = { atMs: number; capturedMs: number };

/** Sound of 10 ms captured at `from`, `from + 10` …, arriving `delay(captured)` after its end; a tick every 20 ms. Gives where each piece was written. */
const run = (untilMs: number, delay: (capturedMs: number) => number, { from = 0, step = 10, lost = (at: number): boolean => at < 0 && at >= 0 } = {}): Written[] => {
  const aligner = audioAligner();
  const events: { at: number; capturedMs: number | null }[] = [];
  for (let captured = from; captured < untilMs; captured += step) if (!lost(captured)) events.push({ at: captured + 10 + delay(captured), capturedMs: captured });
  for (let at = 20; at < untilMs; at += 20) events.push({ at, capturedMs: null });
  const written: Written[] = [];
  for (const { at, capturedMs } of events.toSorted((a, b) => a.at - b.at)) {
    if (capturedMs === null) aligner.tick(at);
    else if (at >= 0) {
      const { take } = aligner.arrived(at, 10);
      if (take) written.push({ atMs: aligner.positionMs - 10, capturedMs });
    }
  }
  return written;
};
const worst = (written: Written[], fromMs = 0): number => Math.max(...written.filter(({ atMs }) => atMs >= fromMs).map(({ atMs, capturedMs }) => Math.abs(atMs - capturedMs)));

describe('audio aligner', () => {
  it('takes everything that comes in time and adds nothing', () => {
    const written = run(20_000, (at) => (at * 7919) % 25);
    expect(written).toHaveLength(2000);
    expect(worst(written)).toBeLessThanOrEqual(30);
  });

  it('puts a first sample in its place, late or early', () => {
    expect(worst(run(5_000, () => 5, { from: 800 }))).toBeLessThanOrEqual(30);
    expect(worst(run(5_000, () => 5, { from: -300 }))).toBeLessThanOrEqual(30);
  });

  it('recovers within a second and a half from a start that was held up', () => {
    const written = run(8_000, (at) => (at < 300 ? 400 : 5));
    expect(worst(written, 1_500)).toBeLessThanOrEqual(35);
  });

  it('fills what is missing, also when nothing comes for long', () => {
    for (const end of [2_120, 2_900, 6_000]) expect(worst(run(12_000, () => 5, { lost: (at) => at >= 2_000 && at < end }), end + 1_500)).toBeLessThanOrEqual(40);
  });

  it('a burst after a stall does not run ahead', () => {
    const written = run(12_000, (at) => (at >= 3_000 && at < 5_000 ? 5_000 - at : 5));
    expect(worst(written, 6_500)).toBeLessThanOrEqual(40);
  });

  it('follows a sound card whose clock is off by 0.1 %, both ways', () => {
    for (const step of [10.01, 9.99]) expect(worst(run(120_000, () => 5, { step }))).toBeLessThanOrEqual(45);
  });

  it('keeps a track without any sound going', () => {
    const aligner = audioAligner();
    let ms = 0;
    for (let at = 0; at <= 10_000; at += 20) ms += aligner.tick(at);
    expect(ms).toBeGreaterThan(9_400);
    expect(ms).toBe(aligner.positionMs);
  });
});
