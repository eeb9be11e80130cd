// What a streamer does, with the real toolbar button and the user's grant that comes with it: pair by code, record, see the clip arrive.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, temporaryFolder, type ServerProcess } from '../../scripts/server-process.ts';
import { hasChromium, openBrowser, type Browser } from './browser.ts';
import { median } from './measure.ts';
import { openStage, type Stage } from './stage.ts';
import { measureSession, pause, sessionOf } from './studio.ts';

const SECONDS = 20;

describe.skipIf(!hasChromium)('golden run (needs Chromium)', () => {
  let stage: Stage;
  let server: ServerProcess;
  let browser: Browser;
  const data = temporaryFolder('golden');
  beforeAll(async () => {
    [stage, server, browser] = await Promise.all([openStage(), startServer({ dataDir: (await data).path }), openBrowser()]);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.kill('SIGTERM');
    await stage.close();
    await (await data).remove();
  });

  it('[B1][B2] toolbar button, popup, code, record, stop: both tracks, the right length, in step', { timeout: 180_000 }, async () => {
    await browser.view(); // from here on a page of the extension is open that can be asked: opening one later would close the popup
    const page = await browser.context.newPage();
    await page.goto(stage.page());
    await page.waitForFunction(() => document.querySelector('video')!.currentTime > 0.2); // the stage has one video

    const { code } = (await (await fetch(`${server.url}/api/pairing-codes`, { method: 'POST', headers: { authorization: `Bearer ${server.token}` } })).json()) as { code: string };
    const first = await browser.pressAction(page);
    await first.popup.getByLabel(/server/i).fill(server.url);
    await first.popup.getByLabel(/code/i).fill(code.toLowerCase());
    await first.popup.getByRole('button', { name: /^pair/i }).click();
    const begin = first.popup.getByRole('button', { name: /^(start recording|record)/i });
    await begin.waitFor({ timeout: 15_000 });
    const startedAt = Date.now();
    await begin.click();
    await expect.poll(async () => (await browser.view()).recordings.map(({ state }) => state), { timeout: 20_000 }).toEqual(['recording']);
    await first.done().catch(() => undefined); // Chrome closes the popup when capture starts
    await page.bringToFront();
    const { key } = (await browser.view()).recordings[0]!; // polled above
    await expect.poll(async () => (await browser.view()).recordings[0]!.durationMs, { timeout: 60_000, interval: 100 }).toBeGreaterThanOrEqual((SECONDS - 2) * 1_000);
    await pause(2_000 - ((Date.now() - startedAt) % 100));
    await browser.ask({ to: 'recorder', type: 'stop', key });
    await expect.poll(async () => (await browser.view()).recordings.find((each) => each.key === key)?.state, { timeout: 30_000 }).toBe('stopped');

    const stopped = (await browser.view()).recordings.find((each) => each.key === key)!; // polled above
    const { session } = await sessionOf(server, stopped.session!); // it was online
    expect(session).toMatchObject({ missing: 0, chunks: stopped.pushed });
    const seen = await measureSession(server, session.id);
    console.log(`golden: ${(seen.durationMs / 1_000).toFixed(2)} s, ${seen.framesPerSecond.toFixed(1)} frames/s, luma ${Math.round(seen.luma)}, sound ${seen.soundDb.toFixed(1)} dB, beep ${Math.round(median(seen.offsetsMs))} ms after flash (${seen.offsetsMs.length} pairs), ${seen.audioTracks} sound track(s)`);
    expect(seen.errors).toBe('');
    expect(seen.audioTracks).toBe(1);
    expect(Math.abs(seen.durationMs - SECONDS * 1_000)).toBeLessThanOrEqual(500);
    expect(seen.framesPerSecond).toBeGreaterThanOrEqual(29);
    expect(seen.luma).toBeGreaterThan(20);
    expect(seen.soundDb).toBeGreaterThan(-40);
    expect(seen.offsetsMs.length).toBeGreaterThanOrEqual(15);
    expect(Math.abs(median(seen.offsetsMs))).toBeLessThan(100);
  });
});
