// A page of a secure origin with the recorder's own code in it: what the offscreen document has, without the rest of the extension.
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { BrowserContext, Page } from 'playwright-core';

export const CHROMIUM = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path !== undefined && existsSync(path));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'];

export type Site = { url: string; close(): Promise<void> };

/** Serves a page that runs `entry` (TypeScript, bundled) and the `files` a test gives it; what the page POSTs becomes a file. */
export const startSite = async (entry: string, files: Map<string, Uint8Array> = new Map()): Promise<Site> => {
  const bundle = await build({ entryPoints: [join(import.meta.dirname, entry)], bundle: true, write: false, format: 'esm', target: 'es2022', logLevel: 'silent' });
  const script = bundle.outputFiles[0]!.contents; // one entry, one file
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://site').pathname;
    if (request.method === 'POST') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        files.set(path, Buffer.concat(parts));
        response.end();
      });
      return;
    }
    const file = files.get(path);
    if (path === '/') response.setHeader('content-type', 'text/html').end('<!doctype html><title>recorder</title><script type="module" src="/script.js"></script>');
    else if (path === '/script.js') response.setHeader('content-type', 'text/javascript').end(script);
    else if (file) response.setHeader('content-type', 'application/octet-stream').end(file);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

export type Run = { context: BrowserContext; page: Page };

/** A real profile, so that what is stored outlives the browser. */
export const openBrowser = async (profile: string, url: string): Promise<Run> => {
  const context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM!, args: FLAGS, headless: true }); // suites without Chromium are skipped
  const page = context.pages()[0] ?? (await context.newPage());
  await page.goto(url);
  await page.waitForFunction(() => 'ready' in globalThis);
  return { context, page };
};

export const temporaryFolder = (name: string): { path: string; remove(): void } => {
  const path = mkdtempSync(join(tmpdir(), `clippy-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
};
