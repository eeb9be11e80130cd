import { describe, expect, it } from 'vitest';
import type { Page } from '../../shared/model.ts';
import { virtualClock } from '../../shared/testing/virtual-clock.ts';
import { PageTrack } from './page-track.ts';

const live = { title: 'Live', sourceUrl: 'https://example.org/live' };
const tracked = () => {
  const clock = virtualClock();
  const began = clock.now();
  const told: { at: number; page: Page }[] = [];
  const track = new PageTrack({ clock, mediaMs: () => clock.now() - began, send: (page) => told.push({ at: clock.now() - began, page }) });
  return { clock, track, told, pages: () => told.map(({ page }) => page) };
};

describe('page track', () => {
  it('[B14] tells only what changed, at most once a second, with the time it changed at', async () => {
    const { clock, track, told, pages } = tracked();
    track.shows({ title: '', sourceUrl: '' });
    track.plays(null);
    expect([told, track.sent]).toEqual([[], null]);
    track.shows(live);
    for (let step = 0; step < 5; step++) {
      await clock.advance(100);
      track.shows(live);
      track.plays(step > 1);
    }
    await clock.advance(5_000);
    expect(pages()).toEqual([{ atMs: 0, ...live, playing: null }, { atMs: 300, ...live, playing: true }]);
    expect(track.sent).toEqual(pages()[1]);
    for (let step = 0; step < 100; step++) {
      track.shows({ ...live, title: `Live ${step}` });
      await clock.advance(100);
    }
    await clock.advance(1_000);
    expect(pages().at(-1)).toMatchObject({ title: 'Live 99', playing: true });
    expect(told.every(({ at }, n) => n === 0 || at - told[n - 1]!.at >= 1_000)).toBe(true);
    expect(told.length).toBeLessThanOrEqual(14);
  });

  it('[B14] an address that is no longer known is not held on to; people still see the last known', async () => {
    const { clock, track, pages } = tracked();
    track.shows(live, true);
    await clock.advance(2_000);
    track.lose();
    expect(pages().at(-1)).toEqual({ atMs: 2_000, title: '', sourceUrl: '', playing: null });
    expect(track.known).toEqual(live);
  });

  it('[B14] another page does not inherit that the one before was playing', async () => {
    const { clock, track, pages } = tracked();
    const next = { title: 'Next', sourceUrl: 'https://example.org/next' };
    track.shows(live, true);
    track.shows({ ...live, title: 'Still live' });
    await clock.advance(2_000);
    track.shows(next);
    await clock.advance(50);
    track.shows(next, false);
    await clock.advance(2_000);
    expect(pages()).toEqual([
      { atMs: 0, ...live, playing: true }, { atMs: 0, ...live, title: 'Still live', playing: true }, { atMs: 2_000, ...next, playing: null }, { atMs: 2_050, ...next, playing: false },
    ]);
  });

  it('[B14] a page without a title keeps what the browser calls it', async () => {
    const { clock, track, pages } = tracked();
    track.shows({ title: 'example.org/live', sourceUrl: live.sourceUrl });
    track.shows({ title: '', sourceUrl: live.sourceUrl });
    await clock.advance(2_000);
    expect(pages()).toHaveLength(1);
  });

  it('[B14] what still waits at the end is told, and nothing after it', async () => {
    const { clock, track, pages } = tracked();
    track.plays(true);
    await clock.advance(400);
    track.plays(false);
    track.stop();
    track.plays(true);
    await clock.advance(2_000);
    expect(pages().map(({ atMs, playing }) => [atMs, playing])).toEqual([[0, true], [400, false]]);
  });
});
