// npm run model [-- NAME]: lists the optional models, or fetches one into the data folder.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SingleBar } from 'cli-progress';
import { z } from 'zod';
import { download } from './download.ts';

const catalogue = z.record(
  z.string(),
  z.object({
    description: z.string(),
    licence: z.string(),
    /** below <data>/models; empty = directly there */
    folder: z.string().regex(/^[A-Za-z0-9._-]*$/),
    url: z.url(),
    files: z.array(z.object({ path: z.string().regex(/^[A-Za-z0-9._-]+$/), sha256: z.string().length(64).nullable() })),
    /** written as model.json, see server/workers/speech-recogniser.ts */
    model: z.unknown().optional(),
    use: z.string(),
  }),
);

type Settings = { name: string; dataDir: string; /** mirror: <base>/<name>/<file>; empty = upstream */ baseUrl: string; print: (line: string) => void; bar: boolean };

export const readCatalogue = async (): Promise<z.infer<typeof catalogue>> => catalogue.parse(JSON.parse(await readFile(new URL('./models.json', import.meta.url), 'utf8')));

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Resolves to the folder; throws with what to do. */
export const fetchModel = async ({ name, dataDir, baseUrl, print, bar }: Settings, signal: AbortSignal): Promise<string> => {
  const models = await readCatalogue();
  const model = models[name];
  if (!model) throw new Error(`there is no model ${name}; there are: ${Object.keys(models).join(', ')}`);
  const folder = join(resolve(dataDir), 'models', model.folder);
  for (const file of model.files) {
    const url = baseUrl ? `${baseUrl.replace(/\/+$/, '')}/${name}/${file.path}` : new URL(file.path, model.url).href;
    const progress = bar ? new SingleBar({ format: `${file.path} [{bar}] {percentage}% {got}/{of} MB`, hideCursor: true }) : null;
    progress?.start(1, 0, { got: '0', of: '?' });
    try {
      const onProgress = (bytes: number, total: number | null): void => {
        progress?.setTotal(total ?? bytes);
        progress?.update(bytes, { got: megabytes(bytes), of: total === null ? '?' : megabytes(total) });
      };
      const hash = await download({ url, target: join(folder, file.path), sha256: file.sha256, onProgress }, signal);
      progress?.stop();
      print(file.sha256 ? `${file.path}: SHA-256 as expected` : `${file.path}: unverified, no checksum is known; its SHA-256 is ${hash}`);
    } finally {
      progress?.stop();
    }
  }
  if (model.model) await writeFile(join(folder, 'model.json'), `${JSON.stringify(model.model, null, 2)}\n`);
  print(`${name} (${model.licence}) is in ${folder}: ${model.use}`);
  return folder;
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const main = async (): Promise<void> => {
  const [name] = process.argv.slice(2);
  if (!name) {
    for (const [each, model] of Object.entries(await readCatalogue())) print(`${each.padEnd(16)} ${model.description} (${model.licence})`);
    return print('\nnpm run model -- NAME fetches one into CLIPPY_DATA_DIR/models');
  }
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort(new Error('stopped; the same command goes on from here')));
  await fetchModel({ name, dataDir: process.env['CLIPPY_DATA_DIR'] ?? 'data', baseUrl: process.env['CLIPPY_MODEL_URL'] ?? '', print, bar: process.stdout.isTTY }, abort.signal);
};

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
