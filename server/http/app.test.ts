// The whole way in, over real sockets and both engines (rules H). One list of promises, longer than a usual file.
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isTransient } from '../adapters/transient.ts';
import { MediaError, Refused } from '../errors.ts';
import { createMetrics } from '../metrics.ts';
import { fakeSessions, type FakeSessions } from '../testing/fake-sessions.ts';
import { countedMedia, patternBytes } from '../testing/media-body.ts';
import { createMemoryRepository } from '../testing/repository.memory.ts';
import { memoryLog } from '../testing/memory-log.ts';
import { rawExchange } from '../testing/raw-http.ts';
import { createTransport } from '../transport/create-transport.ts';
import type { SocketHandlers, Transport } from '../transport/transport.ts';
import { loadUws } from '../transport/uws-binding.ts';
import { createHttp } from './app.ts';
import { type Devices, openDevices } from './devices.ts';
import { createTokenLimit } from './guess-limit.ts';
import { createAuth, hashToken } from './auth.ts';
import { failure } from './schemas.ts';
import { ROUTES } from './routes.ts';

const TOKEN = 'a-token-of-the-admin';
const ADMIN = { authorization: `Bearer ${TOKEN}` };
const CLIP_BYTES = 700_000;
const missing = loadUws().error?.message.split('\n')[0] ?? '';

const noSockets: SocketHandlers = { upgrade: () => ({ accept: false, status: 404, message: 'no sockets here' }), open: () => undefined, message: () => undefined, drain: () => undefined, close: () => undefined };

const codeOf = async (reply: Response): Promise<[number, string]> => [reply.status, failure.parse(await reply.json()).error.code];

const bytesOf = async (reply: Response): Promise<Uint8Array> => new Uint8Array(await reply.arrayBuffer());


describe.each(['uws', 'portable'] as const)('the API over %s', (kind) => {
  const skip = kind === 'uws' && missing !== '';
  const log = memoryLog();
  let nowMs = Date.UTC(2026, 10, 1);
  const clock = { now: () => nowMs, monotonic: () => nowMs, after: (ms: number, run: () => void) => { const timer = setTimeout(run, ms); return () => clearTimeout(timer); } };
  let sessions: FakeSessions;
  let failing = '';
  let folder = '';
  let transport: Transport;
  let port = 0;
  let base = '';
  const auth = createAuth({ tokenHash: hashToken(TOKEN), secret: Buffer.from('secret'), clock, deviceOf: (token) => devices.of(token) });
  let devices: Devices;
  let revoked: string[] = [];

  const call = (path: string, init: RequestInit = {}): Promise<Response> => fetch(base + path, { ...init, headers: { ...ADMIN, ...Object.fromEntries(new Headers(init.headers)) } });
  const newCode = async (): Promise<string> => z.object({ code: z.string() }).parse(await (await call('/api/pairing-codes', { method: 'POST' })).json()).code;
  /** a path of the table with ids the fake sessions, or the devices, hold */
  const fill = async (path: string): Promise<string> => {
    const id = path.includes('clips') ? 'C1' : path.includes('dead') ? 'D1' : path.includes('devices/') ? (await devices.issue('admin', 'gone')).deviceId : 'S1';
    return path.replace(':id', id).replace(':format', 'json');
  };
  const bodyFor = async (path: string): Promise<{ body?: string }> => {
    if (path === '/api/media-url') return { body: JSON.stringify({ path: '/api/clips/C1/media' }) };
    return path === '/api/pair' ? { body: JSON.stringify({ code: await newCode(), name: 'Laptop' }) } : {};
  };
  const sign = (body: BodyInit): Promise<Response> => call('/api/media-url', { method: 'POST', body });
  const askClip = async (headers: Record<string, string>): Promise<[number, number]> => {
    const reply = await call('/api/clips/C1/media', { headers });
    return [reply.status, (await bytesOf(reply)).length];
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clippy-static-'));
    const files = join(folder, 'dashboard');
    await mkdir(join(files, 'assets'), { recursive: true });
    await writeFile(join(files, 'index.html'), '<!doctype html><title>Clippy</title>');
    await writeFile(join(files, 'assets', 'app-1A2B3C4D.js'), 'export {};');
    await writeFile(join(files, '.env'), 'secret=1');
    await writeFile(join(folder, 'outside.txt'), 'outside');
    await symlink(join(folder, 'outside.txt'), join(files, 'link.txt'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  // a server for each test would cost more than it shows: one, with fresh sessions behind it
  beforeAll(async () => {
    if (skip) return;
    sessions = fakeSessions();
    const lazy = new Proxy(sessions, { get: (_target, name) => Reflect.get(sessions, name) });
    devices = await openDevices({ repository: createMemoryRepository(), clock, log, onRevoked: (id) => revoked.push(id) });
    const handle = createHttp({
      sessions: lazy, auth, devices, tokenLimit: createTokenLimit(), isTransient, origins: ['https://studio.test'], metrics: createMetrics(), log, clock, staticDir: join(folder, 'dashboard'),
      ready: [{ name: 'database', check: () => (failing === 'database' ? Promise.reject(new Error('password is hunter2')) : Promise.resolve()) }, { name: 'disk', check: () => Promise.resolve() }],
      status: () => Promise.resolve({ version: '0.1.0', transport: kind }),
    });
    transport = await createTransport({ kind, handle, sockets: noSockets, log, limits: { maxFrameBytes: 1_000_000, maxBackpressureBytes: 1_000_000, idleTimeoutS: 30, maxBodyBytes: 65_536 } });
    port = await transport.listen('127.0.0.1', 0);
    base = `http://127.0.0.1:${port}`;
  });
  afterAll(() => transport?.close());
  beforeEach((context) => {
    if (skip) context.skip(missing);
    sessions = fakeSessions();
    nowMs += 10_000;
  });

  it('[R1] answers every JSON route of the table by its schema', async () => {
    for (const row of ROUTES) {
      sessions = fakeSessions();
      const reply = await call(await fill(row.path), { method: row.method, ...(await bodyFor(row.path)) });
      expect([row.path, reply.status]).toEqual([row.path, 200]);
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      const schema = 'mimes' in row.gives ? z.string() : row.gives;
      const given: unknown = 'mimes' in row.gives ? await reply.text() : await reply.json();
      expect([row.path, schema.safeParse(given).error]).toEqual([row.path, undefined]);
    }
  });

  it('[R2] lets nobody in without a token but where the table says so', async () => {
    for (const row of ROUTES) {
      const reply = await fetch(base + row.path.replace(':id', 'S1').replace(':format', 'vtt'), { method: row.method, headers: { 'x-forwarded-for': '203.0.113.9' } });
      const open = ['/livez', '/readyz', '/api/openapi.json'].includes(row.path);
      const status = row.path === '/api/pair' ? 400 : open ? 200 : 401; // it asks for a code
      expect([row.path, reply.status]).toEqual([row.path, status]);
      expect([row.path, reply.headers.get('www-authenticate')]).toEqual([row.path, status === 401 ? 'Bearer realm="clippy"' : null]);
      await reply.arrayBuffer();
    }
    expect(await codeOf(await fetch(`${base}/api/clips`, { headers: { authorization: 'Bearer wrong' } }))).toEqual([401, 'unauthorized']);
    expect(sessions.served).toEqual([]);
  });

  it('[R3] changes what it is asked to change', async () => {
    expect(await (await call('/api/clips/C1/pin', { method: 'POST' })).json()).toMatchObject({ id: 'C1', pinned: true });
    expect(await (await call('/api/clips?pinned=1&limit=5&minScore=0.5&text=')).json()).toMatchObject({ clips: [{ id: 'C1' }] });
    expect(await (await call('/api/clips/C1/unpin', { method: 'POST' })).json()).toMatchObject({ pinned: false });
    expect(await (await call('/api/clips?pinned=true')).json()).toEqual({ clips: [] });
    expect(await (await call('/api/sessions/S1/end', { method: 'POST' })).json()).toMatchObject({ status: 'closed' });
    expect(await codeOf(await call('/api/sessions/S1/end', { method: 'POST' }))).toEqual([409, 'closed']);
    await call('/api/clips/C1', { method: 'DELETE' });
    expect(await codeOf(await call('/api/clips/C1'))).toEqual([404, 'not_found']);
    await call('/api/dead-letters/D1/retry', { method: 'POST' });
    expect(await codeOf(await call('/api/dead-letters/D1/retry', { method: 'POST' }))).toEqual([404, 'not_found']);
  });

  const pair = (body: unknown, from = '203.0.113.1'): Promise<Response> => fetch(`${base}/api/pair`, { method: 'POST', body: JSON.stringify(body), headers: { 'x-forwarded-for': from } });

  it('[I2] pairs a device by a code, which may then do what devices may, until it is revoked', async () => {
    const code = await newCode();
    const reply = await pair({ code, name: '  Chrome on the laptop ' });
    const { token, deviceId, user } = z.strictObject({ token: z.string(), deviceId: z.string(), user: z.string() }).parse(await reply.json());
    expect([reply.status, user]).toEqual([200, 'admin']);
    expect(await codeOf(await pair({ code, name: 'again' }))).toEqual([401, 'unauthorized']);
    const as = async (path: string, method = 'GET', body?: string): Promise<number> => (await fetch(base + path, { method, headers: { authorization: `Bearer ${token}` }, ...(body && { body }) })).status;
    expect([await as('/api/sessions'), await as('/api/sessions/S1/regions'), await as('/api/sessions/S1/pages'), await as('/api/clips/C1'), await as('/api/media-url', 'POST', JSON.stringify({ path: '/api/clips/C1/media' }))]).toEqual([200, 200, 200, 200, 200]);
    for (const row of ROUTES) if (!['session.list', 'session.read', 'clip.list', 'clip.read', 'media.sign', 'health.read', 'api.describe', 'pair'].includes(row.action)) expect([row.path, await as(row.path.replace(':id', 'S1').replace(':format', 'json'), row.method)]).toEqual([row.path, 403]);
    const { devices: listed } = z.object({ devices: z.array(z.strictObject({ id: z.string(), name: z.string(), scope: z.string(), createdAt: z.number(), lastUsedAt: z.number().nullable() })) }).parse(await (await call('/api/devices')).json());
    expect(listed.find(({ id }) => id === deviceId)).toEqual({ id: deviceId, name: 'Chrome on the laptop', scope: 'recorder', createdAt: nowMs, lastUsedAt: nowMs });
    revoked = [];
    expect([(await call(`/api/devices/${deviceId}`, { method: 'DELETE' })).status, revoked, await as('/api/sessions')]).toEqual([200, [deviceId], 401]);
    expect((await call(`/api/devices/${deviceId}`, { method: 'DELETE' })).status).toBe(404);
  });

  it('[I3] bounds the guessing of codes by address, which no other address suffers from, and of tokens', async () => {
    const codes = await Promise.all([newCode(), newCode()]);
    const hostile = () => fetch(`${base}/api/pair`, { method: 'POST', body: JSON.stringify({ code: 'AAAA-AAAA', name: 'x' }), headers: { origin: 'https://evil.test', 'x-forwarded-for': '203.0.113.2' } });
    for (let at = 0; at < 11; at++) expect(await codeOf(await hostile())).toEqual([403, 'forbidden']);
    for (let at = 0; at < 10; at++) expect(await codeOf(await pair({ code: 'AAAA-AAAA', name: 'x' }, '203.0.113.2'))).toEqual([401, 'unauthorized']);
    const blocked = await pair({ code: codes[0], name: 'x' }, '203.0.113.2');
    expect([blocked.status, Number(blocked.headers.get('retry-after')) > 500, failure.parse(await blocked.json()).error]).toMatchObject([429, true, { code: 'too_many', message: expect.stringMatching(/203\.0\.113\.2: wait \d+ s/) }]);
    expect((await pair({ code: codes[0], name: 'x' }, '203.0.113.3')).status).toBe(200);
    const ask = async (token: string): Promise<number> => (await fetch(`${base}/api/sessions`, { headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '203.0.113.4' } })).status;
    for (let at = 0; at < 30; at++) expect(await ask('wrong')).toBe(401);
    expect([await ask('wrong'), await ask(TOKEN), (await call('/api/sessions')).status]).toEqual([429, 429, 200]);
  });

  const EXTENSION = `chrome-extension://${'abcdefgh'.repeat(4)}`;
  const corsOf = (reply: Response): Record<string, string> => Object.fromEntries([...reply.headers].filter(([name]) => name.startsWith('access-control') || name === 'vary'));

  it('[I5] lets pages of extensions and of the named origins call the API, and asks no others in', async () => {
    const question = { 'access-control-request-method': 'DELETE', 'access-control-request-headers': 'authorization,content-type', 'access-control-request-private-network': 'true' };
    for (const origin of [EXTENSION, 'https://studio.test']) {
      const asked = await fetch(`${base}/api/clips/C1`, { method: 'OPTIONS', headers: { origin, ...question } });
      expect([asked.status, await asked.text(), corsOf(asked)]).toMatchObject([204, '', {
        'access-control-allow-origin': origin, 'access-control-allow-methods': 'GET, HEAD, POST, DELETE', 'access-control-allow-headers': expect.stringContaining('authorization, content-type'),
        'access-control-max-age': '600', 'access-control-allow-private-network': 'true', vary: 'Origin',
      }]);
      for (const path of ['/api/sessions', '/api/none', '/api/clips?limit=x']) expect(corsOf(await call(path, { headers: { origin } }))).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
      const refused = await fetch(`${base}/api/sessions`, { headers: { origin } });
      expect([refused.status, corsOf(refused)['access-control-allow-origin']]).toEqual([401, origin]);
    }
    for (const origin of ['https://evil.test', 'https://studio.test.evil.test', 'http://studio.test', 'chrome-extension://short', `${EXTENSION}.evil.test`, 'null', '']) {
      const headers: Record<string, string> = origin === '' ? {} : { origin };
      expect([origin, corsOf(await call('/api/sessions', { headers }))]).toEqual([origin, { vary: 'Origin' }]);
      const asked = await fetch(`${base}/api/clips/C1`, { method: 'OPTIONS', headers: { ...headers, ...question } });
      expect([origin, asked.status, corsOf(asked)]).toEqual([origin, 405, { vary: 'Origin' }]);
    }
    for (const path of ['/', '/livez', '/metrics']) expect([path, corsOf(await call(path, { headers: { origin: EXTENSION } }))]).toEqual([path, {}]);
    expect((await call('/api/sessions', { headers: { origin: EXTENSION } })).headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('[I5] lets them fetch signed media by range', async () => {
    const { url } = z.object({ url: z.string() }).parse(await (await sign(JSON.stringify({ path: '/api/clips/C1/media' }))).json());
    const reply = await fetch(base + url, { headers: { origin: EXTENSION, range: 'bytes=0-99' } });
    expect([reply.status, (await bytesOf(reply)).length, corsOf(reply)['access-control-allow-origin']]).toEqual([206, 100, EXTENSION]);
    for (const name of ['content-range', 'content-length', 'accept-ranges', 'etag']) expect(reply.headers.get('access-control-expose-headers')).toContain(name);
    const beyond = await fetch(base + url, { headers: { origin: EXTENSION, range: 'bytes=999999999-' } });
    expect([beyond.status, corsOf(beyond)['access-control-allow-origin']]).toEqual([416, EXTENSION]);
  });

  it('[R4] names what is wrong with a request', async () => {
    const wrong: [string, string, number][] = [
      ['GET', '/api/clips?limit=1000', 400], ['GET', '/api/clips?limit=x', 400], ['GET', '/api/clips?minscore=1', 400], ['GET', '/api/clips?pinned=maybe', 400],
      ['GET', '/api/clips/a%20b', 400], ['GET', '/api/clips/%zz', 404], ['GET', '/api/sessions/S1/transcript.exe', 400],
      ['GET', '/api/sessions/S1/recording?startMs=5', 400], ['GET', '/api/sessions/S1/recording?startMs=5&endMs=5', 400], ['GET', '/api/sessions/S1/recording?startMs=70000&endMs=80000', 416],
      ['GET', '/api/clips/C1/media?version=0', 400], ['GET', '/api/clips/C1/media?version=3', 404], ['GET', '/api/sessions/nope', 404],
      ['GET', '/api/none', 404], ['POST', '/none', 404], ['PUT', '/api/clips', 405], ['DELETE', '/api/clips', 405], ['PROPFIND', '/', 404], ['OPTIONS', '/api/clips/C1', 405],
    ];
    for (const [method, path, status] of wrong) {
      const reply = await call(path, { method });
      expect([method, path, reply.status]).toEqual([method, path, status]);
      failure.parse(await reply.json());
    }
    expect((await call('/api/clips/C1', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD, DELETE');
    const typo = await call('/api/clips?minscore=1');
    expect(failure.parse(await typo.json()).error.message).toContain('minscore');
  });

  it('[R5] checks a body before and after reading it', async () => {
    expect(await codeOf(await sign(''))).toEqual([400, 'bad_request']);
    expect(await codeOf(await sign('{"path": 1}'))).toEqual([400, 'bad_request']);
    expect(await codeOf(await sign(new Uint8Array([0x22, 0xff, 0x22])))).toEqual([400, 'bad_request']);
    expect(await codeOf(await sign('{"path": "/api/clips"}'))).toEqual([400, 'bad_request']);
    expect(await codeOf(await sign('{"path": "//evil.test/api/clips/C1/media"}'))).toEqual([400, 'bad_request']);
    expect(await codeOf(await sign('x'.repeat(20_000)))).toEqual([413, 'too_large']);
    expect(await codeOf(await sign('x'.repeat(2_000_000)))).toEqual([413, 'too_large']);
    const declared = await rawExchange(port, `POST /api/media-url HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 999999999\r\n\r\n`);
    expect(declared.status).toBe(413);
  });

  it('[R6] serves ranges', async () => {
    const cases: [string, number, number, number][] = [
      ['bytes=0-99', 206, 0, 100], ['bytes=100-', 206, 100, CLIP_BYTES], ['bytes=-50', 206, CLIP_BYTES - 50, CLIP_BYTES], [`bytes=-${CLIP_BYTES * 2}`, 206, 0, CLIP_BYTES],
      [`bytes=600000-${CLIP_BYTES * 2}`, 206, 600_000, CLIP_BYTES], ['bytes=0-0', 206, 0, 1], [`bytes=${CLIP_BYTES - 1}-`, 206, CLIP_BYTES - 1, CLIP_BYTES], ['bytes=0-9,10-19', 206, 0, 20],
      ['bytes=0-9,500-509', 200, 0, CLIP_BYTES], ['bytes=9-0', 416, 0, 0], [`bytes=${CLIP_BYTES}-`, 416, 0, 0], ['bytes=-0', 416, 0, 0], ['bytes=x-y', 200, 0, CLIP_BYTES], ['bytes=', 200, 0, CLIP_BYTES],
      ['pages=1-2', 200, 0, CLIP_BYTES],
    ];
    for (const [range, status, start, end] of cases) {
      const reply = await call('/api/clips/C1/media', { headers: { range } });
      expect([range, reply.status]).toEqual([range, status]);
      const bytes = await bytesOf(reply);
      const contentRange = { 200: null, 206: `bytes ${start}-${end - 1}/${CLIP_BYTES}`, 416: `bytes */${CLIP_BYTES}` }[status];
      expect([range, reply.headers.get('content-range')]).toEqual([range, contentRange]);
      expect([range, status === 416 || Buffer.compare(bytes, patternBytes(start, end)) === 0]).toEqual([range, true]);
      expect([range, reply.headers.get('content-type')]).toEqual([range, status === 416 ? 'application/json; charset=utf-8' : 'video/mp4']);
    }
    await Promise.all(sessions.served.map((media) => media.closed));
    expect(sessions.served.map((media) => media.closes)).toEqual(cases.map(() => 1));
  });

  it('[R6] honours conditions', async () => {
    expect(await askClip({ 'if-none-match': '"C1-2"' })).toEqual([304, 0]);
    expect(await askClip({ 'if-none-match': 'W/"C1-2", "x"' })).toEqual([304, 0]);
    expect(await askClip({ 'if-none-match': '*', range: 'bytes=0-9' })).toEqual([304, 0]);
    expect(await askClip({ 'if-none-match': '"C1-1"' })).toEqual([200, CLIP_BYTES]);
    expect(await askClip({ 'if-range': '"C1-2"', range: 'bytes=0-9' })).toEqual([206, 10]);
    expect(await askClip({ 'if-range': '"C1-1"', range: 'bytes=0-9' })).toEqual([200, CLIP_BYTES]);
    expect(await askClip({ 'if-range': 'Wed, 21 Oct 2026 07:28:00 GMT', range: 'bytes=0-9' })).toEqual([200, CLIP_BYTES]);
    expect(sessions.served.every((media) => media.closes === 1)).toBe(true);
  });

  it('[R6] answers HEAD like GET, without reading media', async () => {
    const reply = await call('/api/clips/C1/media', { method: 'HEAD', headers: { range: 'bytes=0-99' } });
    expect([reply.status, reply.headers.get('content-length'), reply.headers.get('content-range')]).toEqual([206, '100', `bytes 0-99/${CLIP_BYTES}`]);
    const [media] = sessions.served;
    await media?.closed;
    expect([media?.closes, media?.reads]).toEqual([1, 0]);
    expect((await call('/api/clips', { method: 'HEAD' })).headers.get('content-type')).toContain('application/json');
  });

  it('[R6] closes media when its client leaves', async () => {
    sessions.next.media = { bytes: 2 * 1024 ** 3 };
    const abort = new AbortController();
    const reply = await call('/api/clips/C1/media', { signal: abort.signal });
    expect(reply.status).toBe(200);
    abort.abort();
    const [media] = sessions.served;
    await media?.closed;
    expect(media?.closes).toBe(1);
  });

  it('[R7] caches for ever only what a version names, and offers a file only when asked', async () => {
    const plain = await call('/api/clips/C1/media');
    const versioned = await call('/api/clips/C1/media?version=2&download=1');
    expect([plain.headers.get('cache-control'), plain.headers.get('content-disposition')]).toEqual(['private, no-cache', null]);
    expect([versioned.headers.get('cache-control'), versioned.headers.get('content-disposition')]).toEqual(['private, max-age=31536000, immutable', 'attachment; filename="no way.mp4"']);
    await Promise.all([plain.arrayBuffer(), versioned.arrayBuffer()]);
  });

  it('[R7] never passes on a type a browser would run', async () => {
    sessions.next.media = { mime: 'text/html' };
    const reply = await call('/api/sessions/S1/recording?startMs=0&endMs=100');
    expect(reply.headers.get('content-type')).toBe('application/octet-stream');
    await reply.arrayBuffer();
  });

  it('[R8] opens exactly the path it signed, for a while, for reading', async () => {
    const reply = await sign(JSON.stringify({ path: '/api/clips/C1/media?version=2' }));
    const { url } = z.object({ url: z.string() }).parse(await reply.json());
    const status = async (path: string, method = 'GET'): Promise<number> => {
      const answered = await fetch(base + path, { method });
      await answered.arrayBuffer();
      return answered.status;
    };
    expect(await status(url)).toBe(200);
    expect(await status(url, 'HEAD')).toBe(200);
    expect(await status(url.replace('version=2', 'download=1'))).toBe(200);
    expect(await status(url, 'DELETE')).toBe(405);
    expect(await status(url.replace('/media', '/thumbnail'))).toBe(401);
    expect(await status(url.replace('/clips/C1', '/clips/%431'))).toBe(401);
    expect(await status(url.replace(/sig=./, 'sig=_'))).toBe(401);
    expect(await status(url.replace(/exp=\d/, 'exp=9'))).toBe(401);
    expect(await status(`/api/clips${url.slice(url.indexOf('?'))}`)).toBe(401);
    nowMs += 5 * 3_600_000;
    expect(await codeOf(await fetch(base + url))).toEqual([401, 'unauthorized']);
  });

  it('[R9] turns errors into their status, and unexpected ones into 500 without details', async () => {
    const thrown: [Error, number, string][] = [
      [new Refused('unavailable', 'the database is away', { retryable: true }), 503, 'unavailable'],
      [new Refused('quota', 'no hours left'), 429, 'quota'],
      [new MediaError('unsupported', 'no codec for hevc here'), 422, 'media'],
      [new Error('password is hunter2'), 500, 'internal'],
      [Object.assign(new Error('hunter2 has gone'), { code: 'ECONNRESET' }), 503, 'unavailable'],
    ];
    for (const [error, status, code] of thrown) {
      sessions.view = () => Promise.reject(error);
      const reply = await call('/api/sessions/S1');
      expect(reply.headers.get('retry-after')).toBe(status !== 503 ? null : error instanceof Refused ? '1' : '2');
      const text = await reply.text();
      expect([reply.status, failure.parse(JSON.parse(text)).error.code]).toEqual([status, code]);
      expect(text).not.toContain('hunter2');
      sessions.clipMedia = () => Promise.resolve(countedMedia(10, { read: () => Promise.reject(error) }));
      const refused = await call('/api/clips/C1/media', { headers: { origin: 'https://studio.test' } });
      expect([...(await codeOf(refused)), refused.headers.get('access-control-allow-origin')]).toEqual([status, code, status === 500 ? null : 'https://studio.test']);
    }
    sessions.view = () => { throw new Error('thrown before a promise'); };
    expect(await codeOf(await call('/api/sessions/S1'))).toEqual([500, 'internal']);
    expect(log.lines.filter(({ level }) => level === 'error').length).toBeGreaterThanOrEqual(2);
  });

  it('[R10] gives transcripts as subtitles', async () => {
    const vtt = await call('/api/sessions/S1/transcript.vtt');
    expect([vtt.headers.get('content-type'), await vtt.text()]).toEqual(['text/vtt; charset=utf-8', 'WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nno way!\n']);
    const srt = await call('/api/sessions/S1/transcript.srt?download=1');
    expect([srt.headers.get('content-disposition'), await srt.text()]).toEqual(['attachment; filename="S1.srt"', '1\n00:00:01,000 --> 00:00:02,000\nno way!\n']);
  });

  it('[R11] says whether it lives and is ready, without details', async () => {
    expect(await (await fetch(`${base}/livez?x=1`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${base}/readyz`)).json()).toEqual({ status: 'ok', checks: [{ name: 'database', ok: true }, { name: 'disk', ok: true }] });
    failing = 'database';
    nowMs += 2_000;
    const reply = await fetch(`${base}/readyz`);
    failing = '';
    expect([reply.status, await reply.json()]).toEqual([503, { status: 'failing', checks: [{ name: 'database', ok: false }, { name: 'disk', ok: true }] }]);
    expect(JSON.stringify(log.lines)).toContain('hunter2');
  });

  it('[R12] shows metrics to this machine and to the admin only', async () => {
    const get = async (headers: Record<string, string>): Promise<number> => {
      const raw = await rawExchange(port, `GET /metrics HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
      return raw.status;
    };
    expect(await get({ host: `localhost:${port}` })).toBe(200);
    expect(await get({ host: 'clips.example' })).toBe(401);
    expect(await get({ host: 'localhost', 'x-forwarded-for': '203.0.113.9' })).toBe(401);
    expect(await get({ host: 'clips.example', ...ADMIN })).toBe(200);
    const text = await (await call('/metrics')).text();
    expect(text).toMatch(/clippy_http_request_seconds_count\{route="\/api\/clips\/:id\/media",method="GET",status="206"\} [1-9]/);
    expect(text).toContain('clippy_nodejs_eventloop_lag_seconds');
  });

  it('[R13] serves the dashboard: types, caching, security headers, its own routes', async () => {
    const page = await fetch(`${base}/`);
    expect([page.status, page.headers.get('content-type'), page.headers.get('cache-control')]).toEqual([200, 'text/html; charset=utf-8', 'no-cache']);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await (await fetch(`${base}/sessions/S1`)).text()).toBe(await page.text());
    const script = await fetch(`${base}/assets/app-1A2B3C4D.js`);
    expect([script.headers.get('content-type'), script.headers.get('cache-control'), await script.text()]).toEqual(['text/javascript; charset=utf-8', 'public, max-age=31536000, immutable', 'export {};']);
    expect((await fetch(`${base}/assets/app-1A2B3C4D.js`, { headers: { 'if-none-match': script.headers.get('etag') ?? '' } })).status).toBe(304);
    expect((await fetch(`${base}/assets/none.js`)).status).toBe(404);
  });

  it('[R13] serves nothing outside the folder', async () => {
    const paths = ['/../outside.txt', '/..%2foutside.txt', '/%2e%2e/outside.txt', '/assets/../../outside.txt', '/assets/..%5c..%5coutside.txt', '//etc/passwd', '/%2fetc/passwd', '/.env', '/link.txt', '/assets/%00.js', '/index.html%00.js', '/%zz', `/${'a/'.repeat(3_000)}x.js`, '/x%0d%0aset-cookie:a.js'];
    for (const path of paths) {
      const raw = await rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect([path, [400, 404].includes(raw.status)]).toEqual([path, true]);
      expect(raw.body).not.toMatch(/outside$|secret|root:/);
    }
  });

  it('[R14] describes itself in OpenAPI, path for path', async () => {
    const doc = z.object({ openapi: z.string(), paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string(), parameters: z.array(z.object({ name: z.string(), in: z.string(), required: z.boolean(), schema: z.looseObject({}) })) }))) }).parse(await (await fetch(`${base}/api/openapi.json`)).json());
    const listed = Object.entries(doc.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    expect(listed.toSorted()).toEqual(ROUTES.map((row) => `${row.method} ${row.path.replaceAll(/:(\w+)/g, '{$1}')}`).toSorted());
    const ids = Object.values(doc.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
    expect(new Set(ids).size).toBe(ids.length);
    const limit = doc.paths['/api/clips']?.['get']?.parameters.find(({ name }) => name === 'limit');
    expect(limit).toMatchObject({ in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } });
  });
});
