// What the end-to-end suites share: a real server, real media, and FFmpeg to look at what came out.
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { createFfmpegMediaTool } from '../adapters/media-tool.ffmpeg.ts';
import type { Verification } from '../ports.ts';
import type { ServerProcess } from '../../scripts/server-process.ts';
import { findFfmpeg } from '../workers/ffmpeg.ts';

const testdata = resolve(import.meta.dirname, '../../../shared/testdata');
export const hasTestdata = existsSync(testdata);
export const media = (path: string): string => join(testdata, path);
export const mediaIn = (folder: string): string[] => (hasTestdata ? readdirSync(join(testdata, folder)).map((name) => join(folder, name)) : []);

const found = await findFfmpeg();
export const tool = createFfmpegMediaTool(found);
export const long = process.env['CLIPPY_TEST_LONG'] === '1';

const containerOf = (path: string): 'mp4' | 'webm' => (/\.(webm|mkv)$/.test(extname(path)) ? 'webm' : 'mp4');
/** Decodes the whole file. */
export const look = (path: string, container = containerOf(path)): Promise<Verification> => tool.verify(path, { container }, AbortSignal.timeout(120_000));

export const fetchBytes = async (server: Pick<ServerProcess, 'url' | 'token'>, path: string): Promise<{ bytes: Uint8Array; mime: string }> => {
  const reply = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.token}` } });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return { bytes: new Uint8Array(await reply.arrayBuffer()), mime: reply.headers.get('content-type') ?? '' };
};

/** Fetches media and decodes all of it. */
export const lookAt = async (server: Pick<ServerProcess, 'url' | 'token'>, path: string): Promise<Verification & { bytes: Uint8Array; mime: string }> => {
  const { bytes, mime } = await fetchBytes(server, path);
  const folder = await mkdtemp(join(tmpdir(), 'clippy-look-'));
  try {
    const file = join(folder, 'media');
    await writeFile(file, bytes);
    return { ...(await look(file, mime.includes('mp4') ? 'mp4' : 'webm')), bytes, mime };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

