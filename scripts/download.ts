// One file over HTTP: resumed where it was cut, checked, and only then given its name.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export class DownloadError extends Error {
  /** the same request may succeed later */
  readonly passing: boolean;
  constructor(message: string, options: { passing: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'DownloadError';
    this.passing = options.passing;
  }
}

export type Download = {
  url: string;
  target: string;
  /** null = not known: any content is taken, and its hash returned */
  sha256: string | null;
  /** `total` null where the server does not say */
  onProgress?: (bytes: number, total: number | null) => void;
  /** tries in a row that bring nothing; a cut connection that brought something is gone on with */
  attempts?: number;
  /** before the next of these, ms */
  delayMs?: number;
  /** a connection that gives nothing for this long is cut, ms */
  stallMs?: number;
};

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0;

export const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
};

/** One connection: appends to `part` what is missing. */
const fetchRest = async ({ url, onProgress, stallMs = 30_000 }: Download, part: string, signal: AbortSignal): Promise<void> => {
  const have = await sizeOf(part);
  const tagFile = `${part}.etag`;
  const tag = have > 0 ? await readFile(tagFile, 'utf8').catch(() => '') : '';
  const stalled = new AbortController();
  const stop = (): void => stalled.abort(new DownloadError(`${url} sent nothing for ${stallMs / 1000} s`, { passing: true }));
  let timer = globalThis.setTimeout(stop, stallMs);
  try {
    // If-Range: a file that changed meanwhile comes whole
    const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-`, ...(tag ? { 'if-range': tag } : {}) } : {};
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, stalled.signal]) });
    if (response.status === 416 && have > 0) return;
    if (!response.ok || !response.body) throw new DownloadError(`${url} answered ${response.status}${response.status === 404 ? ': it is not there; check CLIPPY_MODEL_URL' : ''}`, { passing: response.status >= 500 || response.status === 429 });
    const resumed = response.status === 206;
    await writeFile(tagFile, response.headers.get('etag') ?? '');
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const from = resumed ? have : 0;
    const total = Number.isFinite(length) ? from + length : null;
    const file = await open(part, resumed ? 'a' : 'w');
    let bytes = from;
    try {
      for await (const piece of response.body) {
        clearTimeout(timer);
        timer = globalThis.setTimeout(stop, stallMs);
        await file.write(piece);
        bytes += piece.length;
        onProgress?.(bytes, total);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (total !== null && bytes < total) throw new DownloadError(`${url} ended after ${bytes} of ${total} bytes`, { passing: true });
  } finally {
    clearTimeout(timer);
  }
};

const asDownloadError = (url: string, error: unknown): DownloadError => {
  if (error instanceof DownloadError) return error;
  const told = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new DownloadError(`${url}: ${told instanceof Error ? told.message : String(told)}`, { passing: true, cause: error });
};

/** Resolves to the file's SHA-256. Throws `DownloadError`, or the signal's reason; what came so far stays for the next try. */
export const download = async (options: Download, signal: AbortSignal): Promise<string> => {
  const { url, target, sha256, attempts = 5, delayMs = 1_000 } = options;
  if ((await sizeOf(target)) > 0) {
    const there = await sha256Of(target);
    if (sha256 === null || there === sha256) return there;
  }
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  for (let tries = 0; ; ) {
    const before = await sizeOf(part);
    try {
      await fetchRest(options, part, signal);
      break;
    } catch (error) {
      signal.throwIfAborted();
      const failure = asDownloadError(url, error);
      const more = (await sizeOf(part)) > before;
      tries = more && attempts > 1 ? 0 : tries + 1;
      if (!failure.passing || tries >= attempts) throw failure;
      if (!more) await setTimeout(delayMs * tries, undefined, { signal });
    }
  }
  const found = await sha256Of(part);
  if (sha256 !== null && found !== sha256) {
    await rm(part, { force: true });
    throw new DownloadError(`${url} has SHA-256 ${found}, expected ${sha256}: it was damaged on the way or replaced; nothing was kept`, { passing: false });
  }
  await rename(part, target);
  await rm(`${part}.etag`, { force: true });
  return found;
};
