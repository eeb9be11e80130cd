// Popup, options and side panel in real Chromium: the built pages under the manifest's content policy, with a scripted `chrome`, in
// every state and both themes. Screenshots are written where CLIPPY_TEST_SCREENSHOTS names a folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readManifest, servePages } from '../ui/testing/pages-server.ts';
import { SCENES, type Scene } from '../ui/testing/page-scenes.ts';
import { playChrome, type Script } from '../ui/testing/scripted-chrome.ts';
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
});
