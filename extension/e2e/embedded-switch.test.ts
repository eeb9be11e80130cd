// The switch for players of other sites: Chrome asks the user and remembers the answer, the page shows what Chrome says.
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCENES } from '../ui/testing/page-scenes.ts';
import { readManifest, servePages } from '../ui/testing/pages-server.ts';
import { type Script, playChrome } from '../ui/testing/scripted-chrome.ts';
import { executablePath, hasChromium } from './browser.ts';

const NOT_GRANTED = 'Not granted at the moment.';

describe.skipIf(!hasChromium)('players embedded from other sites (needs Chromium)', () => {
  let pages: Awaited<ReturnType<typeof servePages>>;
  let manifest: Awaited<ReturnType<typeof readManifest>>;
  let browser: Browser;
  beforeAll(async () => {
    [pages, manifest, browser] = await Promise.all([servePages(), readManifest(), chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await pages?.close();
  });

  const open = async (refuse: Record<string, string>): Promise<Page> => {
    const { page: name, ...scene } = SCENES['options-paired']!; // there is one
    const page = await browser.newPage();
    await page.addInitScript(playChrome, { ...scene, manifest, permissions: manifest.permissions, refuse } satisfies Script);
    await page.goto(`${pages.url}/${name}.html`);
    return page;
  };
  const box = (page: Page) => page.getByRole('checkbox', { name: 'Follow players embedded from other sites' });

  it('[B24] is off, asks with the click, and gives the permission back', async () => {
    const page = await open({});
    await expect.poll(() => box(page).isEnabled()).toBe(true);
    expect(await box(page).isChecked()).toBe(false);
    await page.getByText(NOT_GRANTED).waitFor();
    await box(page).check();
    await expect.poll(() => page.getByText(NOT_GRANTED).count()).toBe(0);
    await box(page).uncheck();
    await page.getByText(NOT_GRANTED).waitFor();
    expect(await page.evaluate(() => globalThis.stage.notes)).toEqual([{ type: 'requestPermission', byUser: true }, { type: 'removePermission' }]);
    await page.close();
  });

  it('[B24] stays off and says why when the user refuses', async () => {
    const page = await open({ requestPermission: 'no' });
    await expect.poll(() => box(page).isEnabled()).toBe(true);
    await box(page).click();
    await page.getByRole('alert').getByText('Chrome did not give the permission').waitFor();
    expect(await box(page).isChecked()).toBe(false);
    await page.close();
  });
});
