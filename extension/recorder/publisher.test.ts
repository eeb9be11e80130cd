import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { publisher } from './publisher.ts';

describe('publisher', () => {
  it('sends what changed, the last of it, at most four times a second', async () => {
    const clock = virtualClock();
    const sent: number[] = [];
    let value = 0;
    const changed = publisher({ clock, view: () => ({ value }), send: (view) => sent.push(view.value) });
    for (let step = 1; step <= 100; step++) {
      value = step;
      changed();
      await clock.advance(10);
    }
    await clock.advance(1000);
    expect(sent.length).toBeGreaterThanOrEqual(4);
    expect(sent.length).toBeLessThanOrEqual(6);
    expect(sent.at(-1)).toBe(100);
    const before = sent.length;
    changed();
    await clock.advance(1000);
    expect(sent).toHaveLength(before);
  });
});
