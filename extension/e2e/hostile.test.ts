// A page can neither start nor read anything; parts of the extension check what they are told.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reply } from '../messages.ts';
import { hasChromium } from './browser.ts';
import { extension } from './build.ts';
import { type Studio, openStudio } from './studio.ts';

/** Everything the extension may do; README says why. A permission more is a decision, not an accident. */
const PERMISSIONS = ['activeTab', 'downloads', 'notifications', 'offscreen', 'scripting', 'sidePanel', 'storage', 'tabCapture', 'unlimitedStorage'];
const KEY = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const ORDERS = [
  { to: 'worker', type: 'view' }, { to: 'worker', type: 'start', tabId: 1, streamId: 'x' }, { to: 'worker', type: 'hello' },
  { to: 'worker', type: 'notify', kind: 'clip', id: 'x', title: 'x', message: 'x' }, { to: 'worker', type: 'download', url: 'blob:x', filename: 'x' }, { to: 'worker', type: 'watchPage', tabId: 1 },
  { to: 'recorder', type: 'view' }, { to: 'recorder', type: 'begin', tabId: 1, streamId: 'x', title: '', sourceUrl: '' }, { to: 'recorder', type: 'stop', key: KEY },
  { to: 'recorder', type: 'save', key: KEY, seconds: 30 }, { to: 'recorder', type: 'upload', key: KEY }, { to: 'recorder', type: 'discard', key: KEY }, { to: 'recorder', type: 'reconnect' },
  { to: 'recorder', type: 'watch', session: 'x' }, { to: 'recorder', type: 'tab', tabId: 1, event: 'closed', title: '', sourceUrl: '' }, { to: 'recorder', type: 'model', change: 'removed' },
];

describe.skipIf(!hasChromium)('hostile pages and messages (needs Chromium)', () => {
  let studio: Studio;
  beforeAll(async () => { studio = await openStudio(); }, 120_000);
  afterAll(() => studio.close());

  it('[B8] a web page reaches no part of the extension', async () => {
    const page = await studio.openPage();
    const { id } = studio.browser;
    const said = await page.evaluate(async (extensionId) => {
      const tried: Record<string, string> = {};
      const runtime = (globalThis as { chrome?: { runtime?: { sendMessage?: (...args: unknown[]) => Promise<unknown> } } }).chrome?.runtime;
      tried['message'] = runtime?.sendMessage ? await runtime.sendMessage(extensionId, { to: 'worker', type: 'view' }).then((reply) => `answered ${JSON.stringify(reply)}`, () => 'refused') : 'refused';
      for (const file of ['popup.html', 'recorder.html', 'recorder.js', 'manifest.json', 'icons/128.png'])
        tried[file] = await fetch(`chrome-extension://${extensionId}/${file}`).then(() => 'read', () => 'refused');
      const frame = document.createElement('iframe');
      frame.src = `chrome-extension://${extensionId}/popup.html`;
      document.body.append(frame);
      await new Promise((done) => setTimeout(done, 500));
      tried['frame'] = (() => { try { return frame.contentWindow?.document.title ?? 'refused'; } catch { return 'refused'; } })();
      window.postMessage({ to: 'recorder', type: 'region', rect: null }, '*');
      return tried;
    }, id);
    expect(new Set(Object.values(said))).toEqual(new Set(['refused']));
    expect(page.frames().filter((frame) => frame.url().includes('popup.html'))).toEqual([]);
    expect((await studio.browser.view()).recordings).toEqual([]);
    await page.close();
  });

  it('[B8] a content script, which shares a process with the page, may give no orders', async () => {
    const page = await studio.openPage();
    const tabId = await studio.browser.tabId(page);
    const { done } = await studio.browser.pressAction(page); // the user's grant lets a script of the extension in
    const replies = await (await studio.browser.worker()).evaluate(async ([tab, orders]) => {
      const [injected] = await chrome.scripting.executeScript({
        target: { tabId: tab }, args: [orders],
        func: (sent) => Promise.all(sent.map((order) => chrome.runtime.sendMessage(order).catch((error: unknown) => ({ ok: false, error: { code: 'nobody', message: String(error) } })))),
      });
      return injected?.result as Reply<unknown>[];
    }, [tabId, ORDERS] as const);
    expect(replies).toHaveLength(ORDERS.length);
    for (const [n, reply] of replies.entries()) expect(reply, JSON.stringify(ORDERS[n])).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    await done().catch(() => undefined);
    await page.close();
  });

  it('[B8] malformed messages are refused by name, and nothing else is disturbed', async () => {
    const control = await studio.browser.page('options');
    const bad: unknown[] = [
      { to: 'worker' }, { to: 'worker', type: 'start' }, { to: 'worker', type: 'start', tabId: 'one', streamId: 'x' }, { to: 'worker', type: 'start', tabId: -1, streamId: 'x' }, { to: 'worker', type: 'download', url: 'https://evil.example/x', filename: 'x' },
      { to: 'worker', type: 'notify', kind: 'clip', id: 'x'.repeat(10_000), title: '', message: '' }, { to: 'worker', type: '__proto__' },
      { to: 'recorder' }, { to: 'recorder', type: 'save', key: '../../x', seconds: 30 }, { to: 'recorder', type: 'save', key: KEY, seconds: 1e9 }, { to: 'recorder', type: 'configure', settings: {}, pairing: { url: 'javascript:alert(1)' } },
      { to: 'recorder', type: 'region', rect: { x: 'a' } }, { to: 'recorder', type: 'stop', key: 7 },
    ];
    const replies = await control.evaluate((all) => Promise.all(all.map((message) => chrome.runtime.sendMessage(message))), bad);
    for (const [n, reply] of (replies as Reply<unknown>[]).entries()) expect(reply, JSON.stringify(bad[n]).slice(0, 100)).toMatchObject({ ok: false, error: { code: expect.stringMatching(/bad_message|forbidden/) as string } });
    expect((await studio.browser.view()).server.state).toBe('online');
    await control.close();
  });

  it('[B8] asks for the permissions on the list and no host unless the user adds one, and runs no remote code', async () => {
    const { outDir, id } = await extension();
    const manifest = JSON.parse(await readFile(join(outDir, 'manifest.json'), 'utf8')) as { permissions: string[]; host_permissions?: string[]; optional_host_permissions?: string[]; content_scripts?: unknown; web_accessible_resources?: unknown; externally_connectable: { ids: string[]; matches?: string[] }; content_security_policy: { extension_pages: string } };
    expect(manifest.permissions.toSorted()).toEqual(PERMISSIONS);
    expect([manifest.host_permissions, manifest.optional_host_permissions, manifest.content_scripts, manifest.web_accessible_resources, manifest.externally_connectable.matches]).toEqual([undefined, ['<all_urls>'], undefined, undefined, undefined]);
    expect(manifest.externally_connectable.ids).toEqual([]);
    const granted = await (await studio.browser.worker()).evaluate(async () => chrome.permissions.getAll());
    expect([(granted.permissions ?? []).toSorted(), granted.origins]).toEqual([PERMISSIONS, []]);
    const policy = Object.fromEntries(manifest.content_security_policy.extension_pages.split(';').map((part) => { const [name = '', ...sources] = part.trim().split(/\s+/); return [name, sources]; }));
    // only connect-src names schemes: the server's address is the user's choice
    for (const [name, sources] of Object.entries(policy)) if (name !== 'connect-src') for (const source of sources) expect(source, name).toMatch(/^('self'|'none'|'wasm-unsafe-eval'|blob:|data:)$/);
    expect(policy['script-src']).toEqual(["'self'", "'wasm-unsafe-eval'"]);
    expect(policy['default-src']).toEqual(["'none'"]);
    expect(id).toBe(studio.browser.id);
  });
});
