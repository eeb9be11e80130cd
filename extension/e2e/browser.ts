// A real Chromium with the built extension, driven as a user drives it: the toolbar action opens the real popup.
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page, type Worker } from 'playwright-core';
import { expect } from 'vitest';
import type { RecorderMessage, Reply, WorkerMessage } from '../messages.ts';
import type { Pairing, Settings } from '../settings.ts';
import type { RecorderView } from '../view.ts';
import { extension } from './build.ts';

export const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
export const hasChromium = existsSync(executablePath);

/** As the user's own choice on the options page: Chrome's question cannot be answered here, so a copy asks for it at installation. */
const withEverySite = async (outDir: string): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), 'clippy-extension-'));
  await cp(outDir, copy, { recursive: true });
  const { optional_host_permissions, ...manifest } = JSON.parse(await readFile(join(copy, 'manifest.json'), 'utf8')) as { optional_host_permissions: string[] };
  await writeFile(join(copy, 'manifest.json'), JSON.stringify({ ...manifest, host_permissions: optional_host_permissions }));
  return copy;
};

export type BrowserOptions = {
  profile?: string;
  /** tabs may be captured without a gesture, for suites whose subject is not the gesture */
  granted?: boolean;
  /** players embedded from other sites are followed */
  embedded?: boolean;
  /** device pixels a CSS pixel */
  pixelRatio?: number;
  args?: string[];
  viewport?: { width: number; height: number };
};

export type Browser = {
  context: BrowserContext;
  id: string;
  profile: string;
  /** the browser's process */
  pid: () => Promise<number>;
  /** a page of the extension that stays open: what is asked from it counts as asked by the popup */
  page: (name: 'popup' | 'options' | 'panel') => Promise<Page>;
  worker: () => Promise<Worker>;
  /** as the popup starts recording a tab; gives the key */
  start: (tabId: number) => Promise<string>;
  ask: <T>(message: WorkerMessage | RecorderMessage) => Promise<T>;
  view: () => Promise<RecorderView>;
  configure: (options: { pairing?: Pairing | null; settings?: Partial<Settings> }) => Promise<void>;
  tabId: (page: Page) => Promise<number>;
  /** Presses the toolbar button on this page's tab and gives the popup Chrome opens. */
  pressAction: (page: Page) => Promise<{ popup: Page; done: () => Promise<void> }>;
  /** as a crash: no chance to say goodbye */
  kill: () => Promise<void>;
  close: () => Promise<void>;
};

const ARGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--remote-debugging-port=0', '--enable-unsafe-extension-debugging'];

export const openBrowser = async (options: BrowserOptions = {}): Promise<Browser> => {
  const { outDir: built, id } = await extension();
  const outDir = options.embedded ? await withEverySite(built) : built;
  const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'clippy-profile-')));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: false, viewport: options.viewport ?? { width: 1280, height: 720 }, deviceScaleFactor: options.pixelRatio ?? 1,
    ignoreDefaultArgs: ['--disable-extensions', '--mute-audio'],
    args: [...ARGS, `--disable-extensions-except=${outDir}`, `--load-extension=${outDir}`, ...(options.granted ? [`--allowlisted-extension-id=${id}`] : []), ...(options.pixelRatio ? [`--force-device-scale-factor=${options.pixelRatio}`] : []), ...(options.args ?? [])],
  });
  const worker = async (): Promise<Worker> => context.serviceWorkers().find((each) => each.url().includes(id)) ?? context.waitForEvent('serviceworker', { timeout: 15_000 });
  await worker();
  const page: Browser['page'] = async (name) => {
    const opened = await context.newPage();
    await opened.goto(`chrome-extension://${id}/${name}.html`);
    return opened;
  };
  let control: Page | null = null;
  const opened = async (): Promise<Page> => (control = !control || control.isClosed() ? await page('options') : control);
  const ask: Browser['ask'] = async <T>(message: WorkerMessage | RecorderMessage): Promise<T> => {
    const reply = (await (await opened()).evaluate((asked) => chrome.runtime.sendMessage(asked), message)) as Reply<T> | undefined;
    if (!reply?.ok) throw new Error(`${message.type}: ${reply ? `${reply.error.code}: ${reply.error.message}` : 'no answer'}`);
    return reply.value;
  };
  const tabId: Browser['tabId'] = async (shown) => {
    await shown.bringToFront();
    const found = await (await worker()).evaluate(async () => (await chrome.tabs.query({ active: true, lastFocusedWindow: true }))[0]?.id);
    if (found === undefined) throw new Error('Chrome names no active tab');
    return found;
  };
  const port = async (): Promise<number> => Number((await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n')[0]);
  /** Chrome's lock on the profile is a link that names its process. */
  const pid = async (): Promise<number> => Number((await readlink(join(profile, 'SingletonLock'))).split('-').pop());
  return {
    context, id, profile, pid, page, worker, ask, tabId,
    start: async (tab) => ask<string>({ to: 'worker', type: 'start', tabId: tab, streamId: await (await opened()).evaluate((targetTabId) => chrome.tabCapture.getMediaStreamId({ targetTabId }), tab) }),
    view: () => ask<RecorderView>({ to: 'worker', type: 'view' }),
    configure: async ({ pairing, settings }) => {
      await ask({ to: 'worker', type: 'view' }); // the recorder lives, so that it hears of the change
      await (await worker()).evaluate(async ([paired, chosen]) => {
        if (paired === null) await chrome.storage.local.remove('pairing');
        else if (paired) await chrome.storage.local.set({ pairing: paired });
        if (chosen) await chrome.storage.local.set({ settings: { ...((await chrome.storage.local.get('settings'))['settings'] as object), ...chosen } });
      }, [pairing, settings] as const);
    },
    pressAction: async (shown) => {
      await shown.bringToFront();
      const session = await context.browser()!.newBrowserCDPSession(); // a persistent context has its browser
      const { targetInfos } = (await session.send('Target.getTargets', { filter: [{ type: 'tab' }] })) as { targetInfos: { targetId: string; url: string }[] };
      const tab = targetInfos.find(({ url }) => url === shown.url());
      if (!tab) throw new Error(`no tab shows ${shown.url()}`);
      await (session.send as (method: string, params: object) => Promise<unknown>)('Extensions.triggerAction', { id, targetId: tab.targetId });
      const address = `http://127.0.0.1:${await port()}`;
      // the popup is no page of the first connection: a second one sees it, once its title is set
      await expect.poll(async () => {
        const list = (await (await fetch(`${address}/json/list`)).json()) as { type: string; url: string; title: string }[];
        return list.some(({ type, url, title }) => type === 'page' && url.endsWith('/popup.html') && title !== '' && !title.includes('popup.html'));
      }, { timeout: 15_000 }).toBe(true);
      const side = await chromium.connectOverCDP(address);
      let popup: Page | undefined;
      await expect.poll(() => (popup = side.contexts().flatMap((each) => each.pages()).find((each) => each.url().endsWith('/popup.html'))) !== undefined, { timeout: 10_000 }).toBe(true);
      return { popup: popup!, done: async () => side.close() };
    },
    kill: async () => {
      process.kill(await pid(), 'SIGKILL');
      await Promise.race([context.close().catch(() => undefined), new Promise((done) => setTimeout(done, 2_000))]);
      await rm(join(profile, 'SingletonLock'), { force: true });
    },
    close: async () => {
      await Promise.race([context.close().catch(() => undefined), new Promise((done) => setTimeout(done, 5_000))]);
      if (options.embedded) await rm(outDir, { recursive: true, force: true });
      if (!options.profile) await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => undefined);
    },
  };
};
