// A stage page, a server and a browser that is paired with it, and the steps every suite takes.
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Gap, type SessionView } from '../../shared/model.ts';
import { type ServerProcess, api, startServer, temporaryFolder } from '../../scripts/server-process.ts';
import type { Settings } from '../settings.ts';
import type { RecorderView, RecordingView } from '../view.ts';
import { type Browser, type BrowserOptions, openBrowser } from './browser.ts';
import { type Measured, measure } from './measure.ts';
import { type Stage, openStage } from './stage.ts';

export type Studio = {
  stage: Stage;
  server: ServerProcess;
  browser: Browser;
  /** the server's address as the extension knows it */
  pair: (url?: string, settings?: Partial<Settings>) => Promise<void>;
  openPage: (which?: 0 | 1) => Promise<Page>;
  /** Starts recording the tab of `page`; resolves with the key when the first piece is there. */
  record: (page: Page) => Promise<string>;
  /** The same as a user does it, with toolbar button and popup: only this lets scripts into the page. */
  recordByButton: (page: Page) => Promise<string>;
  recording: (key: string) => Promise<RecordingView>;
  until: (key: string, what: string, holds: (recording: RecordingView, view: RecorderView) => boolean, timeoutMs?: number) => Promise<RecordingView>;
  stop: (key: string) => Promise<RecordingView>;
  restartServer: () => Promise<void>;
  /** a new browser on the same profile */
  restartBrowser: () => Promise<void>;
  close: () => Promise<void>;
};

export const openStudio = async (options: Omit<BrowserOptions, 'profile'> = {}): Promise<Studio> => {
  const profile = await temporaryFolder('profile');
  const data = await temporaryFolder('data');
  const open = (): Promise<Browser> => openBrowser({ granted: true, ...options, profile: profile.path });
  const [stage, server, browser] = await Promise.all([openStage(), startServer({ dataDir: data.path }), open()]);
  const studio: Studio = {
    stage, server, browser,
    pair: (url = studio.server.url, settings = {}) => studio.browser.configure({ pairing: { url, token: studio.server.token, deviceId: 'test', user: 'admin' }, settings }),
    openPage: async (which = 0) => {
      const page = await studio.browser.context.newPage();
      await page.goto(stage.page(which));
      await page.waitForFunction(() => document.querySelector('video')!.currentTime > 0.2); // the stage has one video
      return page;
    },
    record: async (page) => {
      await studio.browser.view(); // the page that asks is open: opening it later would put it in front
      const key = await studio.browser.start(await studio.browser.tabId(page));
      await studio.until(key, 'its first piece', ({ state, pushed }) => state === 'recording' && pushed > 0);
      return key;
    },
    recordByButton: async (page) => {
      const before = new Set((await studio.browser.view()).recordings.map(({ key }) => key)); // the page that asks is open: opening it later would close the popup
      const { popup, done } = await studio.browser.pressAction(page);
      await popup.getByRole('button', { name: 'Record this tab' }).click();
      let key: string | undefined;
      await expect.poll(async () => (key = (await studio.browser.view()).recordings.find((each) => !before.has(each.key))?.key), { timeout: 30_000 }).toBeDefined();
      await done().catch(() => undefined); // Chrome closes the popup when capture starts
      await page.bringToFront();
      await studio.until(key!, 'its first piece', ({ state, pushed }) => state === 'recording' && pushed > 0); // defined above
      return key!;
    },
    recording: async (key) => {
      const found = (await studio.browser.view()).recordings.find((each) => each.key === key);
      if (!found) throw new Error(`the recorder knows no recording ${key}`);
      return found;
    },
    until: async (key, what, holds, timeoutMs = 30_000) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const view = await studio.browser.view();
        const found = view.recordings.find((each) => each.key === key);
        if (found && holds(found, view)) return found;
        if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}; last seen: ${JSON.stringify({ server: view.server, recording: found })}`);
        await new Promise((done) => setTimeout(done, 200));
      }
    },
    stop: async (key) => {
      await studio.browser.ask({ to: 'recorder', type: 'stop', key });
      return studio.until(key, 'the server to hold all of it', ({ state }) => state === 'stopped' || state === 'failed', 60_000);
    },
    restartServer: async () => {
      const port = Number(new URL(studio.server.url).port);
      studio.server = await startServer({ dataDir: data.path, port });
    },
    restartBrowser: async () => { studio.browser = await open(); },
    close: async () => {
      await studio.browser.close();
      await studio.server.kill('SIGTERM');
      await stage.close();
      await profile.remove();
      await data.remove();
    },
  };
  await studio.pair();
  return studio;
};

export const sessionOf = (server: ServerProcess, session: string): Promise<SessionView> => api<SessionView>(server, `/api/sessions/${session}`);
export const gapsOf = async (server: ServerProcess, session: string): Promise<Gap[]> => (await sessionOf(server, session)).gaps;

/** What the server serves of a recording. */
export const bytesOf = async (server: ServerProcess, session: string): Promise<Uint8Array> => {
  const reply = await fetch(`${server.url}/api/sessions/${session}/recording`, { headers: { authorization: `Bearer ${server.token}` } });
  expect(reply.status).toBe(200);
  return new Uint8Array(await reply.arrayBuffer());
};
export const measureSession = async (server: ServerProcess, session: string): Promise<Measured> => measure(await bytesOf(server, session));

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
