// The extension is built once for all suites, before any: a folder that browsers have loaded must not be replaced.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildExtension, extensionId } from '../../scripts/build-extension.ts';

const ROOT = join(import.meta.dirname, '../..');
const OUT_DIR = join(ROOT, 'dist/extension-e2e');

/** What vitest runs before the tests, once per project in the same process. */
export default async (): Promise<void> => {
  const shared = globalThis as { extensionBuilt?: Promise<unknown> };
  await (shared.extensionBuilt ??= buildExtension({ dev: true, outDir: OUT_DIR }));
};

export const extension = async (): Promise<{ outDir: string; id: string }> => {
  const { key } = JSON.parse(await readFile(join(OUT_DIR, 'manifest.json'), 'utf8')) as { key: string };
  return { outDir: OUT_DIR, id: extensionId(key) };
};
