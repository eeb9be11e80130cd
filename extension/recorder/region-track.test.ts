import { describe, expect, it } from 'vitest';
import type { Rectangle } from '../../shared/model.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { regionTrack } from './region-track.ts';

const at = (x: number): Rectangle => ({ x, y: 0, width: 100, height: 100 });

describe('region track', () => {
  it('sends only what changed, at most ten times a second, and always the last', async () => {
    const clock = virtualClock();
    const sent: { x: number | undefined; at: number }[] = [];
    const began = clock.now();
    const track = regionTrack({ clock, send: (rect) => sent.push({ x: rect?.x, at: clock.now() - began }) });
    for (let step = 0; step < 100; step++) {
      track.set(at(step));
      await clock.advance(10);
    }
    await clock.advance(1000);
    expect(sent.length).toBeLessThanOrEqual(12);
    expect(sent.at(-1)?.x).toBe(99);
    expect(sent.every((entry, index) => index === 0 || entry.at - sent[index - 1]!.at >= 100)).toBe(true);
    track.set(at(99));
    const before = sent.length;
    await clock.advance(1000);
    expect(sent).toHaveLength(before);
    track.set(null);
    expect(sent.at(-1)?.x).toBeUndefined();
  });
});
