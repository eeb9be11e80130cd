// The user's speech model, kept in the origin's private file system: checked, hashed, and there as a whole or not at all.
import { checkModelHead, HEAD_BYTES } from './model-head.ts';
import { createSha256 } from './sha256.ts';
import { TranscribeError } from './transcribe-error.ts';

export type StoredModel = { name: string; bytes: number; sha256: string; storedAt: number };

const FOLDER = 'speech-model';
/** written last, so that it names only what is whole */
const CARD = 'model.json';
const fileOf = ({ sha256 }: Pick<StoredModel, 'sha256'>): string => `${sha256}.bin`;

const folder = async (): Promise<FileSystemDirectoryHandle> => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

const isMissing = (error: unknown): boolean => error instanceof DOMException && error.name === 'NotFoundError';
const storageError = (what: string, cause: unknown): TranscribeError =>
  new TranscribeError('storage', `${what}: ${cause instanceof Error ? cause.message : String(cause)}; free space on this device and choose the model again`, { cause });

const isCard = (value: unknown): value is StoredModel =>
  typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string' && 'sha256' in value && typeof value.sha256 === 'string'
  && 'bytes' in value && typeof value.bytes === 'number' && 'storedAt' in value && typeof value.storedAt === 'number';

const readCard = async (dir: FileSystemDirectoryHandle): Promise<StoredModel | null> => {
  try {
    const card: unknown = JSON.parse(await (await (await dir.getFileHandle(CARD)).getFile()).text());
    return isCard(card) ? card : null;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return null;
    throw storageError('the speech model could not be read', error);
  }
};

/** Everything but `kept`. */
const tidy = async (dir: FileSystemDirectoryHandle, kept: string[]): Promise<void> => {
  const names: string[] = [];
  for await (const name of dir.keys()) if (!kept.includes(name)) names.push(name);
  for (const name of names) await dir.removeEntry(name);
};

const write = async (dir: FileSystemDirectoryHandle, name: string, content: Blob, onPart: (part: Uint8Array) => void, signal?: AbortSignal): Promise<void> => {
  const target = await (await dir.getFileHandle(name, { create: true })).createWritable();
  try {
    const reader = content.stream().getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      signal?.throwIfAborted();
      await target.write(part.value);
      onPart(part.value);
    }
    await target.close(); // the file appears as a whole
  } catch (error) {
    await target.abort().catch(() => undefined); // it failed already, and that is what is told
    throw error;
  }
};

/** Throws TranscribeError `model` or `storage`, or the signal's reason; then the model before it is still there. */
export const saveModel = async (file: Blob & { name?: string }, onProgress: (share: number) => void, signal: AbortSignal): Promise<StoredModel> => {
  signal.throwIfAborted();
  checkModelHead(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()), file.size);
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  if (file.size > quota - usage) throw new TranscribeError('storage', `the model has ${Math.ceil(file.size / 1e6)} MB, ${Math.floor((quota - usage) / 1e6)} MB are free; free space on this device`);
  const dir = await folder();
  const before = await readCard(dir);
  const kept = before ? [CARD, fileOf(before)] : [];
  const temporary = `new-${crypto.randomUUID()}`;
  try {
    const hash = createSha256();
    let done = 0;
    await write(dir, temporary, file, (part) => {
      hash.push(part);
      done += part.length;
      onProgress(done / file.size);
    }, signal);
    const model: StoredModel = { name: (file.name ?? 'model.bin').slice(0, 200), bytes: file.size, sha256: hash.digest(), storedAt: Date.now() };
    const handle = await dir.getFileHandle(temporary);
    if (!('move' in handle) || typeof handle.move !== 'function') throw new TranscribeError('unsupported', 'this browser cannot rename stored files; use Chrome or Chromium 111 or newer');
    await handle.move(fileOf(model));
    await write(dir, CARD, new Blob([JSON.stringify(model)]), () => {});
    await tidy(dir, [CARD, fileOf(model)]);
    return model;
  } catch (error) {
    await tidy(dir, kept).catch(() => undefined); // leftovers go with the next save
    if (error instanceof TranscribeError || signal.aborted) throw error;
    throw storageError('the speech model could not be stored', error);
  }
};

/** The model chosen, without reading it; null: none. */
export const storedModel = async (): Promise<StoredModel | null> => readCard(await folder());

/** null: none. Throws TranscribeError `storage` where the file is not what was stored. */
export const loadModel = async (): Promise<{ model: StoredModel; file: File } | null> => {
  const dir = await folder();
  const model = await readCard(dir);
  if (!model) return null;
  try {
    const file = await (await dir.getFileHandle(fileOf(model))).getFile();
    if (file.size !== model.bytes) throw new Error(`${model.name} has ${file.size} bytes instead of ${model.bytes}`);
    return { model, file };
  } catch (error) {
    throw storageError('the stored speech model is damaged', error);
  }
};

export const removeModel = async (): Promise<void> => tidy(await folder(), []);
