// The content script in real Chromium, in an extension of the test's own whose worker stands where the recorder does. The measure is a
// real screenshot of the tab: the mapped rectangle holds the video's colour and nothing else, and nearly all of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { chromium, type BrowserContext, type CDPSession, type Page, type Worker } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Rectangle } from '../../shared/model.ts';
import type { Region } from '../region-compose.ts';
import { mapRegion } from '../region-map.ts';
import { executablePath, hasChromium } from './browser.ts';

const HERE = resolve(import.meta.dirname, '..');
/** what the worker of the test's extension keeps */
type Seen = { regions: (Region & { at: number })[]; messages: { frameId: number; at: number; rect: Rectangle | null; url: string }[]; refuse: boolean; silent: boolean; injections: number };

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
const page = (body: string): string => `<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#222;color:#eee} video{display:block}</style>${VIDEO}${body}`;

describe.skipIf(!hasChromium)('region tracking in Chromium', () => {
  const dir = mkdtempSync(join(tmpdir(), 'clippy-region-'));
  const pages = new Map<string, string>();
  const servers: Server[] = [];
  let context: BrowserContext;
  let worker: Worker;
  let tab: Page;
  let cdp: CDPSession;
  let here: string;
  /** another site: Chromium puts its frames into another process */
  let there: string;

  const listen = async (host: string): Promise<string> => {
    const server = createServer((request, response) => {
      const body = pages.get(new URL(request.url ?? '/', 'http://x').pathname);
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(body);
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return `http://${host}:${(server.address() as AddressInfo).port}`;
  };

  beforeAll(async () => {
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ manifest_version: 3, name: 'region test', version: '1', background: { service_worker: 'background.js' }, permissions: ['scripting'], host_permissions: ['http://127.0.0.1/*', 'http://localhost/*'] }));
    const common = { bundle: true, format: 'iife', target: 'es2023', logLevel: 'silent' } as const;
    await build({ ...common, entryPoints: [join(HERE, 'content/region.ts')], outfile: join(dir, 'region.js') });
    await build({ ...common, stdin: { contents: RECORDER, resolveDir: HERE, loader: 'ts' }, outfile: join(dir, 'background.js') });
    [here, there] = [await listen('127.0.0.1'), await listen('localhost')];
    context = await chromium.launchPersistentContext(join(dir, 'profile'), {
      executablePath, headless: false, viewport: { width: 1280, height: 720 }, ignoreDefaultArgs: ['--disable-extensions', '--mute-audio'],
      args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', `--disable-extensions-except=${dir}`, `--load-extension=${dir}`],
    });
    worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker', { timeout: 15_000 }));
    worker.on('console', (message) => { if (message.type() === 'error') console.error(message.text()); });
  });
  afterAll(async () => {
    await context?.close();
    for (const server of servers) { server.closeAllConnections(); server.close(); }
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  beforeEach(async () => {
    await tab?.close();
    tab = await context.newPage();
    cdp = await context.newCDPSession(tab);
    await worker.evaluate('reset()');
  });

  const seen = (): Promise<Seen> => worker.evaluate('seen') as Promise<Seen>;
  const latest = async (): Promise<Seen['regions'][number] | undefined> => (await seen()).regions.at(-1);
  const inject = (): Promise<unknown> => worker.evaluate(async () => {
    const [active] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
    await (globalThis as unknown as { inject(tabId?: number): Promise<void> }).inject(active?.id);
  });
  const open = async (body: string): Promise<void> => {
    pages.set('/', page(body));
    await tab.goto(here);
    await tab.bringToFront();
    await inject();
  };
  /** What is on the screen now, and how much of the colour the mapped rectangle holds. */
  const shot = async (): Promise<{ right: number; covered: number; mapped: Rectangle | null; all: number }> => {
    const { data } = await cdp.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: false });
    const region = await latest();
    const size = { width: Buffer.from(data, 'base64').readUInt32BE(16), height: Buffer.from(data, 'base64').readUInt32BE(20) };
    const mapped = region ? mapRegion({ rect: region.rect, viewport: region.viewport, frame: size }) : null;
    const { all, inside } = await worker.evaluate(([png, rect]) => (globalThis as unknown as { count(png: string, rect: unknown): Promise<{ all: number; inside: number }> }).count(png, rect), [data, mapped] as const);
    return { right: mapped ? inside / (mapped.width * mapped.height) : 0, covered: all ? inside / all : 0, mapped, all };
  };
  /** Settles: the script is told of most changes and finds the rest within half a second. */
  const expectRight = async (least = 20_000): Promise<void> => {
    let last: Awaited<ReturnType<typeof shot>> | undefined;
    await expect.poll(async () => { last = await shot(); return last.right >= 0.99 && last.covered >= 0.98 && last.all >= least; }, { timeout: 10_000, interval: 200, message: 'region fits the picture' }).toBe(true).catch((error: unknown) => {
      throw new Error(`the region does not fit: ${JSON.stringify(last)}`, { cause: error });
    });
  };

  it('[Q3] plain, with border and padding', async () => {
    await open('<video id=v style="margin:40px 0 0 120px;width:800px;height:450px;border:7px solid #0f0;padding:11px;background:#00f"></video><script>fill(v)</script>');
    await expectRight();
    expect((await latest())?.playing).toBe(true);
    await tab.evaluate('v.pause()');
    await expect.poll(async () => (await latest())?.playing).toBe(false);
  });

  it.each([
    ['scrolled page, partly out of sight', '<div style="height:900px"></div><video id=v style="width:800px;height:450px;margin-left:100px"></video><div style="height:2000px"></div><script>fill(v)</script>', 'scrollTo(0, 1000)'],
    ['scrolling ancestor with scroll bars', '<div id=s style="position:relative;margin:50px;width:700px;height:400px;overflow:scroll;border:9px solid #0f0"><div style="height:300px;width:2000px"></div><video id=v style="width:900px;height:500px;margin-left:150px"></video><div style="height:900px"></div></div><script>fill(v)</script>', 's.scrollTo(220, 330)'],
    ['clipping ancestor that does not hold an absolute video', '<div style="overflow:hidden;width:100px;height:100px;margin:20px"><video id=v style="position:absolute;left:200px;top:150px;width:640px;height:360px"></video></div><script>fill(v)</script>', ''],
    ['scaled by a transform, in a clipping box', '<div style="overflow:hidden;width:600px;height:330px;margin:30px 0 0 60px;transform:scale(1.25);transform-origin:0 0"><video id=v style="width:640px;height:360px;padding:10px"></video></div><script>fill(v)</script>', ''],
    ['the larger of two; a hidden, a transparent and an empty one do not count', '<video id=a style="width:300px;height:169px"></video><video id=b style="visibility:hidden;position:absolute;left:0;top:0;width:1200px;height:700px"></video><video id=d style="opacity:0;position:absolute;left:0;top:0;width:1200px;height:700px"></video><video style="position:absolute;left:0;top:0;width:1200px;height:700px"></video><video id=c style="margin:20px 0 0 40px;width:800px;height:450px"></video><script>for (const x of [b, c, d]) fill(x)</script>', ''],
    ['closed shadow root in a shadow root, slotted and clipped', `<x-player id=p></x-player><script>
      customElements.define('x-frame', class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: 'closed' }).innerHTML = '<div style="overflow:hidden;width:700px;height:350px;margin:60px"><slot></slot></div>'; } });
      customElements.define('x-player', class extends HTMLElement { constructor() { super(); const root = this.attachShadow({ mode: 'closed' }); const frame = document.createElement('x-frame'); frame.append(make('width:800px;height:450px')); root.append(frame); } });
    </script>`, ''],
    ['added later, to a closed shadow root that was there', `<div id=h></div><script>const root = h.attachShadow({ mode: 'closed' }); root.innerHTML = '<p>soon</p>'; setTimeout(() => root.append(make('width:800px;height:450px')), 1200)</script>`, ''],
    ['moved by an animation that ends', '<video id=v style="width:640px;height:360px;animation:m 2s forwards"></video><style>@keyframes m{to{transform:translate(300px,200px)}}</style><script>fill(v)</script>', ''],
    ['quirks mode and a zoomed element', '<video id=v style="width:500px;height:281px;zoom:1.5;margin:10px"></video><script>document.documentElement.style.overflow="auto";fill(v)</script>', ''],
  ])('[Q3] %s', async (_, body, then) => {
    await open(body);
    if (then) await tab.evaluate(then);
    await expectRight();
  });

  it.each([
    ['contain', '50% 50%'], ['contain', '0 100%'], ['contain', 'right 30px bottom 10px'], ['cover', '20% 50%'], ['fill', '50% 50%'], ['none', '50% 50%'], ['none', '-200px 40px'], ['scale-down', '100% 0'],
  ])('[Q2] object-fit: %s at %s', async (fit, position) => {
    await open(`<video id=v style="margin:30px;width:700px;height:600px;padding:8px 16px;object-fit:${fit};object-position:${position}"></video><script>fill(v)</script>`);
    await expectRight();
  });

  it('[Q3] at two device pixels a CSS pixel, also in a clipped and scrolled box', async () => {
    await cdp.send('Emulation.setDeviceMetricsOverride', { width: 1280, height: 720, deviceScaleFactor: 2, mobile: false });
    await open('<div id=s style="margin:33px;width:701px;height:403px;overflow:auto"><video id=v style="width:811.5px;height:455.3px;margin-top:100.4px"></video></div><script>fill(v)</script>');
    await expectRight();
    await tab.evaluate('s.scrollTo(40, 120)');
    await expectRight();
  });

  it('[Q3] under pinch zoom', async () => {
    await open('<video id=v style="margin:100px 0 0 200px;width:800px;height:450px"></video><div style="height:1500px"></div><script>fill(v)</script>');
    await expectRight();
    await cdp.send('Emulation.setPageScaleFactor', { pageScaleFactor: 1.6 });
    expect(await tab.evaluate('visualViewport.scale')).toBeCloseTo(1.6);
    await expectRight();
    expect((await latest())?.rect?.width).toBeGreaterThan(1_000);
    await tab.mouse.wheel(250, 120);
    await expectRight();
  });

  it('[Q3] in frames within frames of other sites, scaled, scrolled and clipped', async () => {
    pages.set('/inner', page('<div style="height:300px"></div><video id=v style="width:640px;height:360px"></video><div style="height:900px"></div><script>fill(v); setTimeout(() => scrollTo(0, 250), 300)</script>'));
    pages.set('/middle', page(`<div style="overflow:hidden;width:620px;height:330px;margin:20px"><iframe src="${here}/inner" style="width:700px;height:400px;border:6px solid #0f0;padding:5px"></iframe></div>`));
    await open(`<iframe src="${there}/middle" style="margin:20px 0 0 70px;width:800px;height:500px;border:3px solid #0ff;transform:scale(1.2);transform-origin:0 0"></iframe>`);
    await expectRight();
    expect(new Set((await seen()).messages.map(({ frameId }) => frameId)).size).toBe(3);
  });

  it('[Q4] a frame added later, then shown another page, then taken away', async () => {
    pages.set('/video', page('<video id=v style="width:640px;height:360px;margin:15px"></video><script>fill(v)</script>'));
    pages.set('/other', page('<video id=v style="width:500px;height:300px"></video><script>fill(v, 500, 300)</script>'));
    await open('<p>nothing yet</p>');
    await expect.poll(async () => (await latest())?.rect).toBeNull();
    await tab.evaluate((src) => { document.body.insertAdjacentHTML('beforeend', `<iframe id=f src="${src}" style="width:800px;height:500px"></iframe>`); }, `${there}/video`);
    await expectRight();
    await tab.evaluate((src) => { (document.querySelector('#f') as HTMLIFrameElement).src = src; }, `${there}/other`);
    await expect.poll(async () => (await latest())?.rect?.width ?? 0, { timeout: 10_000 }).toBe(500);
    await expectRight();
    await tab.evaluate('f.remove()');
    await expect.poll(async () => (await latest())?.rect, { timeout: 5_000 }).toBeNull();
  });

  it('[Q5] a page that replays, alters and invents messages moves nothing', async () => {
    // repeats, to every frame it can reach, all it hears, as it is and altered, and says what the scripts say
    const forge = `<script>
      const heard = [], huge = { x: 0, y: 0, width: 1280, height: 720 };
      const all = (at) => [at, ...Array.from({ length: at.length }, (_, i) => all(at[i])).flat()];
      const tell = (data) => { for (const frame of all(top)) frame.postMessage(data, '*'); };
      addEventListener('message', ({ data }) => { if (!data?.forged && heard.length < 12) heard.push(data); });
      setInterval(() => {
        for (const data of heard) {
          tell({ ...data, forged: true });
          tell({ ...data, rect: huge, box: huge, part: huge, viewport: { width: 1, height: 1 }, frames: [{ link: data?.clippyFrame, box: huge, part: huge }], forged: true });
          for (const source of all(top)) dispatchEvent(new MessageEvent('message', { data, source }));
        }
        tell({ clippyFrame: null, forged: true }); tell({ clippyFrame: 'made-up', forged: true });
        tell({ to: 'recorder', type: 'region', rect: huge, viewport: { width: 1280, height: 720 }, playing: true, forged: true });
        try { chrome.runtime.sendMessage({ to: 'recorder', type: 'region', rect: huge }); } catch (error) { window.refused = String(error); }
      }, 200);
    </script>`;
    pages.set('/deep', page(`<video id=v style="width:300px;height:200px"></video><script>fill(v, 300, 200)</script>${forge}`));
    pages.set('/ad', page(`<iframe src="${here}/deep" style="width:5000px;height:5000px;position:absolute;left:-100px;top:-100px;border:0"></iframe><video id=v style="position:absolute;left:-500px;top:-500px;width:4000px;height:4000px;object-fit:fill"></video><script>fill(v)</script>${forge}`));
    await open(`<video id=v style="width:720px;height:405px;margin:20px"></video><script>fill(v)</script><iframe id=f src="${there}/ad" style="position:absolute;left:800px;top:420px;width:300px;height:250px;border:0"></iframe>${forge}`);
    await expect.poll(async () => (await seen()).messages.some(({ rect, url }) => rect && url.includes('/ad')), { timeout: 10_000 }).toBe(true);
    await expect.poll(async () => (await latest())?.rect, { timeout: 5_000 }).toEqual({ x: 20, y: 20, width: 720, height: 405 });
    const from = (await seen()).regions.length;
    await tab.waitForTimeout(3_000); // the attack runs at full strength
    const regions = (await seen()).regions.slice(from);
    expect(regions.length).toBeGreaterThan(0);
    for (const { rect } of regions) expect(rect).toEqual({ x: 20, y: 20, width: 720, height: 405 });
    // without a video of its own the top page may at most show what the frame shows, where the frame is
    await tab.evaluate('v.remove()');
    await expect.poll(async () => (await latest())?.rect?.width).not.toBe(720);
    await worker.evaluate('seen.regions = []');
    await tab.waitForTimeout(2_500);
    expect((await seen()).regions.length).toBeGreaterThan(0);
    for (const { rect } of (await seen()).regions) {
      if (rect === null) continue;
      expect(rect.x).toBeGreaterThanOrEqual(800);
      expect(rect.y).toBeGreaterThanOrEqual(420);
      expect(rect.x + rect.width).toBeLessThanOrEqual(1100);
      expect(rect.y + rect.height).toBeLessThanOrEqual(670);
    }
    expect(await tab.evaluate('window.refused')).toMatch(/sendMessage|undefined/);
  });

  it('[Q3] fullscreen hides other videos; picture-in-picture leaves none', async () => {
    await open('<div id=w style="width:300px;height:169px;overflow:hidden;transform:scale(1)"><video id=v style="width:640px;height:360px"></video></div><video id=o style="width:700px;height:394px"></video><script>fill(v);fill(o)</script>');
    await expect.poll(async () => (await latest())?.rect?.width).toBe(700);
    await tab.evaluate('document.onclick = () => v.requestFullscreen()');
    await tab.mouse.click(900, 600);
    await expect.poll(() => tab.evaluate('document.fullscreenElement === v')).toBe(true);
    await expectRight();
    expect((await latest())?.rect?.width).toBeGreaterThan(1_000);
    await tab.evaluate('document.exitFullscreen()');
    await expect.poll(async () => (await latest())?.rect?.width).toBe(700);
    await tab.evaluate('v.remove(); document.onclick = () => o.requestPictureInPicture().then(() => { window.out = true })');
    await tab.mouse.click(900, 600);
    await expect.poll(() => tab.evaluate('window.out'), { timeout: 5_000 }).toBe(true);
    await expect.poll(async () => (await latest())?.rect).toBeNull();
  });

  it('[Q6] speaks at most ten times a second while things move, every two seconds while they rest', async () => {
    await open('<video id=v style="width:640px;height:360px"></video><div style="height:5000px"></div><script>fill(v); let n = 0; const roll = setInterval(() => { scrollTo(0, n++ % 300); if (n > 400) clearInterval(roll); }, 8)</script>');
    await tab.waitForTimeout(3_000);
    const moving = (await seen()).messages.map(({ at }) => at);
    expect(moving.length).toBeGreaterThan(15);
    for (const [index, at] of moving.entries()) expect(moving.filter((other) => other >= at && other < at + 1_000).length, `from message ${index}`).toBeLessThanOrEqual(11);
    await tab.waitForTimeout(1_500);
    await worker.evaluate('reset()');
    await tab.waitForTimeout(6_500);
    const resting = (await seen()).messages.length;
    expect(resting).toBeGreaterThanOrEqual(2);
    expect(resting).toBeLessThanOrEqual(4);
  });

  it('[Q6] twice in one document is once', async () => {
    await open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    for (let times = 0; times < 5; times++) await inject();
    await expectRight();
    await worker.evaluate('reset()');
    await tab.waitForTimeout(5_000);
    expect((await seen()).messages.length).toBeLessThanOrEqual(4);
  });

  const STOPS: [string, () => Promise<unknown>, number][] = [
    ['is told to', () => worker.evaluate(async () => { const [active] = await chrome.tabs.query({ active: true, lastFocusedWindow: true }); await chrome.tabs.sendMessage(active?.id ?? -1, { to: 'page', type: 'stop' }).catch(() => undefined); }), 200],
    ['is refused', () => worker.evaluate('seen.refuse = true'), 2_500],
    ['hears nothing for five messages', () => worker.evaluate('seen.silent = true'), 11_500],
  ];
  it.each(STOPS)('[Q6] ends when it %s, and starts again when injected', async (_, end, within) => {
    await open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    await expectRight();
    await end();
    await tab.waitForTimeout(within);
    await worker.evaluate('reset()');
    await tab.evaluate('v.style.width = "500px"');
    await tab.waitForTimeout(2_500);
    expect((await seen()).messages).toEqual([]);
    await inject();
    await expect.poll(async () => (await latest())?.rect?.width).toBe(500);
  });

  it('[Q6] goes with its page, and the next page gets its own', async () => {
    await open('<video id=v style="width:640px;height:360px"></video><script>fill(v)</script>');
    await expectRight();
    pages.set('/next', page('<video id=v style="width:800px;height:450px"></video><script>fill(v)</script>'));
    await tab.goto(`${here}/next`);
    await worker.evaluate('reset()');
    await tab.waitForTimeout(2_500);
    expect((await seen()).messages).toEqual([]);
    await inject();
    await expectRight();
    await tab.goBack();
    await inject();
    await expect.poll(async () => (await latest())?.rect?.width).toBe(640);
  });

  it('[Q7] costs little on a page of 5,000 elements without a video', async () => {
    const crowd = `<div id=c></div><script>for (let i = 0; i < 5000; i++) { const e = document.createElement(i % 10 ? 'div' : 'x-item'); e.textContent = i; c.append(e); }
      let n = 0; window.roll = () => setInterval(() => scrollTo(0, (n += 7) % 3000), 16);</script>`;
    await cdp.send('Performance.enable');
    const busy = async (): Promise<number> => {
      const value = async (): Promise<number> => (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0;
      const before = await value();
      await tab.waitForTimeout(10_000);
      return ((await value()) - before) * 100; // ms per second
    };
    pages.set('/', page(crowd));
    await tab.goto(here);
    await tab.bringToFront();
    await tab.evaluate('roll()');
    const without = await busy();
    await inject();
    const withScript = await busy();
    console.log(`script time while scrolling 5,000 elements: ${without.toFixed(2)} ms/s without, ${withScript.toFixed(2)} ms/s with the region script`);
    expect(withScript - without).toBeLessThan(10);
  });
});
