// "Save the last 30 s": in the page, from what the browser keeps, with no server at all.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from './browser.ts';
import { measure, median } from './measure.ts';
import { type Studio, openStudio } from './studio.ts';

describe.skipIf(!hasChromium)('saving without a server (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio(); }, 120_000);
  afterAll(() => studio.close());

  it('[B10] the last 30 s become an MP4 that decodes without errors, 30 s to a frame', { timeout: 180_000 }, async () => {
    await studio.server.kill('SIGKILL');
    const page = await studio.openPage();
    const key = await studio.record(page);
    await studio.until(key, 'half a minute', ({ savableMs }) => savableMs > 33_000, 90_000);
    await studio.browser.ask({ to: 'recorder', type: 'save', key, seconds: 30 });
    const saved = async () => (await studio.browser.worker()).evaluate(async () => (await chrome.downloads.search({ orderBy: ['-startTime'] }))[0]);
    await expect.poll(async () => (await saved())?.state, { timeout: 20_000 }).toBe('complete');
    const item = (await saved())!; // polled above
    const seen = await measure(await readFile(item.filename));
    console.log(`saved: ${seen.durationMs.toFixed(0)} ms, ${seen.frames} frames, ${seen.errors === '' ? 'no errors' : seen.errors}, beep ${Math.round(median(seen.offsetsMs))} ms after flash`);
    expect(seen.errors).toBe('');
    expect(Math.abs(seen.durationMs - 30_000)).toBeLessThanOrEqual(1_000 / 30 + 21); // a frame, and the last Opus packet
    expect(seen.framesPerSecond).toBeGreaterThanOrEqual(28);
    expect(seen.soundDb).toBeGreaterThan(-40);
    expect(Math.abs(median(seen.offsetsMs))).toBeLessThan(100);
    // still recording, and nothing was lost by saving
    expect(await studio.recording(key)).toMatchObject({ state: 'recording', lost: 0 });
    await page.close();
  });
});
