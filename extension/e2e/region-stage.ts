// Where the region script is tried: a throw-away extension with that script and a worker that stands where the recorder does, two
// sites, one tab, and a measure of what a screenshot of the tab shows.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { chromium, type CDPSession, type Page, type Worker } from 'playwright-core';
import { expect } from 'vitest';
import type { Rectangle } from '../../shared/model.ts';
import type { Region } from '../region-compose.ts';
import { mapRegion } from '../region-map.ts';
import { executablePath } from './browser.ts';

const HERE = resolve(import.meta.dirname, '..');
/** what the worker keeps */
export type Seen = { regions: (Region & { at: number })[]; messages: { frameId: number; at: number; rect: Rectangle | null; url: string }[]; refuse: boolean; silent: boolean; injections: number };

/** fewer pixels of the colour on the screen prove nothing */
const LEAST_PIXELS = 20_000;

const RECORDER = `
import { regionMessage } from './messages.ts';
import { createTabRegions, regionSender } from './region-compose.ts';
let tabs = createTabRegions();
const seen = globalThis.seen = { regions: [], messages: [], refuse: false, silent: false, injections: 0 };
globalThis.inject = async (tabId) => { seen.injections++; await chrome.scripting.executeScript({ target: { tabId, allFrames: true }, files: ['region.js'] }); };
globalThis.reset = () => { tabs = createTabRegions(); Object.assign(seen, { regions: [], messages: [], refuse: false, silent: false, injections: 0 }); };
chrome.runtime.onMessage.addListener((message, sender, reply) => {
  const from = regionSender(sender);
  if (!from) return false;
  const parsed = regionMessage.parse(message);
  const at = performance.now();
  seen.messages.push({ frameId: from.frameId, at, rect: parsed.rect, url: sender.url });
  if (seen.silent) return false;
  if (seen.refuse) { reply({ ok: false, error: { code: 'idle', message: '' } }); return false; }
  const { region, inject } = tabs.take(parsed, from, at);
  if (region) seen.regions.push({ ...region, at });
  if (inject) void globalThis.inject(from.tabId);
  reply({ ok: true, value: null });
  return false;
});
globalThis.count = async (png, rect) => {
  const bitmap = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(bitmap, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  let all = 0, inside = 0;
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i += 4) {
    if (Math.abs(data[i] - 255) > 24 || data[i + 1] > 24 || Math.abs(data[i + 2] - 255) > 24) continue;
    all++;
    if (rect && x >= rect.x && y >= rect.y && x < rect.x + rect.width && y < rect.y + rect.height) inside++;
  }
  return { width, height, all, inside };
};`;

/** Magenta pictures, 640 × 360 unless said otherwise. */
const VIDEO = `<script>
const magenta = (width = 640, height = 360) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const paint = canvas.getContext('2d');
  const draw = () => { paint.fillStyle = '#ff00ff'; paint.fillRect(0, 0, width, height); };
  draw(); setInterval(draw, 50);
  return canvas.captureStream(20);
};
const fill = (video, width, height) => { video.muted = true; video.srcObject = magenta(width, height); return video.play(); };
const make = (style = '') => { const video = document.createElement('video'); video.style.cssText = style; fill(video); return video; };
</script>`;
export const page = (body: string): string => `<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#222;color:#eee} video{display:block}</style>${VIDEO}${body}`;


export type Shot = { right: number; covered: number; mapped: Rectangle | null; all: number };
export type Stage = {
  /** path → page, on both sites */
  pages: Map<string, string>;
  /** two sites: Chromium puts frames of the one in pages of the other into another process */
  here: string;
  there: string;
  tab: Page;
  cdp: CDPSession;
  worker: Worker;
  seen(): Promise<Seen>;
  latest(): Promise<Seen['regions'][number] | undefined>;
  inject(): Promise<unknown>;
  /** Shows this page and follows it. */
  open(body: string): Promise<void>;
  /** Waits until the region fits what a screenshot shows: ≥ 99 % of it the video's colour, and ≥ 98 % of the colour in it. */
  expectRight(): Promise<void>;
  /** A new tab; the worker forgets. */
  reset(): Promise<void>;
  /** As the button on chrome://extensions does. */
  reloadExtension(): Promise<void>;
  close(): Promise<void>;
};

/** path → page, at this name of this machine */
export const listen = async (host: string, pages: Map<string, string>): Promise<{ server: Server; origin: string }> => {
  const server = createServer((request, response) => {
    const body = pages.get(new URL(request.url ?? '/', 'http://x').pathname);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { server, origin: `http://${host}:${(server.address() as AddressInfo).port}` };
};

const makeExtension = async (dir: string): Promise<void> => {
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ manifest_version: 3, name: 'region test', version: '1', background: { service_worker: 'background.js' }, permissions: ['scripting'], host_permissions: ['http://127.0.0.1/*', 'http://localhost/*'] }));
  const common = { bundle: true, format: 'iife', target: 'es2023', logLevel: 'silent' } as const;
  await build({ ...common, entryPoints: [join(HERE, 'content/region.ts')], outfile: join(dir, 'region.js') });
  await build({ ...common, stdin: { contents: RECORDER, resolveDir: HERE, loader: 'ts' }, outfile: join(dir, 'background.js') });
};

export const openStage = async (): Promise<Stage> => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-region-'));
  const pages = new Map<string, string>();
  await makeExtension(dir);
  const [one, two] = [await listen('127.0.0.1', pages), await listen('localhost', pages)];
  const context = await chromium.launchPersistentContext(join(dir, 'profile'), {
    executablePath, headless: false, viewport: { width: 1280, height: 720 }, ignoreDefaultArgs: ['--disable-extensions', '--mute-audio'],
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--remote-debugging-port=0', '--enable-unsafe-extension-debugging', '--autoplay-policy=no-user-gesture-required', `--disable-extensions-except=${dir}`, `--load-extension=${dir}`],
  });
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker', { timeout: 15_000 }));
  const tab = await context.newPage();

  const shot = async (): Promise<Shot> => {
    const { data } = await stage.cdp.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: false });
    const region = await stage.latest();
    const header = Buffer.from(data.slice(0, 64), 'base64');
    const mapped = region ? mapRegion({ rect: region.rect, viewport: region.viewport, frame: { width: header.readUInt32BE(16), height: header.readUInt32BE(20) } }) : null;
    const { all, inside } = await stage.worker.evaluate(([png, rect]) => (globalThis as unknown as { count(png: string, rect: unknown): Promise<{ all: number; inside: number }> }).count(png, rect), [data, mapped] as const);
    return { right: mapped ? inside / (mapped.width * mapped.height) : 0, covered: all ? inside / all : 0, mapped, all };
  };

  const stage: Stage = {
    pages, here: one.origin, there: two.origin, tab, worker, cdp: await context.newCDPSession(tab),
    seen: () => stage.worker.evaluate('seen') as Promise<Seen>,
    latest: async () => (await stage.seen()).regions.at(-1),
    inject: () => stage.worker.evaluate(async () => {
      const [active] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
      await (globalThis as unknown as { inject(tabId?: number): Promise<void> }).inject(active?.id);
    }),
    open: async (body) => {
      pages.set('/', page(body));
      await stage.tab.goto(stage.here);
      await stage.tab.bringToFront();
      await stage.inject();
    },
    expectRight: async () => {
      let last: Shot | undefined;
      const fits = async (): Promise<boolean> => {
        last = await shot();
        return last.right >= 0.99 && last.covered >= 0.98 && last.all >= LEAST_PIXELS;
      };
      await expect.poll(fits, { timeout: 10_000, interval: 200 }).toBe(true).catch((cause: unknown) => {
        throw new Error(`the region does not fit: ${JSON.stringify(last)}`, { cause });
      });
    },
    reset: async () => {
      const old = stage.tab;
      stage.tab = await context.newPage();
      await old.close();
      stage.cdp = await context.newCDPSession(stage.tab);
      await stage.worker.evaluate('reset()');
    },
    reloadExtension: async () => {
      const next = context.waitForEvent('serviceworker', { timeout: 15_000 });
      const session = await context.browser()!.newBrowserCDPSession(); // a persistent context has its browser
      await (session.send as (method: string, params: object) => Promise<unknown>)('Extensions.loadUnpacked', { path: dir });
      stage.worker = await next;
    },
    close: async () => {
      await context.close();
      for (const { server } of [one, two]) { server.closeAllConnections(); server.close(); }
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
  return stage;
};
