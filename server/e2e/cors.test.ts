// CORS as a real Chromium reads it: a page of another origin with a token calls the API and fetches signed media by range.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServer } from '../../scripts/server-process.ts';
import { streamFile } from '../../scripts/stream.ts';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const demo = join(import.meta.dirname, '../../scripts/demo.mp4');

describe.skipIf(!existsSync(executablePath)).each(['auto', 'portable'])('pages of other origins in Chromium over %s (needs /usr/bin/chromium)', (transport) => {
  const pages = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title>'));
  let origin = '';
  let server: ServerProcess;
  let browser: Browser;
  beforeAll(async () => {
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    const { port } = pages.address() as AddressInfo;
    origin = `http://127.0.0.1:${port}`;
    server = await startServer({ env: { CLIPPY_ORIGINS: origin, CLIPPY_TRANSPORT: transport } });
    browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.kill('SIGTERM');
    pages.close();
  });

  /** What the page can do, or the error its browser gives it. */
  const attempt = async (from: string, sessionId: string): Promise<unknown> => {
    const page = await browser.newPage();
    await page.goto(from);
    return page.evaluate(async ({ url, token, path }) => {
      try {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const made = (await (await fetch(`${url}/api/pairing-codes`, { method: 'POST', headers })).json()) as { code: string };
        const paired = await fetch(`${url}/api/pair`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code: made.code, name: 'page' }) });
        const { deviceId } = (await paired.json()) as { deviceId: string };
        const revoked = await fetch(`${url}/api/devices/${deviceId}`, { method: 'DELETE', headers });
        const refused = await fetch(`${url}/api/sessions`);
        const signed = (await (await fetch(`${url}/api/media-url`, { method: 'POST', headers, body: JSON.stringify({ path }) })).json()) as { url: string };
        const media = await fetch(url + signed.url, { headers: { range: 'bytes=10-19' } });
        return { statuses: [paired.status, revoked.status, refused.status, media.status], range: media.headers.get('content-range'), bytes: (await media.arrayBuffer()).byteLength };
      } catch (error) {
        return String(error);
      }
    }, { url: server.url, token: server.token, path: `/api/sessions/${sessionId}/recording` });
  };

  it('[I5] serves the origin it was told of, and no other', { timeout: 90_000 }, async () => {
    const { sessionId } = await streamFile({ file: demo, server: server.url, token: server.token, speed: 'max' });
    expect(await attempt(origin, sessionId)).toEqual({ statuses: [200, 200, 401, 206], range: expect.stringMatching(/^bytes 10-19\/\d+$/), bytes: 10 });
    expect(await attempt(origin.replace('127.0.0.1', 'localhost'), sessionId)).toBe('TypeError: Failed to fetch');
  });
});
