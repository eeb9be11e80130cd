import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { buildExtension, extensionId } from './build-extension.ts';
import { temporaryFolder } from './server-process.ts';

describe('extension build', () => {
  const folder = temporaryFolder('extension');
  afterAll(async () => (await folder).remove());

  it('[B16] makes a loadable folder and a zip of it, the same bytes each time, under an id that stays', { timeout: 60_000 }, async () => {
    const { path } = await folder;
    const [first, second] = [await buildExtension({ outDir: join(path, 'a') }), await buildExtension({ outDir: join(path, 'b') })];
    expect(await readFile(first.zip)).toEqual(await readFile(second.zip));
    expect(first.id).toBe('ipbdkpgnpmmghmbmcebgjckgieledefe');
    const packed = unzipSync(await readFile(first.zip));
    expect(Object.keys(packed).toSorted()).toEqual(first.files);
    for (const file of first.files) expect(Buffer.from(packed[file]!).equals(await readFile(join(first.outDir, file))), file).toBe(true); // named above
    const manifest = JSON.parse(await readFile(join(first.outDir, 'manifest.json'), 'utf8')) as { background: { service_worker: string }; action: { default_popup: string }; options_ui: { page: string }; side_panel: { default_path: string }; icons: Record<string, string> };
    const { background, action, options_ui, side_panel, icons } = manifest;
    for (const file of [background.service_worker, action.default_popup, options_ui.page, side_panel.default_path, ...Object.values(icons), 'recorder.html', 'region.js']) expect(first.files).toContain(file);
  });

  it('[B16] loads nothing from elsewhere', async () => {
    const { outDir, files } = await buildExtension({ outDir: join((await folder).path, 'c') });
    for (const file of files.filter((name) => name.endsWith('.html'))) expect(await readFile(join(outDir, file), 'utf8')).not.toMatch(/(src|href)="(https?:)?\/\//);
    for (const file of files.filter((name) => name.endsWith('.js'))) expect(await readFile(join(outDir, file), 'utf8'), file).not.toMatch(/importScripts\(\s*["'`]https?:|import\(\s*["'`]https?:/);
  });

  it("follows Chrome's rule for ids", () => {
    // SHA-256 of nothing begins with e3b0c44298fc1c149afbf4c8996fb924
    expect(extensionId('')).toBe('odlameecjipmbmbejkplpemijjgpljce');
  });
});
