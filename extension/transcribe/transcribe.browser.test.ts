// The whole of it in real Chromium: the engine with a real (random) model, broken models, workers that hang or throw, the store
// and the tap, under the content security policy and the isolation an extension page has.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tinyModel } from './testing/tiny-model.ts';
import type { Parts } from './testing/page.ts';

const CHROMIUM = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path !== undefined && existsSync(path));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

declare const parts: Parts;

const bundled = async (entry: string): Promise<string> => (await build({ entryPoints: [fileURLToPath(new URL(entry, import.meta.url))], bundle: true, format: 'esm', target: 'es2022', write: false, logLevel: 'silent' })).outputFiles[0]!.text; // one entry

describe.skipIf(CHROMIUM === undefined)(`transcription in Chromium${CHROMIUM ? '' : ' (skipped: no Chromium found; set CHROMIUM_PATH)'}`, () => {
  const model = tinyModel();
  const files = new Map<string, { type: string; body: string | Uint8Array }>();
  let server: Server;
  let browser: Browser;
  let page: Page;
  let origin = '';
  let isolated = true;
  const refused: string[] = [];

  beforeAll(async () => {
    const script = (body: string | Uint8Array) => ({ type: 'text/javascript', body });
    const data = (body: Uint8Array) => ({ type: 'application/octet-stream', body });
    files.set('/', { type: 'text/html', body: '<!doctype html><script type="module" src="/page.js"></script>' });
    files.set('/page.js', script(await bundled('testing/page.ts')));
    files.set('/worker.js', script(await bundled('worker.ts')));
    files.set('/shout.wasm.js', script(await readFile(fileURLToPath(import.meta.resolve('@transcribe/shout/src/shout/shout.wasm.js')))));
    files.set('/hangs.js', script('onmessage = () => { for (;;); };'));
    files.set('/deaf.js', script('onmessage = ({ data }) => { if (data.type === "load") postMessage({ type: "ready" }); };'));
    files.set('/throws.js', script('onmessage = () => { throw new Error("out of cheese"); };'));
    files.set('/model', data(model));
    files.set('/cut', data(model.slice(0, model.length / 2)));
    files.set('/noise', data(new Uint8Array(100_000).fill(7)));
    server = createServer((request, response) => {
      const file = files.get(new URL(request.url ?? '/', 'http://test').pathname);
      if (!file) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': file.type, 'content-security-policy': POLICY, ...(isolated ? ISOLATION : {}) }).end(file.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS }); // skipped without
  });
  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) refused.push(message.text()); });
    await page.goto(origin);
    await page.waitForFunction(() => 'parts' in globalThis);
  });
  afterEach(async () => {
    await page.close();
    isolated = true;
    expect(refused).toEqual([]);
  });

  it('[Z5] loads a real model, hears every window once, and gives words inside them', { timeout: 60_000 }, async () => {
    const { error, reported, batches, dropped, status, progress } = await page.evaluate(() => parts.transcribe('/worker.js', '/model', 20));
    expect({ error, reported, dropped, progress, state: status.state }).toEqual({ error: null, reported: [], dropped: [], progress: 1, state: 'ready' });
    expect([batches[0]?.fromMs, batches.at(-1)?.untilMs]).toEqual([1_000, 21_000]);
    for (const [at, { fromMs, untilMs, words }] of batches.entries()) {
      expect(fromMs).toBe(batches[at - 1]?.untilMs ?? 1_000);
      for (const word of words) expect(word.startMs >= fromMs && word.startMs < untilMs && word.endMs <= untilMs).toBe(true);
    }
    expect(batches.flatMap(({ words }) => words).length).toBeGreaterThan(0);
  });

  it.each([['/noise', 'does not begin like a ggml model'], ['/cut', '']])('[Z6] a broken model (%s) is a typed error in time', { timeout: 30_000 }, async (broken, why) => {
    const { error, reported, tookMs } = await page.evaluate((url) => parts.transcribe('/worker.js', url, 1, { loadMs: 15_000 }), broken);
    expect(error).toMatch(/^(model|crashed): /);
    expect(error).toContain(why);
    expect(reported).toEqual([error]);
    expect(tookMs).toBeLessThan(10_000);
  });

  it('[Z6] without isolation it says what is missing', async () => {
    isolated = false;
    await page.goto(origin);
    const { error } = await page.evaluate(() => parts.transcribe('/worker.js', '/model', 1));
    expect(error).toMatch(/^unsupported: .*cross_origin_embedder_policy/);
  });

  it.each([
    ['/hangs.js', 'timeout: the model was not ready in 0.5 s'], ['/throws.js', 'crashed: '], ['/nowhere.js', 'crashed: '],
  ])('[Z6] a worker that fails while loading (%s) is ended and reported', async (worker, want) => {
    const { error, reported, status, tookMs } = await page.evaluate((url) => parts.transcribe(url, '/model', 1, { loadMs: 500 }), worker);
    expect(error).toContain(want);
    expect([reported, status.state]).toEqual([[error], 'failed']);
    expect(tookMs).toBeLessThan(5_000);
  });

  it('[Z7] an engine that never answers is ended by its time-out; what it lags behind is bounded and told', async () => {
    const { error, reported, batches, dropped, status } = await page.evaluate(() => parts.transcribe('/deaf.js', '/model', 120, { windowMs: 500 }));
    expect([error, batches, status.state]).toEqual([null, [], 'failed']);
    expect(reported).toEqual([expect.stringMatching(/^timeout: the engine did not answer for 0.5 s/)]);
    const told = dropped.reduce((sum, { fromMs, untilMs }) => sum + untilMs - fromMs, 0);
    expect(status.droppedMs).toBeCloseTo(told, 3);
    expect(told).toBeGreaterThanOrEqual(60_000 - 15_000);
    expect(told).toBeLessThanOrEqual(60_000 + 15_000);
  });

  it('[Z8] the store keeps one whole model with its hash, and refuses what is none', { timeout: 60_000 }, async () => {
    const sha256 = createHash('sha256').update(model).digest('hex');
    expect(await page.evaluate(() => parts.store.card())).toBeNull();
    expect(await page.evaluate(() => parts.store.save('/model', 'ggml-mine.bin'))).toMatchObject({ name: 'ggml-mine.bin', bytes: model.length, sha256 });
    expect(await page.evaluate(() => parts.store.save('/noise', 'holiday.mp4'))).toMatch(/^model: the file does not begin like a ggml model/);
    expect(await page.evaluate(() => parts.store.abort('/cut'))).toBe('Error: changed my mind');
    await page.reload();
    await page.waitForFunction(() => 'parts' in globalThis);
    expect(await page.evaluate(() => parts.store.load())).toBe(model.length);
    expect(await page.evaluate(() => parts.store.files())).toEqual([`${sha256}.bin`, 'model.json'].toSorted());
    await page.evaluate(() => parts.store.save('/cut', 'other.bin'));
    expect(await page.evaluate(() => parts.store.files())).toHaveLength(2);
    await page.evaluate(() => parts.store.remove());
    expect([await page.evaluate(() => parts.store.load()), await page.evaluate(() => parts.store.files())]).toEqual([null, []]);
  });

  it.each([48_000, 44_100])('[Z9] the tap gives 16 kHz mono of the right length and pitch from %i Hz, and leaves the track alone', { timeout: 30_000 }, async (rate) => {
    const heard = await page.evaluate((contextRate) => parts.tap(440, 3, contextRate), rate);
    expect(Math.abs(heard.hertz - 440)).toBeLessThan(4);
    expect(heard.level).toBeGreaterThan(0.3);
    expect(heard.firstMs).toBe(5_000);
    // sound that a busy machine left out is a jump in time, never a shift
    const skippedMs = heard.lastMs - heard.firstMs - heard.samples / 16;
    expect(skippedMs).toBeGreaterThan(-150);
    expect(skippedMs).toBeLessThan(1_000);
    expect(heard.live).toBe(true);
  });
});
