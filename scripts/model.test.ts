import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelFile } from '../server/workers/speech-recogniser.ts';
import { download } from './download.ts';
import { fetchModel, readCatalogue } from './model.ts';

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251));
const sha256 = createHash('sha256').update(content).digest('hex');
const never = new AbortController().signal;

let folder = '';
let base = '';
let close: () => void = () => {};
let ranges: string[] = [];
let reset: { atByte: number; now: () => void } | null = null;
let last = 0;
const onProgress = (bytes: number): void => {
  last = bytes;
  if (reset && bytes >= reset.atByte) reset.now();
};
let serve: (request: IncomingMessage, response: ServerResponse) => void;

/** the file by Range; ends the connection after `cut` bytes where asked */
const file = (cut = Infinity, etag = '"one"', body = content) => (request: IncomingMessage, response: ServerResponse): void => {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const same = !request.headers['if-range'] || request.headers['if-range'] === etag;
  const from = range && same ? Number(range[1]) : 0;
  ranges.push(request.headers.range ?? '');
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length - from, etag });
  const rest = body.subarray(from, from + Math.min(cut, body.length));
  if (rest.length === body.length - from) response.end(rest);
  else {
    // a reset overtakes what the client has not read yet, so it comes when the client has
    response.write(rest);
    reset = { atByte: from + rest.length, now: () => response.socket?.resetAndDestroy() };
  }
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clippy-download-'));
  ranges = [];
  reset = null;
  const server = createServer((request, response) => serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(async () => {
  close();
  await rm(folder, { recursive: true, force: true });
});
const get = (more: Partial<Parameters<typeof download>[0]> = {}): Promise<string> => download({ url: `${base}/file`, target: join(folder, 'file'), sha256, delayMs: 0, onProgress, ...more }, never);

describe('model download', () => {
  it('[M1] goes on where a connection was cut, within one run and in the next', async () => {
    serve = file(120_000);
    expect(await get()).toBe(sha256);
    expect(last).toBe(content.length);
    expect(ranges.length).toBeGreaterThanOrEqual(3);
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range))).toBe(true);
    expect(await readFile(join(folder, 'file'))).toEqual(content);
    expect(await readdir(folder)).toEqual(['file']);

    await rm(join(folder, 'file'));
    await expect(get({ attempts: 1 })).rejects.toThrow(base);
    expect(await readdir(folder)).toContain('file.part');
    serve = file();
    expect(await get({ attempts: 1 })).toBe(sha256);
    ranges = [];
    expect(await get()).toBe(sha256);
    expect(ranges).toEqual([]);
  });

  it('[M1] starts over when the file changed between two connections', async () => {
    serve = file(120_000, '"old"', Buffer.from(content).fill(1));
    await expect(get({ attempts: 1 })).rejects.toThrow(base);
    serve = file(Infinity, '"new"');
    expect(await get({ attempts: 1 })).toBe(sha256);
  });

  it('[M2] keeps nothing of a file with a wrong checksum', async () => {
    serve = file();
    await expect(get({ sha256: 'f'.repeat(64) })).rejects.toThrow(/has SHA-256 .*, expected ffff/);
    expect((await readdir(folder)).filter((name) => !name.endsWith('.etag'))).toEqual([]);
  });

  it('[M2] says what is wrong with a 404, and does not ask twice', async () => {
    serve = (_, response) => {
      ranges.push('');
      response.writeHead(404).end();
    };
    await expect(get()).rejects.toThrow(/answered 404: it is not there; check CLIPPY_MODEL_URL/);
    expect(ranges.length).toBe(1);
    close();
    await expect(get({ attempts: 2 })).rejects.toThrow(/ECONNREFUSED/);
  });

  it('[M2] cuts a connection that stalls', async () => {
    serve = (_, response) => void response.writeHead(200, { 'content-length': 10 }).write('a');
    await expect(get({ attempts: 1, stallMs: 60 })).rejects.toThrow(/sent nothing/);
  });

  it('[M3] fetches a whole model with its model.json from a mirror, saying what is unverified', async () => {
    serve = file();
    const lines: string[] = [];
    const settings = { dataDir: folder, baseUrl: `${base}/mirror/`, print: (line: string) => void lines.push(line), bar: false };
    const there = await fetchModel({ ...settings, name: 'whisper-tiny.en' }, never);
    expect((await readdir(there)).sort()).toEqual(['model.json', 'tiny.en-decoder.int8.onnx', 'tiny.en-encoder.int8.onnx', 'tiny.en-tokens.txt']);
    expect(modelFile.parse(JSON.parse(await readFile(join(there, 'model.json'), 'utf8'))).type).toBe('whisper');
    expect(lines[0]).toBe(`tiny.en-encoder.int8.onnx: unverified, no checksum is known; its SHA-256 is ${sha256}`);
    expect(lines.at(-1)).toMatch(/set CLIPPY_SPEECH_MODEL to this folder/);
    await expect(fetchModel({ ...settings, name: 'silero-vad' }, never)).rejects.toThrow(/expected 7ed98ddbad84/);
    await expect(fetchModel({ ...settings, name: 'gpt' }, never)).rejects.toThrow(/there is no model gpt; there are: silero-vad/);
  });

  it('[M3] every entry of the catalogue is one the recogniser understands', async () => {
    for (const model of Object.values(await readCatalogue())) {
      if (!model.model) continue;
      const { files, tokens } = modelFile.parse(model.model);
      const listed = model.files.map((each) => each.path).sort();
      expect([...Object.values(files), tokens].sort()).toEqual(listed);
    }
  });
});
