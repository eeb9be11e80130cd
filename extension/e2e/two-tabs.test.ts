// Several tabs at once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from './browser.ts';
import { median } from './measure.ts';
import { TONES } from './stage.ts';
import { type Studio, measureSession, openStudio, pause, sessionOf } from './studio.ts';

describe.skipIf(!hasChromium)('two tabs (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio(); }, 120_000);
  afterAll(() => studio.close());

  it('[B6] two tabs recorded at once for a minute are two sessions without cross-talk', { timeout: 180_000 }, async () => {
    const pages = [await studio.openPage(0), await studio.openPage(1)];
    const keys: string[] = [];
    for (const page of pages) keys.push(await studio.record(page));
    await pause(60_000);
    const stopped = [];
    for (const key of keys) stopped.push(await studio.stop(key));
    expect(stopped[0]!.session).not.toBe(stopped[1]!.session);
    for (const [n, recording] of stopped.entries()) {
      const seen = await measureSession(studio.server, recording.session!);
      expect(seen.errors).toBe('');
      expect(seen.durationMs).toBeGreaterThan(58_000);
      expect(Math.abs(seen.toneHz - TONES[n]!)).toBeLessThan(60);
      expect(Math.abs(median(seen.offsetsMs))).toBeLessThan(100);
      expect((await sessionOf(studio.server, recording.session!)).session.missing).toBe(0);
      console.log(`tab ${n + 1}: ${(seen.durationMs / 1_000).toFixed(1)} s, ${seen.framesPerSecond.toFixed(1)} frames/s, tone ${Math.round(seen.toneHz)} Hz, beep ${Math.round(median(seen.offsetsMs))} ms after flash`);
    }
    for (const page of pages) await page.close();
  });
});
