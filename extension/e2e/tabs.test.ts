// What pages do while they are recorded.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '../../shared/model.ts';
import { api } from '../../scripts/server-process.ts';
import { hasChromium } from './browser.ts';
import { type Studio, measureSession, openStudio, pause, sessionOf } from './studio.ts';

describe.skipIf(!hasChromium)('tabs (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio(); }, 120_000);
  afterAll(() => studio.close());

  it('[B7] goes on when the page reloads, navigates, is resized and goes to the background, and ends whole when the tab closes', { timeout: 120_000 }, async () => {
    const page = await studio.openPage();
    const key = await studio.record(page);
    await pause(2_500);
    await page.reload();
    await pause(2_500);
    await page.goto(`${studio.stage.page(1).replace('127.0.0.1', 'localhost')}`);
    await pause(2_500);
    await page.setViewportSize({ width: 900, height: 700 });
    await pause(2_500);
    const other = await studio.browser.context.newPage();
    await other.bringToFront();
    await pause(2_500);
    const before = await studio.recording(key);
    expect(before.state).toBe('recording');
    await page.close();
    const stopped = await studio.until(key, 'the recording of a closed tab to end', ({ state }) => state === 'stopped', 30_000);
    expect(stopped).toMatchObject({ lost: 0, unackedChunks: 0 });
    const seen = await measureSession(studio.server, stopped.session!);
    expect(seen.errors).toBe('');
    expect(seen.durationMs).toBeGreaterThanOrEqual(before.durationMs - 300);
    expect(seen.durationMs).toBeGreaterThan(11_000);
    const session = await sessionOf(studio.server, stopped.session!);
    expect(session.session.missing).toBe(0);
    console.log(`reload, navigation, resize, background, close: ${(seen.durationMs / 1_000).toFixed(1)} s in one recording, ${seen.frames} frames`);
    await other.close();
  });

  it('[B15] the shortcut starts and stops recording the tab in front', { timeout: 60_000 }, async () => {
    const page = await studio.openPage();
    const tabId = await studio.browser.tabId(page);
    const before = (await studio.browser.view()).recordings.map(({ key }) => key);
    await page.bringToFront();
    // as Chrome tells it: no tool can press a browser's own shortcut in a headless window
    const press = async (): Promise<void> => (await studio.browser.worker()).evaluate(async (id) => (chrome.commands.onCommand as unknown as { dispatch: (command: string, tab: chrome.tabs.Tab) => void }).dispatch('toggle-recording', await chrome.tabs.get(id)), tabId);
    await press();
    await expect.poll(async () => (await studio.browser.view()).recordings.some(({ key, state }) => !before.includes(key) && state === 'recording'), { timeout: 20_000 }).toBe(true);
    const { key } = (await studio.browser.view()).recordings.find((each) => !before.includes(each.key))!; // polled above
    await press();
    await studio.until(key, 'the shortcut to stop it', ({ state }) => state === 'stopped');
    await page.close();
  });
});

describe.skipIf(!hasChromium)('the pages of a recording (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio({ granted: false }); }, 120_000);
  afterAll(() => studio.close());

  it('[B7] [B14] the server learns of a reload, a navigation, a pause and a title of its own, and nothing of a site the button was not pressed on', { timeout: 120_000 }, async () => {
    const tab = await studio.openPage(0);
    const [first, second] = [studio.stage.page(0), `${studio.stage.url}/?tone=0&hue=20`];
    const elsewhere = second.replace('127.0.0.1', 'localhost');
    const key = await studio.recordByButton(tab);
    const mediaMs = async (): Promise<number> => (await studio.recording(key)).durationMs;
    const plays = (playing: boolean | null) => studio.until(key, `playing: ${playing}`, (recording) => recording.playing === playing);
    await plays(true);
    await pause(1_500);
    await tab.reload();
    await pause(3_000);
    const beforeSecond = await mediaMs();
    await tab.goto(second);
    await plays(true);
    await pause(2_000);
    await tab.evaluate(() => document.querySelector('video')!.pause()); // the stage has one video
    await plays(false);
    await pause(2_000);
    await tab.evaluate(() => { history.pushState(null, '', '?moved'); document.title = '<b>Moved</b> 🎬'; });
    await pause(3_000);
    await tab.goto(elsewhere);
    await plays(null);
    await pause(1_500);
    const { session, durationMs } = await studio.stop(key);
    const pages = await api<Page[]>(studio.server, `/api/sessions/${session!}/pages`); // it was online
    console.log(pages.map(({ atMs, title, sourceUrl, playing }) => `${Math.round(atMs)} ms: ${title} ${sourceUrl} ${playing}`).join('\n'));
    const visited = pages.map(({ sourceUrl }) => sourceUrl).filter((url, n, all) => url !== all[n - 1]);
    expect(visited).toEqual([first, second, `${studio.stage.url}/?moved`, '']);
    expect(pages[0]).toMatchObject({ atMs: 0, title: 'Flash and beep 200', sourceUrl: first });
    expect(pages.map(({ atMs }) => atMs)).toEqual(pages.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    expect(pages.at(-1)!.atMs).toBeLessThan(durationMs);
    const at = pages.find(({ sourceUrl }) => sourceUrl === second)!;
    expect(at.title).toBe('Flash and beep 20');
    expect(at.atMs).toBeGreaterThan(beforeSecond - 500);
    const ofSecond = pages.filter(({ sourceUrl }) => sourceUrl === second).map(({ playing }) => playing);
    expect(ofSecond).toContain(true);
    expect(ofSecond.at(-1)).toBe(false);
    expect(pages.findLast(({ sourceUrl }) => sourceUrl.endsWith('?moved'))).toMatchObject({ title: '<b>Moved</b> 🎬', playing: false });
    expect(pages.at(-1)).toMatchObject({ title: '', sourceUrl: '', playing: null });
    expect((await sessionOf(studio.server, session!)).session).toMatchObject({ title: 'Flash and beep 200', sourceUrl: first });
    await tab.close();
  });
});
