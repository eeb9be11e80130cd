// Bundles the dashboard for the browser: dashboard/app.ts and page.css → dist/dashboard with hashed names, so that everything
// but index.html may be cached for ever. A stamp of the inputs' contents makes a second build cost milliseconds.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
/** Beside the folder, not in it: the folder is served. */
const stampOf = (outDir: string): string => `${outDir}.json`;

export type Build = { outDir: string; rebuilt: boolean; files: string[] };
type Stamp = { dev: boolean; inputs: string[]; digest: string; files: string[] };

/** Digest of the named files (relative to the repository), or null where one is gone. */
const digestOf = async (inputs: string[]): Promise<string | null> => {
  const hash = createHash('sha256');
  try {
    for (const input of inputs) hash.update(`${input}\0`).update(await readFile(join(ROOT, input))).update('\0');
  } catch {
    return null;
  }
  return hash.digest('hex');
};

const readStamp = async (outDir: string): Promise<Stamp | null> => {
  try {
    return JSON.parse(await readFile(stampOf(outDir), 'utf8')) as Stamp;
  } catch {
    return null;
  }
};

/** The names esbuild gave to the entries and to the icon, put into the page. */
const fillPage = (page: string, outputs: Record<string, string>): string =>
  page.replace(/\{\{(\w[\w.]*)\}\}/g, (_, entry: string) => {
    const file = outputs[entry];
    if (file === undefined) throw new Error(`dashboard/index.html asks for {{${entry}}}; the build made ${Object.keys(outputs).join(', ')}`);
    return `./${file}`;
  });

const bundle = async (outDir: string, dev: boolean): Promise<{ inputs: string[]; files: string[] }> => {
  const { build } = await import('esbuild'); // loaded only when there is something to build
  const common = {
    absWorkingDir: ROOT, outdir: outDir, entryNames: '[name]-[hash]', assetNames: '[name]-[hash]', bundle: true, metafile: true,
    minify: !dev, sourcemap: dev, target: 'es2022', legalComments: 'linked', logLevel: 'silent',
  } as const;
  const [script, style] = await Promise.all([
    // uPlot's style sheet goes into the component that draws (a shadow root), so the script takes CSS as text
    build({ ...common, entryPoints: ['dashboard/app.ts'], format: 'esm', loader: { '.css': 'text' }, conditions: dev ? ['development'] : ['production'] }),
    build({ ...common, entryPoints: ['dashboard/page.css', 'dashboard/icon.svg'], loader: { '.svg': 'copy' } }),
  ]);
  const made = { ...script.metafile.outputs, ...style.metafile.outputs };
  const entries: Record<string, string> = {};
  for (const [path, output] of Object.entries(made)) if (output.entryPoint) entries[basename(output.entryPoint)] = basename(path);
  await writeFile(join(outDir, 'index.html'), fillPage(await readFile(join(ROOT, 'dashboard/index.html'), 'utf8'), entries));
  const inputs = [...new Set([...Object.keys(script.metafile.inputs), ...Object.keys(style.metafile.inputs), 'dashboard/index.html', 'scripts/build.ts'])];
  return { inputs: inputs.sort(), files: ['index.html', ...Object.keys(made).map((path) => basename(path))].sort() };
};

/**
 * Builds into `outDir` (default dist/dashboard) unless what is there was made from the same inputs. `dev`: source maps, not minified.
 * The folder is replaced at once when the build is whole; a build that fails leaves the old one.
 */
export const buildDashboard = async (options: { dev?: boolean; outDir?: string } = {}): Promise<Build> => {
  const dev = options.dev ?? false;
  const outDir = resolve(options.outDir ?? join(ROOT, 'dist/dashboard'));
  const stamp = await readStamp(outDir);
  if (stamp && stamp.dev === dev && existsSync(join(outDir, 'index.html')) && stamp.digest === (await digestOf(stamp.inputs))) return { outDir, rebuilt: false, files: stamp.files };

  const fresh = `${outDir}.${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  try {
    const { inputs, files } = await bundle(fresh, dev);
    const digest = (await digestOf(inputs)) ?? '';
    await rm(stampOf(outDir), { force: true });
    await rm(outDir, { recursive: true, force: true });
    await rename(fresh, outDir);
    await writeFile(stampOf(outDir), JSON.stringify({ dev, inputs, digest, files } satisfies Stamp));
    return { outDir, rebuilt: true, files };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const started = performance.now();
  const { outDir, rebuilt, files } = await buildDashboard({ dev: process.argv.includes('--dev') });
  console.log(`${rebuilt ? 'built' : 'up to date'}: ${outDir} (${files.length} files, ${Math.round(performance.now() - started)} ms)`);
}
