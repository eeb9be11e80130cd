import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StartError } from '../errors.ts';
import type { ObjectStore } from '../ports.ts';
import { objectStoreContract } from '../testing/object-store.contract.ts';
import { type S3Server, startS3Server } from '../testing/faults/s3-server.ts';
import { seededRandom } from '../../shared/testing/random.ts';
import type { S3Options } from './object-store.s3.ts';
import { createS3Store } from './object-store.s3.ts';
import { createBufferPool } from './s3-upload.ts';
import { isTransient } from './transient.ts';

const { CLIPPY_TEST_S3_ENDPOINT: ENDPOINT, CLIPPY_TEST_S3_BUCKET: BUCKET = 'clippy-test', CLIPPY_TEST_S3_ACCESS_KEY = '', CLIPPY_TEST_S3_SECRET_KEY = '' } = process.env;
const log = { warn: (): void => undefined };
const real = (): S3Options => ({
  bucket: BUCKET, region: 'auto', createBucket: true, log, waitMs: 0, partBytes: 5 * 2 ** 20, partBuffers: 3,
  ...(ENDPOINT ? { endpoint: ENDPOINT } : {}), credentials: { accessKeyId: CLIPPY_TEST_S3_ACCESS_KEY, secretAccessKey: CLIPPY_TEST_S3_SECRET_KEY },
});

const failure = (call: Promise<unknown>): Promise<unknown> => call.then(() => 'no error', (error: unknown) => error);
const status = (code: number, name: string): RequestListener => (_, response) => {
  response.writeHead(code, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${name}</Code><Message>as told</Message></Error>`);
};

describe('object store contract: S3 on a small server of ours', () => {
  let folder = '';
  let small: S3Server;
  const open = (): Promise<ObjectStore> => createS3Store({ bucket: 'small', region: 'auto', endpoint: small.url, createBucket: true, log, waitMs: 0, partBytes: 5 * 2 ** 20, partBuffers: 3, attempts: 1, credentials: { accessKeyId: 'k', secretAccessKey: 's' } });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clippy-s3-'));
    small = await startS3Server({ dir: folder, random: seededRandom(7) });
  });
  afterEach(() => small.fail(null));
  afterAll(async () => {
    await small.close();
    await rm(folder, { recursive: true, force: true });
  });
  objectStoreContract(open, { largeBytes: 18 * 2 ** 20 + 17 });

  it('[DF6] what is damaged on its way is not stored, in one piece or in parts', async () => {
    const store = await open();
    const path = join(folder, 'large');
    await writeFile(path, Buffer.alloc(12 * 2 ** 20, 3));
    small.fail({ mode: 'damaged upload' });
    for (const put of [() => store.put('damaged/a', new Uint8Array(1_000), 'x'), () => store.putFile('damaged/b', path, 'x')]) expect(isTransient(await failure(put()))).toBe(true);
    expect(small.keys('damaged/')).toEqual([]);
  });

  it('[DF6] a page where an answer of the store should be is no success', async () => {
    const store = await open();
    const path = join(folder, 'large');
    await writeFile(path, Buffer.alloc(12 * 2 ** 20, 3));
    small.fail({ mode: 'html' });
    for (const call of [() => store.put('page/a', new Uint8Array(1_000), 'x'), () => store.putFile('page/b', path, 'x'), () => store.stat('page/a')]) expect(await failure(call())).toMatchObject({ name: 'ProviderError', kind: 'garbage' });
  });
});

describe.skipIf(!ENDPOINT)('object store contract: S3 at CLIPPY_TEST_S3_ENDPOINT (set it to run this; scripts/rgw.sh)', () => {
  objectStoreContract(() => createS3Store(real()), { largeBytes: 18 * 2 ** 20 + 17 });

  // 2,020 requests: 3 s on Ceph, 20 s on Swift in one process, more on a busy machine
  it('[O6] lists more than one page', { timeout: 120_000 }, async () => {
    const store = await createS3Store(real());
    const prefix = `pages-${Date.now().toString(36)}/`;
    for (let from = 0; from < 1_010; from += 101) await Promise.all(Array.from({ length: 101 }, (_, at) => store.put(`${prefix}${from + at}`, new Uint8Array(1), 'x')));
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    expect(new Set(keys).size).toBe(1_010);
    for (let from = 0; from < keys.length; from += 100) await Promise.all(keys.slice(from, from + 100).map((key) => store.delete(key)));
  });

  it('[O12] makes the bucket only when allowed, and says what to do about wrong keys', async () => {
    const bucket = `clippy-new-${Date.now().toString(36)}`;
    await expect(createS3Store({ ...real(), bucket, createBucket: false })).rejects.toThrow(new RegExp(`make the bucket ${bucket}`));
    await expect((await createS3Store({ ...real(), bucket })).ping()).resolves.toBeUndefined();
    await expect(createS3Store({ ...real(), bucket, createBucket: false })).resolves.toBeDefined();
    await expect(createS3Store({ ...real(), credentials: { accessKeyId: 'wrong', secretAccessKey: 'wrong' } })).rejects.toThrow(StartError);
  });
});

describe('S3 store against a server that misbehaves', () => {
  let server: Server;
  let endpoint: string;
  let answer: RequestListener;
  let seen: string[] = [];
  let folder: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url?.replace(/&?x-id=\w+/, '')}`);
      if (request.method === 'HEAD' && /^\/b\/?$/.test(request.url ?? '')) response.end();
      else answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    endpoint = `http://127.0.0.1:${port}`;
    folder = await mkdtemp(join(tmpdir(), 'clippy-s3-'));
  });
  afterEach(() => {
    seen = [];
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  const open = (patch: Partial<S3Options> = {}): Promise<ObjectStore> =>
    createS3Store({ bucket: 'b', region: 'us-east-1', endpoint, credentials: { accessKeyId: 'k', secretAccessKey: 's' }, createBucket: false, log, attempts: 1, waitMs: 0, partBytes: 1_000_000, requestTimeoutMs: 300, ...patch });

  it('[O13] tells failures that pass from those that do not', async () => {
    const store = await open();
    const kinds: [RequestListener, object, boolean][] = [
      [status(500, 'InternalError'), { name: 'ProviderError', kind: 'server' }, true],
      [status(503, 'SlowDown'), { kind: 'rate' }, true],
      [status(403, 'AccessDenied'), { kind: 'auth' }, false],
      [status(404, 'NoSuchBucket'), { kind: 'off' }, false],
      [status(404, 'NoSuchKey'), { name: 'Refused', code: 'not_found' }, false],
      [status(416, 'InvalidRange'), { name: 'Refused', code: 'range' }, false],
      [(request) => void request.socket.destroy(), { kind: 'network' }, true],
      [() => undefined, { kind: 'timeout' }, true], // never answers
      [(_, response) => { response.writeHead(200, { 'content-length': '100' }); response.write('half'); response.socket?.end(); }, { kind: 'network' }, true],
      [(_, response) => { response.writeHead(200, { 'content-length': '100' }); response.write('half'); }, { kind: 'timeout' }, true], // stalls in the body
      [(_, response) => { response.writeHead(200, { 'content-length': '5000000000' }); response.write('x'); }, { code: 'too_large' }, false],
    ];
    for (const [behaviour, expected, transient] of kinds) {
      answer = behaviour;
      const error = await failure(store.read('x'));
      expect(error).toMatchObject(expected);
      expect(isTransient(error), `${JSON.stringify(expected)}`).toBe(transient);
    }
    answer = (_, response) => void response.end('the whole object');
    expect(await failure(store.read('x', { start: 0, end: 3 }))).toMatchObject({ kind: 'garbage' });
  });

  it('[O8] gives up in the middle of a body', async () => {
    const store = await open({ requestTimeoutMs: 10_000 });
    const stop = new AbortController();
    const reason = new Error('enough');
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setImmediate(() => stop.abort(reason));
    };
    expect(await failure(store.read('x', undefined, stop.signal))).toBe(reason);
  });

  it('[O14] removes what it uploaded when one part fails, and throws that failure', async () => {
    const store = await open();
    const path = join(folder, 'large');
    await writeFile(path, '');
    await truncate(path, 9_500_000);
    answer = (request, response) => {
      request.resume();
      request.on('end', () => {
        if (request.url?.includes('uploads')) response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>');
        else if (request.url?.includes('partNumber=5')) status(500, 'InternalError')(request, response);
        else if (request.method === 'DELETE') response.writeHead(204).end();
        else response.writeHead(200, { etag: '"e"' }).end();
      });
    };
    expect(await failure(store.putFile('big', path, 'video/webm'))).toMatchObject({ kind: 'server' });
    expect(seen.at(-1)).toBe('DELETE /b/big?uploadId=u1');
    expect(seen.filter((line) => line.includes('partNumber')).length).toBeLessThan(10);
    expect(seen.some((line) => line.startsWith('POST') && line.includes('uploadId'))).toBe(false);
    answer = status(500, 'InternalError');
    expect(await failure(store.putFile('big', path, 'video/webm'))).toMatchObject({ kind: 'server' });
  });

  it('[O14] lends out no more buffers than it has', async () => {
    const pool = createBufferPool(2, 8);
    const [first, second] = [await pool.take(), await pool.take()];
    const third = pool.take();
    pool.give(first);
    expect(await third).toBe(first);
    pool.give(second);
    expect(await pool.take()).toBe(second);
  });

  it('[O12] says at the start what is wrong with the address', async () => {
    const error = await failure(open({ endpoint: 'http://127.0.0.1:1' }));
    expect(String(error)).toMatch(/object store at http:\/\/127\.0\.0\.1:1 cannot be used[^]*CLIPPY_S3_ENDPOINT/);
    await expect(createS3Store({ bucket: 'b', region: 'auto', createBucket: false, log })).rejects.toThrow(/name the AWS region/);
  });
});
