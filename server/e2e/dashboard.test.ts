// The dashboard in a real Chromium while a recording streams: it appears, its transcript and a clip arrive, the clip plays.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDashboard } from '../../scripts/build.ts';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, startServer } from '../../scripts/server-process.ts';
import { type ScriptedProvider, startScriptedProvider } from '../testing/scripted-provider.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const demo = join(import.meta.dirname, '../../scripts/demo.mp4');
/** Somebody speaks through the whole demo, as far as this provider is concerned. No phrase twice: loops are taken for inventions. */
const WORDS = Array.from({ length: 350 }, (_, n) => ({ startMs: n * 250, endMs: n * 250 + 220, text: n % 2 === 0 ? `word${n}` : 'and', confidence: 0.9 }));
const shots = process.env['CLIPPY_TEST_SCREENSHOTS'] ?? '';

describe.skipIf(!existsSync(executablePath))('dashboard in Chromium (needs /usr/bin/chromium)', () => {
  let server: ServerProcess;
  let provider: ScriptedProvider;
  let browser: Browser;
  beforeAll(async () => {
    await buildDashboard();
    provider = await startScriptedProvider({ words: WORDS });
    server = await startServer({ env: { OPENAI_API_KEY: 'scripted', OPENAI_BASE_URL: provider.url, CLIPPY_PROVIDER_RPM: '10000', CLIPPY_PROVIDER_AUDIO_SPH: '1000000', CLIPPY_OPENAI_JUDGE_MODEL: '' } });
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];
    browser = await chromium.launch({ executablePath, headless: true, args });
  });
  afterAll(async () => {
    await browser.close();
    await server.kill('SIGTERM');
    await provider.close();
  });

  it('[U12] shows a recording as it comes, and plays its clip', { timeout: 120_000 }, async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const problems: string[] = [];
    page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${server.url}/#token=${server.token}`);
    const streaming = streamFile({ file: demo, server: server.url, token: server.token, speed: 4, slice: 'gop', title: 'Seen from a browser' });
    await page.getByText('Seen from a browser').first().click({ timeout: 20_000 });
    await page.getByText(/word\d+ and word\d+/).first().waitFor({ timeout: 40_000 });
    const { clips } = await streaming;
    expect(clips.length).toBeGreaterThan(0);
    await page.getByText(/0 of \d+ chunks missing/).first().waitFor();
    const play = page.getByRole('button', { name: /^play/i }).first();
    await play.waitFor({ timeout: 20_000 });
    await play.click();
    await expect.poll(() => page.evaluate(() => {
      const videos = (root: Document | ShadowRoot): HTMLVideoElement[] => [...root.querySelectorAll('*')].flatMap((element) => [...(element instanceof HTMLVideoElement ? [element] : []), ...(element.shadowRoot ? videos(element.shadowRoot) : [])]);
      return Math.max(0, ...videos(document).map((video) => video.currentTime));
    }), { timeout: 20_000 }).toBeGreaterThan(0.5);
    if (shots !== '') {
      await mkdir(shots, { recursive: true });
      await page.screenshot({ path: join(shots, 'session.png'), fullPage: true });
    }
    expect(problems).toEqual([]);
  });
});
