// The built pages served as files, under the content policy of the manifest.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { z } from 'zod';

const EXTENSION = resolve(import.meta.dirname, '../..');
const PAGES = ['popup', 'options', 'panel'] as const;
const TYPES: Record<string, string> = { html: 'text/html', js: 'text/javascript', css: 'text/css', png: 'image/png' };

export const readManifest = async () =>
  z.looseObject({ version: z.string(), permissions: z.array(z.string()), content_security_policy: z.object({ extension_pages: z.string() }) }).parse(JSON.parse(await readFile(join(EXTENSION, 'manifest.json'), 'utf8')));

export const servePages = async (): Promise<{ url: string; close(): Promise<void> }> => {
  const dir = await mkdtemp(join(tmpdir(), 'clippy-pages-'));
  await build({
    absWorkingDir: EXTENSION, outdir: dir, bundle: true, format: 'esm', target: 'chrome124', logLevel: 'silent', conditions: ['production'],
    entryPoints: PAGES.flatMap((page) => [{ in: `./${page}/${page}.ts`, out: page }, { in: `./${page}/${page}.css`, out: page }]),
  });
  const policy = (await readManifest()).content_security_policy.extension_pages;
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://x').pathname.slice(1);
    if (name === 'favicon.ico') return void response.writeHead(204).end(); // extension pages ask for none
    const type = TYPES[name.split('.').at(-1) ?? ''];
    const path = name.endsWith('.html') ? join(EXTENSION, name.replace('.html', ''), name) : name.startsWith('icons/') ? join(EXTENSION, name) : join(dir, name);
    readFile(path).then(
      (bytes) => response.writeHead(200, { 'content-type': type ?? 'application/octet-stream', 'content-security-policy': policy }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(dir, { recursive: true, force: true });
    },
  };
};
