// Popup, options and side panel in real Chromium: the built pages under the manifest's content policy, with a scripted `chrome`, in
// every state and both themes. Screenshots are written where CLIPPY_TEST_SCREENSHOTS names a folder.
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../transcribe/testing/tiny-model.ts';
import { readManifest, servePages } from '../ui/testing/pages-server.ts';
import { SCENES, type Scene } from '../ui/testing/page-scenes.ts';
import { clips, recorderView, recording, SERVER, SESSION, sessionView, words } from '../ui/testing/scene.ts';
import { playChrome, type Note, type Script } from '../ui/testing/scripted-chrome.ts';
import type { RecorderView, RecordingView } from '../view.ts';
import { executablePath, hasChromium } from './browser.ts';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const SHOTS = process.env['CLIPPY_TEST_SCREENSHOTS'];
const WIDTH = { popup: 360, options: 800, panel: 400 };

describe.skipIf(!hasChromium)('pages of the extension (needs Chromium)', () => {
  let browser: Browser;
  let pages: Awaited<ReturnType<typeof servePages>>;
  let manifest: Awaited<ReturnType<typeof readManifest>>;
  let context: BrowserContext | undefined;
  let complaints: string[];
  beforeAll(async () => {
    if (SHOTS) mkdirSync(SHOTS, { recursive: true });
    [pages, manifest, browser] = await Promise.all([servePages(), readManifest(), chromium.launch({ executablePath, args: FLAGS })]);
  });
  afterEach(async () => {
    await context?.close();
    context = undefined;
  });
  afterAll(async () => {
    await browser?.close();
    await pages?.close();
  });

  const open = async (scene: Scene, options: { dark?: boolean; systemDark?: boolean } = {}): Promise<Page> => {
    const dark = options.dark ?? false;
    context = await browser.newContext({ viewport: { width: WIDTH[scene.page], height: 600 }, colorScheme: (options.systemDark ?? dark) ? 'dark' : 'light', reducedMotion: 'reduce' });
    const page = await context.newPage();
    complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    const { page: name, ...rest } = scene;
    await page.addInitScript(playChrome, { ...rest, manifest, permissions: manifest.permissions } satisfies Script);
    await page.goto(`${pages.url}/${name}.html`);
    await page.locator('main').waitFor();
    return page;
  };
  const scene = (name: keyof typeof SCENES, patch: Partial<Scene> = {}): Scene => ({ ...SCENES[name]!, ...patch });

  describe.each(Object.keys(SCENES))('%s', (name) => {
    it.each([['light', { dark: false, systemDark: true }], ['dark', { dark: true }]] as const)('[B21] %s: fits, breaks no rule of axe or of the content policy', async (theme, options) => {
      // light is chosen against a dark system, dark is the system's
      const page = await open(scene(name, { settings: { ...SCENES[name]!.settings, theme: theme === 'light' ? 'light' : 'system' } }), options);
      await page.waitForFunction(() => !document.querySelector('clippy-popup, clippy-options, clippy-panel')?.shadowRoot?.querySelector('[aria-busy=true]'));
      await expect.poll(() => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)).toBe(theme === 'light' ? 'rgb(247, 246, 243)' : 'rgb(20, 21, 24)');
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}-${theme}.png`), fullPage: true, animations: 'disabled' });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${JSON.stringify(target)} ${failureSummary ?? ''}`).join(' | ')}`)).toEqual([]);
      expect(complaints).toEqual([]);
    });
  });

  it('axe and the content policy are heard at all, also from inside the components', async () => {
    const page = await open(scene('popup-idle'));
    await page.getByRole('button', { name: 'Record this tab' }).waitFor();
    await page.evaluate(() => document.querySelector('clippy-popup')?.shadowRoot?.querySelector('main')?.insertAdjacentHTML('beforeend', '<button style="color: red"></button>'));
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id }) => id)).toContain('button-name');
    expect(complaints.join()).toContain('style-src');
  });

  const noted = (page: Page): Promise<Note[]> => page.evaluate(() => globalThis.stage.notes);
  const tell = (page: Page, view: RecorderView): Promise<void> => page.evaluate((next) => globalThis.stage.tell(next), view);
  const recordingView = (patch: Partial<RecordingView> = {}): RecorderView => recorderView({ recordings: [recording(patch)] });
  const KEY = recording().key;

  describe('popup', () => {
    it('[B22] starts, stops and saves, says what was refused, and holds nothing', async () => {
      const page = await open(scene('popup-idle', { refuse: { start: 'This tab is already being captured by another extension; stop it there.' }, hold: ['save'] }));
      await page.getByRole('button', { name: 'Record this tab' }).click();
      await page.getByRole('alert').getByText('already being captured').waitFor();
      expect(await noted(page)).toEqual([{ to: 'worker', type: 'start', tabId: 7, streamId: 'stream-of-7' }]);
      await tell(page, recordingView({ durationMs: 61_000, savableMs: 119_000 }));
      await page.getByRole('timer').getByText('1:01').waitFor();
      expect(await page.getByRole('button', { name: 'Save the last 2 min' }).isEnabled()).toBe(true); // a group of pictures less than asked
      expect(await page.getByRole('button', { name: 'Save the last 5 min' }).isDisabled()).toBe(true);
      await page.getByRole('button', { name: 'Save the last 30 s' }).click();
      await page.getByText('Saving…').waitFor();
      await page.getByRole('button', { name: 'Save the last 2 min' }).click({ force: true }); // one at a time
      await page.evaluate(() => globalThis.stage.release());
      await page.getByText('Saved', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Stop recording' }).click();
      expect((await noted(page)).slice(1)).toEqual([{ to: 'recorder', type: 'save', key: KEY, seconds: 30 }, { to: 'recorder', type: 'stop', key: KEY }]);
      await page.reload(); // a popup that was closed and opened again
      await page.getByRole('button', { name: 'Record this tab' }).waitFor();
      expect(complaints).toEqual([]);
    });

    it('[B22] uploads what was left, discards it only when asked twice, and opens panel and settings with the click', async () => {
      const page = await open(scene('popup-leftovers'));
      await page.getByRole('button', { name: 'Upload Friday night ranked' }).click();
      await page.getByRole('button', { name: 'Discard Friday night ranked' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Discard Friday night ranked' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
      await page.getByRole('button', { name: 'Open the live monitor' }).click();
      await page.getByRole('button', { name: 'Open the settings' }).click();
      const key = '01JREC00000000000000000003';
      expect(await noted(page)).toEqual([{ to: 'recorder', type: 'upload', key }, { to: 'recorder', type: 'discard', key }, { type: 'openPanel', windowId: 1, byUser: true }, { type: 'openOptionsPage' }]);
      expect(await page.getByRole('progressbar').evaluate((bar) => (bar as HTMLProgressElement).value)).toBeCloseTo(74 / 120);
    });

    it('counts down to the next try, links clips to the dashboard', async () => {
      const page = await open(scene('popup-clips'));
      expect(await page.getByRole('link').first().getAttribute('href')).toBe(`${SERVER}/#session=${SESSION}`);
      await tell(page, recorderView({ server: { state: 'offline', url: SERVER, user: 'maja', reason: 'the server is away', retryAt: Date.now() + 30_000 } }));
      await page.getByText(/Next try in \d+ seconds/).waitFor();
      await page.getByRole('button', { name: 'Try now' }).click();
      expect(await noted(page)).toEqual([{ to: 'recorder', type: 'reconnect' }]);
    });

    it('[B20] pairs with a code or a token, and says what is wrong with either', async () => {
      const answers: { status: number; body: unknown }[] = [{ status: 401, body: { error: { code: 'unauthorized', message: 'this pairing code is wrong: make another' } } }, { status: 200, body: { token: 'secret', deviceId: 'd1', user: 'maja' } }];
      const bodies: string[] = [];
      const server = createServer((request, response) => {
        const shared = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
        if (request.method === 'OPTIONS') return void response.writeHead(204, shared).end();
        let body = '';
        request.on('data', (part) => { body += String(part); });
        request.on('end', () => {
          bodies.push(body);
          const answer = answers.shift() ?? { status: 500, body: {} };
          response.writeHead(answer.status, { ...shared, 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
        });
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const { port } = server.address() as AddressInfo;
      try {
        const page = await open(scene('popup-unpaired'));
        await page.getByLabel(/server/i).fill('http://clips.example.org');
        await page.getByText('is not encrypted').waitFor();
        await page.getByLabel(/server/i).fill(`127.0.0.1:${port}`);
        await page.getByText('is not encrypted').waitFor({ state: 'detached' });
        await page.getByLabel(/code/i).fill('abcd');
        await page.keyboard.press('Enter');
        await page.getByText('A code has 8 letters and digits').waitFor();
        expect(await page.getByLabel(/code/i).evaluate((input) => (input.getRootNode() as ShadowRoot).activeElement === input)).toBe(true);
        await page.getByLabel(/code/i).fill('acde fghj');
        await page.getByRole('button', { name: /^pair/i }).click();
        await page.getByText('This pairing code is wrong: make another.').waitFor();
        if (SHOTS) await page.screenshot({ path: join(SHOTS, 'popup-wrong-code-light.png'), fullPage: true });
        await page.getByRole('button', { name: /^pair/i }).click();
        await expect.poll(() => page.evaluate(() => globalThis.stage.stored['pairing'])).toEqual({ url: `http://127.0.0.1:${port}`, token: 'secret', deviceId: 'd1', user: 'maja' });
        expect(JSON.parse(bodies[1] ?? '')).toEqual({ code: 'ACDE-FGHJ', name: 'Chrome on Linux' });
        await page.getByRole('button', { name: 'Use a token' }).click();
        expect(await page.getByLabel(/^token/i).inputValue()).toBe('');
      } finally {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    });

    it.each(['popup-unpaired', 'popup-recording', 'popup-leftovers'])('[B23] %s: the keyboard reaches every control, and the focus is seen', async (name) => {
      const page = await open(scene(name));
      await page.getByRole('button', { name: /^(Record this tab|Stop recording)/ }).waitFor();
      const controls = (): Promise<string[]> => page.evaluate(() => {
        const found: string[] = [];
        const walk = (root: Document | ShadowRoot): void => {
          for (const element of root.querySelectorAll('*')) {
            if (element.matches('button:not(:disabled), a[href], input, select') && element.checkVisibility() && !element.hasAttribute('data-reached')) found.push(element.outerHTML);
            if (element.shadowRoot) walk(element.shadowRoot);
          }
        };
        walk(document);
        return found;
      });
      const { length } = await controls();
      expect(length).toBeGreaterThan(4);
      const unseen: string[] = [];
      for (let step = 0; step < length; step += 1) {
        await page.keyboard.press('Tab');
        const seen = await page.evaluate(() => {
          let at = document.activeElement;
          while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
          if (!at) return 'nothing has the focus';
          at.setAttribute('data-reached', '');
          const { outlineStyle, outlineWidth } = getComputedStyle(at);
          return outlineStyle === 'solid' && Number.parseFloat(outlineWidth) >= 2 ? '' : at.outerHTML;
        });
        if (seen !== '') unseen.push(seen);
      }
      expect(await controls()).toEqual([]);
      expect(unseen).toEqual([]);
    });
  });

  describe('options', () => {
    it('[B25] stores every change at once, on top of what is stored, and says so', async () => {
      const page = await open(scene('options-unpaired', { settings: { notifyClips: false } }));
      await page.getByRole('radio', { name: '1080p' }).click();
      await page.getByText('Saved', { exact: true }).waitFor();
      await page.getByLabel('Kept in this browser').selectOption('15');
      await page.getByText('At most 577 MB for each recording').waitFor(); // 5.128 Mbit/s for 15 minutes
      await page.getByLabel('Record only the video').click();
      await page.getByRole('radio', { name: 'Dark' }).click();
      await expect.poll(() => page.evaluate(() => globalThis.stage.stored['settings'])).toMatchObject({ quality: '1080p', ringMinutes: 15, cropToVideo: true, theme: 'dark', notifyClips: false });
      await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
      await page.getByRole('button', { name: 'Change the shortcuts' }).click();
      expect(await noted(page)).toEqual([{ type: 'createTab', url: 'chrome://extensions/shortcuts' }]);
      expect(complaints).toEqual([]);
    });

    it('unpairs only when asked twice, and says when the server does not answer', async () => {
      const page = await open(scene('options-paired', { pairing: { url: 'http://127.0.0.1:9', token: 't', deviceId: 'd', user: 'maja' } }));
      await page.getByRole('button', { name: 'Test connection' }).click();
      await page.getByText('127.0.0.1:9 cannot be reached').waitFor();
      await page.getByRole('button', { name: 'Unpair' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      expect(await page.evaluate(() => 'pairing' in globalThis.stage.stored)).toBe(true);
      await page.getByRole('button', { name: 'Unpair' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Unpair' }).click();
      await page.getByLabel(/server address/i).waitFor();
      expect(await page.evaluate(() => 'pairing' in globalThis.stage.stored)).toBe(false);
    });

    it('a microphone that is refused stays off and says how to allow it; a model is stored, refused and removed', async () => {
      const page = await open(scene('options-unpaired'));
      const microphone = page.getByLabel('Record my microphone too');
      await microphone.click();
      await page.getByText(/Chrome does not let Clippy use the microphone|No microphone was found/).waitFor();
      expect(await microphone.isChecked()).toBe(false);
      const here = page.getByLabel('Transcribe in this browser');
      expect(await here.isDisabled()).toBe(true);
      const picker = page.getByLabel('Choose a model file…');
      await picker.setInputFiles({ name: 'cat.bin', mimeType: 'application/octet-stream', buffer: Buffer.from('cat') });
      await page.locator('clippy-transcription-section').getByRole('alert').getByText(/model/).waitFor();
      await picker.setInputFiles({ name: 'ggml-tiny.bin', mimeType: 'application/octet-stream', buffer: Buffer.from(tinyModel()) });
      await page.getByText('ggml-tiny.bin').last().waitFor();
      await page.getByText(/MB · SHA-256/).waitFor();
      if (SHOTS) await page.locator('clippy-transcription-section').screenshot({ path: join(SHOTS, 'options-model-light.png') });
      await here.click();
      await page.getByRole('button', { name: 'Remove' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
      await picker.waitFor();
      await expect.poll(() => page.evaluate(() => globalThis.stage.stored['settings'])).toMatchObject({ transcribeHere: false });
      expect(await noted(page)).toEqual([{ to: 'recorder', type: 'model', change: 'stored' }, { to: 'recorder', type: 'model', change: 'removed' }]);
    });
  });

  describe('side panel', () => {
    it('[B26] asks for the session it shows, follows the words until the user scrolls away, and shows clips as they come', async () => {
      const page = await open(scene('panel-live'));
      await expect.poll(() => noted(page)).toEqual([{ to: 'recorder', type: 'watch', session: SESSION }]);
      const log = page.getByRole('log', { name: 'Transcript' });
      const fromEnd = (): Promise<number> => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
      const more = (count: number, clipCount = 3): RecorderView => {
        const session = sessionView();
        return recorderView({ recordings: SCENES['panel-live']!.view.recordings, clips: clips(clipCount), watched: { session: SESSION, view: { ...session, words: words(count), clips: session.clips.slice(0, clipCount) } } });
      };
      await expect.poll(fromEnd).toBeLessThan(2);
      await tell(page, more(600));
      await expect.poll(fromEnd).toBeLessThan(2);
      await log.hover();
      await page.mouse.wheel(0, -400);
      await page.getByRole('button', { name: 'Jump to live' }).waitFor();
      const place = await log.evaluate((box) => box.scrollTop);
      await tell(page, more(800));
      await expect.poll(fromEnd).toBeGreaterThan(600);
      expect(await log.evaluate((box) => box.scrollTop)).toBe(place);
      await page.getByRole('button', { name: 'Jump to live' }).click();
      await expect.poll(fromEnd).toBeLessThan(2);
      expect(await page.getByRole('list', { name: 'Clips' }).getByRole('listitem').count()).toBe(3);
      await tell(page, more(800, 1));
      await expect.poll(() => page.getByRole('list', { name: 'Clips' }).getByRole('listitem').count()).toBe(1);
      await page.getByLabel('Recording', { exact: true }).selectOption({ label: 'Cooking with Maja: sourdough' });
      await expect.poll(async () => (await noted(page)).at(-1)).toEqual({ to: 'recorder', type: 'watch', session: '01JDEMO0000000000000000002' });
      expect(complaints).toEqual([]);
    });

    it('asks again when the recorder began anew and follows nothing', async () => {
      const page = await open(scene('panel-live'));
      await expect.poll(async () => (await noted(page)).length).toBe(1);
      await tell(page, { ...SCENES['panel-live']!.view, watched: null });
      await expect.poll(async () => (await noted(page)).length).toBe(2);
      await page.getByText('Waiting for the server to tell').waitFor();
    });
  });
});
