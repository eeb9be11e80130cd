// Makes the loadable extension in dist/extension and its zip beside it. The same sources give the same bytes; the manifest's `key` fixes
// the id. No code is fetched at run time: everything the extension runs is in the folder.
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { BuildOptions } from 'esbuild';
import type { Zippable } from 'fflate';
import { join, relative, resolve, sep } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const PAGES = ['recorder', 'popup', 'options', 'panel'] as const;
/** Fixed, so that the zip does not change with the clock. */
const ZIP_TIME = new Date('2026-01-01T00:00:00');

/** Chrome's rule: the first 16 bytes of the key's SHA-256, written with a–p. */
export const extensionId = (key: string): string =>
  [...createHash('sha256').update(Buffer.from(key, 'base64')).digest().subarray(0, 16)].map((byte) => String.fromCharCode(97 + (byte >> 4), 97 + (byte & 15))).join('');

const filesOf = async (dir: string): Promise<string[]> =>
  (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/')).toSorted();

const bundle = async (outDir: string, dev: boolean): Promise<void> => {
  const { build } = await import('esbuild');
  const common = { absWorkingDir: ROOT, outdir: outDir, bundle: true, minify: !dev, sourcemap: dev ? 'inline' : false, target: 'chrome124', legalComments: 'eof', logLevel: 'silent', conditions: [dev ? 'development' : 'production'] } satisfies BuildOptions;
  const styles = PAGES.filter((page) => existsSync(join(ROOT, `extension/${page}/${page}.css`)));
  await Promise.all([
    build({ ...common, format: 'esm', entryPoints: [{ in: 'extension/background/main.ts', out: 'background' }, { in: 'extension/recorder/main.ts', out: 'recorder' }, { in: 'extension/transcribe/worker.ts', out: 'transcribe-worker' }, ...PAGES.filter((page) => page !== 'recorder').map((page) => ({ in: `extension/${page}/${page}.ts`, out: page }))] }),
    build({ ...common, format: 'iife', entryPoints: [{ in: 'extension/content/region.ts', out: 'region' }] }),
    build({ ...common, entryPoints: styles.map((page) => ({ in: `extension/${page}/${page}.css`, out: page })) }),
  ]);
  for (const page of PAGES) await cp(join(ROOT, `extension/${page}/${page}.html`), join(outDir, `${page}.html`));
  await cp(join(ROOT, 'extension/icons'), join(outDir, 'icons'), { recursive: true, filter: (path) => !path.endsWith('.svg') });
  // whisper.cpp compiled to WebAssembly: it starts its threads from the file of this name
  await cp(join(ROOT, 'node_modules/@transcribe/shout/src/shout/shout.wasm.js'), join(outDir, 'shout.wasm.js'));
  await cp(join(ROOT, 'LICENSE'), join(outDir, 'LICENSE'));
};

export type ExtensionBuild = { outDir: string; zip: string; id: string; version: string; files: string[] };

/** `dev`: not minified, with source maps. A build that fails leaves the old folder. */
export const buildExtension = async (options: { dev?: boolean; outDir?: string } = {}): Promise<ExtensionBuild> => {
  const outDir = resolve(options.outDir ?? join(ROOT, 'dist/extension'));
  const manifest = JSON.parse(await readFile(join(ROOT, 'extension/manifest.json'), 'utf8')) as { key: string; version: string };
  const fresh = `${outDir}.${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  try {
    await bundle(fresh, options.dev ?? false);
    await writeFile(join(fresh, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const files = await filesOf(fresh);
    const { zipSync } = await import('fflate');
    const contents: Zippable = {};
    for (const file of files) contents[file] = [await readFile(join(fresh, file)), { mtime: ZIP_TIME }];
    const zip = `${outDir}-${manifest.version}.zip`;
    await writeFile(zip, zipSync(contents, { level: 9 }));
    await rm(outDir, { recursive: true, force: true });
    await rename(fresh, outDir);
    return { outDir, zip, id: extensionId(manifest.key), version: manifest.version, files };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};

if (import.meta.main) {
  const { outDir, zip, id, files } = await buildExtension({ dev: process.argv.includes('--dev') });
  console.log(`built: ${outDir} (${files.length} files) and ${zip}\nid: ${id}\nload it: chrome://extensions → Developer mode → Load unpacked → ${outDir}`);
}
