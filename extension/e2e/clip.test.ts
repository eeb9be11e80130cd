// A clip arrives while the stream runs: in the popup, on the badge, as a notification.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from './browser.ts';
import { type Studio, openStudio } from './studio.ts';

describe.skipIf(!hasChromium)('a clip arrives (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio({ granted: false }); }, 120_000);
  afterAll(() => studio.close());

  it('[B9] a clip arrives in the popup, on the badge and as a notification while the stream runs', { timeout: 180_000 }, async () => {
    const page = await studio.browser.context.newPage();
    await page.goto(studio.stage.playing(join(import.meta.dirname, '../../scripts/demo.mp4')));
    await page.waitForFunction(() => document.querySelector('video')!.currentTime > 0.2); // the stage has one video
    const { popup, done } = await studio.browser.pressAction(page);
    await popup.getByRole('button', { name: /^record/i }).click();
    await expect.poll(async () => (await studio.browser.view()).recordings.some(({ state }) => state === 'recording'), { timeout: 20_000 }).toBe(true);
    await done().catch(() => undefined);
    await page.bringToFront();
    await expect.poll(async () => (await studio.browser.view()).clips.length, { timeout: 100_000, interval: 500 }).toBeGreaterThan(0);
    const worker = await studio.browser.worker();
    await expect.poll(() => worker.evaluate(() => chrome.action.getBadgeText({})), { timeout: 10_000 }).toBe('1');
    await expect.poll(() => worker.evaluate(async () => Object.keys(await new Promise<Record<string, boolean>>((resolve) => chrome.notifications.getAll((all) => resolve(all as Record<string, boolean>))))), { timeout: 10_000 }).toContain((await studio.browser.view()).clips[0]!.id);
    const shown = await studio.browser.page('popup');
    const thumbnail = shown.locator('clippy-clip-list img').first();
    await thumbnail.waitFor({ timeout: 10_000 });
    expect(await thumbnail.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(50);
    await expect.poll(() => worker.evaluate(() => chrome.action.getBadgeText({})), { timeout: 10_000 }).toBe('REC'); // seen
    const [clip] = (await studio.browser.view()).clips;
    console.log(`clip "${clip!.title}" (${((clip!.endMs - clip!.startMs) / 1_000).toFixed(1)} s, score ${clip!.score.toFixed(2)}) in popup, badge and notification`);
    await studio.browser.ask({ to: 'recorder', type: 'stop', key: (await studio.browser.view()).recordings.find(({ state }) => state === 'recording')!.key });
    await Promise.all([shown.close(), page.close()]);
  });
});
