// The contract both engines keep (rules E). Longer than a usual file: one list of promises, read as one.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageOf } from '../errors.ts';
import { countedMedia, patternBytes, type CountedMedia } from '../testing/media-body.ts';
import { memoryLog } from '../testing/memory-log.ts';
import { rawConnection, rawExchange, type RawReply } from '../testing/raw-http.ts';
import { createTransport } from './create-transport.ts';
import { isMedia } from './exchange.ts';
import { hostileSuite } from './hostile.contract.ts';
import { SLICE_BYTES, type Handle, type Reply, type Socket, type SocketHandlers, type Transport, type TransportLimits } from './transport.ts';

const LIMITS: TransportLimits = { maxFrameBytes: 1024 * 1024, maxBackpressureBytes: 4 * 1024 * 1024, idleTimeoutS: 8, maxBodyBytes: 64 * 1024 };
const MEDIA_BYTES = 3 * 1024 * 1024 + 17;
/** more than the buffers of two kernels and a client hold */
const LONG_BYTES = 96 * 1024 * 1024;
const LONG_SLICE = patternBytes(0, SLICE_BYTES);

type Seen = { socket: Socket; messages: { bytes: Uint8Array; binary: boolean }[]; drains: number; closes: number[]; closed: Promise<number> };

/** Keeps what the engine told it; a client chooses the behaviour by the path it connects to. */
const recorder = (): { handlers: SocketHandlers; next(): Promise<Seen>; seen: Map<number, Seen> } => {
  const seen = new Map<number, Seen>();
  const waiting: ((seen: Seen) => void)[] = [];
  const resolvers = new Map<number, (code: number) => void>();
  let path = '';
  const entry = (socket: Socket): Seen => {
    const found = seen.get(socket.id);
    if (!found) throw new Error(`socket ${socket.id} was never opened`);
    return found;
  };
  const handlers: SocketHandlers = {
    upgrade: (request) => {
      path = request.path;
      if (path === '/refuse') return { accept: false, status: 403, message: `origin ${request.header('origin')} may not connect` };
      if (path === '/upgrade-throws') throw new Error('secret detail');
      return { accept: true, protocol: 'clippy.1' };
    },
    open: (socket) => {
      const { promise: closed, resolve } = Promise.withResolvers<number>();
      resolvers.set(socket.id, resolve);
      const made: Seen = { socket, messages: [], drains: 0, closes: [], closed };
      seen.set(socket.id, made);
      waiting.shift()?.(made);
      if (path === '/open-throws') throw new Error('secret detail');
    },
    message: (socket, bytes, binary) => {
      entry(socket).messages.push({ bytes: bytes.slice(), binary });
      if (Buffer.from(bytes).toString() === 'throw') throw new Error('secret detail');
      if (Buffer.from(bytes).toString() === 'close') return socket.close(4400, 'é'.repeat(200));
      socket.send(bytes.slice());
    },
    drain: (socket) => {
      entry(socket).drains++;
    },
    close: (socket, code) => {
      entry(socket).closes.push(code);
      resolvers.get(socket.id)?.(code);
    },
  };
  return { handlers, seen, next: () => new Promise((resolve) => waiting.push(resolve)) };
};

const echo = async (ws: WebSocket, sent: Uint8Array | string): Promise<Buffer> => {
  const heard = once(ws, 'message');
  ws.send(sent);
  const [data] = await heard;
  return data;
};

/** A restart on a fixed port is what users do; port 0 sets other socket options. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

const upgrade = (port: number, path: string, version: number): Promise<RawReply> =>
  rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: ${version}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);

const text = (body: string): Reply => ({ status: 200, headers: { 'content-type': 'text/plain' }, body, head: false });

/** `missing` says why an engine cannot run on this machine; its tests are then skipped under that name. */
export const transportContract = (kind: 'uws' | 'portable', missing = ''): void => {
  describe.skipIf(missing !== '')(`the ${kind} engine${missing && `: ${missing}`}`, () => {
    const log = memoryLog();
    const sockets = recorder();
    const served: CountedMedia[] = [];
    const aborted: string[] = [];
    const clients: WebSocket[] = [];
    let transport: Transport;
    let port = 0;
    let base = '';

    const media = (made: CountedMedia, head: boolean, start = 0): Reply => {
      served.push(made);
      return { status: 200, headers: { 'content-type': made.mime }, body: { media: made, start, end: made.bytes }, head };
    };

    const handle: Handle = async (request, signal) => {
      const head = request.method === 'HEAD';
      switch (request.path) {
        case '/media': return media(countedMedia(MEDIA_BYTES), head);
        case '/media-tail': return media(countedMedia(MEDIA_BYTES), head, MEDIA_BYTES - 10);
        case '/media-empty': return media(countedMedia(0), head);
        case '/media-long': return media(countedMedia(LONG_BYTES, { read: (start, end) => Promise.resolve(LONG_SLICE.subarray(0, end - start)) }), head);
        case '/media-endless': return media(countedMedia(4 * 1024 ** 3), head);
        case '/media-fails': return media(countedMedia(MEDIA_BYTES, { read: () => Promise.reject(new Error('secret detail')) }), head);
        case '/media-refused': {
          const reply = media(countedMedia(MEDIA_BYTES, { read: () => Promise.reject(new Error('damaged')) }), head);
          const refusal = (error: unknown): Reply => ({ status: 503, headers: { 'retry-after': '1' }, body: `it is ${messageOf(error)}`, head: false });
          return isMedia(reply.body) ? { ...reply, body: { ...reply.body, refusal } } : reply;
        }
        case '/media-short': return media(countedMedia(MEDIA_BYTES, { read: (start, end) => Promise.resolve(start === 0 ? patternBytes(start, end) : new Uint8Array(0)) }), head);
        case '/body': return { ...text(''), body: await request.body(1024 * 1024, signal) };
        case '/small-body': return { ...text(''), body: await request.body(10, signal) };
        case '/ignore-body': return text('ignored');
        case '/nothing': return { status: 204, headers: {}, body: null, head };
        case '/unchanged': return { status: 304, headers: { etag: '"a"' }, body: null, head };
        case '/header': return { ...text('ok'), headers: { 'x-name': 'a\r\nset-cookie: b=1\u0000é' } };
        case '/throw-await': await Promise.resolve(); throw new Error('secret detail');
        case '/deaf': return new Promise(() => undefined);
        case '/never':
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted.push('never');
              reject(signal.reason as Error);
            });
          });
        default:
          return { ...text(JSON.stringify({ method: request.method, path: request.path, q: request.query.getAll('q'), x: request.header('X-Thing'), none: request.header('x-none'), remote: request.remote })), head };
      }
    };
    /** throws before its promise exists, as a handler that is not async may */
    const throwing: Handle = (request, signal) => {
      if (request.path === '/throw-now') throw new Error('secret detail');
      return handle(request, signal);
    };

    const client = async (path = '/ws', protocols: string[] = ['clippy.1']): Promise<{ ws: WebSocket; seen: Seen }> => {
      const opened = sockets.next();
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { perMessageDeflate: true });
      clients.push(ws);
      await once(ws, 'open');
      return { ws, seen: await opened };
    };
    // these two wait for the engines' own time limits, so they start first and are read last
    let slowBody: Promise<{ closed: boolean; tookMs: number }>;
    let stalled: CountedMedia;
    let silent: Seen;
    let answering: { ws: WebSocket; seen: Seen };

    beforeAll(async () => {
      transport = await createTransport({ kind, handle: throwing, sockets: sockets.handlers, limits: LIMITS, log });
      port = await transport.listen('127.0.0.1', 0);
      base = `http://127.0.0.1:${port}`;
      const began = performance.now();
      slowBody = rawExchange(port, 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc', { patienceMs: 20_000 })
        .then(({ closed, status }) => ({ closed: closed || status === 408, tookMs: performance.now() - began }));
      const before = served.length;
      await rawConnection(port, 'GET /media-endless HTTP/1.1\r\nHost: a\r\n\r\n');
      while (!served[before]) await fetch(`${base}/turn`);
      stalled = served[before];
      const opened = sockets.next();
      await rawConnection(port, 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
      silent = await opened;
      answering = await client();
    });
    afterAll(async () => {
      clients.forEach((ws) => ws.terminate());
      await transport.close();
    });

    it('names itself', () => expect(transport.name).toBe(kind === 'uws' ? 'uWebSockets.js' : 'portable'));

    it('[N1] hands over method, path, query, headers and the peer', async () => {
      const reply = await fetch(`${base}/a%20b/c?q=1&q=%C3%A9`, { method: 'DELETE', headers: { 'x-thing': 'yes' } });
      expect(reply.status).toBe(200);
      expect(await reply.json()).toEqual({ method: 'DELETE', path: '/a%20b/c', q: ['1', 'é'], x: 'yes', none: '', remote: '127.0.0.1' });
    });

    it('[N1] joins repeated headers', async () => {
      const { body } = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Thing: 1\r\nX-Thing: 2\r\n\r\n');
      expect(JSON.parse(body)).toMatchObject({ x: '1, 2' });
    });

    it('[N1] answers HEAD with the headers of GET and no body', async () => {
      const reply = await fetch(`${base}/turn`, { method: 'HEAD' });
      const whole = await fetch(`${base}/turn`);
      expect(Number(reply.headers.get('content-length'))).toBe((await whole.text()).replace('GET', 'HEAD').length);
      const raw = await rawExchange(port, 'HEAD /media HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', { end: true });
      expect(raw.head.toLowerCase()).toContain(`content-length: ${MEDIA_BYTES}`);
      expect(raw.body).toBe('');
    });

    it('[N1] answers 204 and 304 without a body', async () => {
      for (const [path, status] of [['/nothing', 204], ['/unchanged', 304]] as const) {
        const raw = await rawExchange(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, { end: true });
        expect(raw.status).toBe(status);
        expect(raw.head).not.toMatch(/content-length: [1-9]/i);
      }
    });

    it('[N2] echoes binary frames from 0 bytes to the limit, without compression', async () => {
      const { ws, seen } = await client();
      expect(ws.protocol).toBe('clippy.1');
      expect(ws.extensions).toBe('');
      for (const bytes of [0, 1, 125, 126, 65_535, 65_536, 300_000, LIMITS.maxFrameBytes]) {
        const sent = patternBytes(7, 7 + bytes);
        expect(Buffer.compare(await echo(ws, sent), sent)).toBe(0);
      }
      expect(seen.messages.every(({ binary }) => binary)).toBe(true);
    });

    it('[N2] joins fragmented messages and tells text from binary', async () => {
      const { ws, seen } = await client();
      const heard = once(ws, 'message');
      ws.send('ab', { fin: false, binary: true });
      ws.send('cd', { fin: true });
      expect(String((await heard)[0])).toBe('abcd');
      await echo(ws, 'text');
      expect(seen.messages.map(({ bytes, binary }) => [String(Buffer.from(bytes)), binary])).toEqual([['abcd', true], ['text', false]]);
    });

    it('[N2] offers no sub-protocol to a client that asked for none', async () => {
      const { ws } = await client('/ws', []);
      expect(ws.protocol).toBe('');
    });

    it('[N3] refuses an upgrade with its status and opens nothing', async () => {
      const before = sockets.seen.size;
      const refused = await upgrade(port, '/refuse', 13);
      expect(refused.status).toBe(403);
      expect(JSON.parse(refused.body)).toEqual({ error: { code: 'forbidden', message: 'origin http://evil.test may not connect' } });
      const old = await upgrade(port, '/ws', 8);
      expect(old.status).toBe(426);
      expect(old.head.toLowerCase()).toContain('sec-websocket-version: 13');
      const broken = await upgrade(port, '/upgrade-throws', 13);
      expect(broken.status).toBe(500);
      expect(broken.body).not.toContain('secret');
      expect(sockets.seen.size).toBe(before);
    });

    it('[N3] answers a request that offers h2c as plain HTTP', async () => {
      const raw = await rawExchange(port, 'GET /turn HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n');
      expect(raw.status).toBe(200);
    });

    it('[N4] ends the connection of an oversize frame, and only that', async () => {
      const other = await client();
      const { ws, seen } = await client();
      const left = once(ws, 'close');
      ws.send(new Uint8Array(LIMITS.maxFrameBytes + 1));
      ws.on('error', () => undefined);
      const [code] = await left;
      expect([1006, 1009]).toContain(code);
      expect([1006, 1009]).toContain(await seen.closed);
      expect(seen.messages).toEqual([]);
      expect(String(await echo(other.ws, 'still here'))).toBe('still here');
    });

    it('[N5] says queued, then dropped, to a reader that stalls, and drains once it reads', async () => {
      const { ws, seen } = await client();
      ws.pause();
      const frame = patternBytes(0, 512 * 1024);
      const results: string[] = [];
      while (results.at(-1) !== 'dropped') results.push(seen.socket.send(frame));
      expect(results[0]).toBe('sent');
      expect(results).toContain('queued');
      expect(seen.socket.bufferedBytes()).toBeGreaterThan(LIMITS.maxBackpressureBytes);
      expect(seen.socket.bufferedBytes()).toBeLessThan(LIMITS.maxBackpressureBytes + 2 * frame.length);
      expect(seen.drains).toBe(0);
      let received = 0;
      const taken = results.length - 1;
      const all = new Promise<void>((resolve) => {
        ws.on('message', (data: Buffer) => {
          expect(data.length).toBe(frame.length);
          if (++received === taken) resolve();
        });
      });
      ws.resume();
      await all;
      ws.removeAllListeners('message');
      expect(String(await echo(ws, 'after'))).toBe('after');
      expect(seen.drains).toBe(1);
      expect(seen.socket.bufferedBytes()).toBe(0);
      expect(seen.socket.send(frame)).toBe('sent');
    });

    it('[N6] carries close codes both ways, once, and cuts long reasons', async () => {
      const first = await client();
      first.ws.close(4001, 'bye');
      expect(await first.seen.closed).toBe(4001);
      expect(first.seen.socket.send(new Uint8Array(1))).toBe('dropped');
      expect(first.seen.socket.bufferedBytes()).toBe(0);
      first.seen.socket.close(4000, 'late');

      const second = await client();
      const left = once(second.ws, 'close');
      second.ws.send('close');
      const [code, reason] = await left;
      expect([code, String(reason)]).toEqual([4400, 'é'.repeat(60)]);
      expect(await second.seen.closed).toBe(4400);

      const third = await client();
      third.ws.terminate();
      expect(await third.seen.closed).toBe(1006);
      for (const { seen } of [first, second, third]) expect(seen.closes).toHaveLength(1);
    });

    it('[N7] closes a socket whose handler throws with 1011', async () => {
      const { ws, seen } = await client();
      const left = once(ws, 'close');
      ws.send('throw');
      expect((await left)[0]).toBe(1011);
      expect(await seen.closed).toBe(1011);
      const opened = sockets.next();
      const second = new WebSocket(`ws://127.0.0.1:${port}/open-throws`, 'clippy.1');
      expect((await once(second, 'close'))[0]).toBe(1011);
      expect((await opened).closes).toEqual([1011]);
      expect(log.lines.filter(({ message }) => message.includes('handler threw')).length).toBeGreaterThanOrEqual(2);
    });

    it('[N7] answers a handler that throws with 500 and no details', async () => {
      for (const path of ['/throw-now', '/throw-await', '/media-fails']) {
        const reply = await fetch(base + path);
        expect(reply.status).toBe(500);
        const body = await reply.text();
        expect(JSON.parse(body)).toMatchObject({ error: { code: 'internal' } });
        expect(body).not.toContain('secret');
      }
    });

    it('[N7] answers as its handler says where the first read of its media throws', async () => {
      const reply = await fetch(`${base}/media-refused`);
      expect([reply.status, reply.headers.get('retry-after'), await reply.text()]).toEqual([503, '1', 'it is damaged']);
      await served.at(-1)?.closed;
      expect(served.at(-1)?.closes).toBe(1);
    });

    it('[N8] streams media whole, by slices, and closes it once', async () => {
      const reply = await fetch(`${base}/media`);
      const bytes = new Uint8Array(await reply.arrayBuffer());
      expect(Buffer.compare(bytes, patternBytes(0, MEDIA_BYTES))).toBe(0);
      const tail = await fetch(`${base}/media-tail`);
      expect(new Uint8Array(await tail.arrayBuffer())).toEqual(patternBytes(MEDIA_BYTES - 10, MEDIA_BYTES));
      const empty = await fetch(`${base}/media-empty`);
      expect([empty.status, await empty.text()]).toEqual([200, '']);
      for (const made of served.slice(-3)) {
        await made.closed;
        expect(made.closes).toBe(1);
        expect(made.largestRead).toBeLessThanOrEqual(SLICE_BYTES);
      }
    });

    it('[N8] streams through stall after stall when reads answer at once', async () => {
      const reply = await fetch(`${base}/media-long`);
      let received = 0;
      for await (const chunk of reply.body ?? []) received += chunk.length;
      expect(received).toBe(LONG_BYTES);
      await served.at(-1)?.closed;
      expect(served.at(-1)?.closes).toBe(1);
    });

    it('[N8] breaks the transfer off when media ends before its length, and closes it once', async () => {
      await expect(fetch(`${base}/media-short`).then((reply) => reply.arrayBuffer())).rejects.toThrow('terminated');
      const made = served.at(-1);
      await made?.closed;
      expect(made?.closes).toBe(1);
    });

    it('[N8] stops reading and closes media once when clients leave', async () => {
      const before = served.length;
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const abort = new AbortController();
          const reply = await fetch(`${base}/media-endless`, { signal: abort.signal });
          const reader = reply.body?.getReader();
          for (let i = 0; i < index % 5; i++) await reader?.read();
          abort.abort();
          await reader?.cancel().catch(() => undefined);
        }),
      );
      const left = served.slice(before);
      await Promise.all(left.map((made) => made.closed));
      expect(left).toHaveLength(30);
      for (const made of left) expect(made.closes).toBe(1);
    });

    it('[N8] tells the handler when its client leaves', async () => {
      const abort = new AbortController();
      const pending = fetch(`${base}/never`, { signal: abort.signal });
      const raw = await rawConnection(port, 'GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
      await fetch(`${base}/turn`);
      abort.abort();
      raw.destroy();
      await expect(pending).rejects.toThrow('abort');
      while (aborted.length < 2) await fetch(`${base}/turn`);
    });

    it('[N9] hands over bodies up to the limit, declared or chunked', async () => {
      for (const bytes of [0, 1, 40_000, LIMITS.maxBodyBytes]) {
        const sent = patternBytes(3, 3 + bytes);
        const reply = await fetch(`${base}/body`, { method: 'POST', body: sent });
        expect(Buffer.compare(new Uint8Array(await reply.arrayBuffer()), sent)).toBe(0);
      }
      const chunked = await rawExchange(port, 'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
      expect(chunked.body).toBe('abcde');
      const pieces = await rawConnection(port, 'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
      await fetch(`${base}/turn`);
      pieces.write('def');
      const [heard] = await once(pieces.resume(), 'data');
      expect(String(heard)).toMatch(/abcdef$/);
      pieces.destroy();
    });

    it('[N9] refuses a body over the limit and serves on', async () => {
      const refusals = log.lines.length;
      for (const path of ['/body', '/small-body']) {
        for (const body of [patternBytes(0, 200_000), patternBytes(0, 5_000_000)]) {
          const reply = await fetch(base + path, { method: 'POST', body });
          expect(reply.status).toBe(500); // this handler does not turn `Refused` into 413; http/ does
        }
      }
      expect(log.lines.slice(refusals).map(({ fields }) => String('err' in fields ? fields.err : ''))).toEqual(Array(4).fill(expect.stringContaining('Refused: the request body has')));
      const lying = await rawExchange(port, 'POST /small-body HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n');
      expect(lying.status).toBe(500);
      const endless = await rawExchange(port, `POST /small-body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'ff\r\n' + 'x'.repeat(255) + '\r\n'}`);
      expect(endless.status).toBe(500);
      const ignored = await fetch(`${base}/ignore-body`, { method: 'POST', body: patternBytes(0, 100_000) });
      expect(await ignored.text()).toBe('ignored');
    });

    it('[N10] refuses malformed requests and serves on', async () => {
      const refused = [
        'NONSENSE\r\n\r\n',
        'GET\r\n\r\n',
        'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
        'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n',
        'GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nBroken Header: 1\r\n\r\n',
        `GET / HTTP/1.1\r\nHost: a\r\nX-Big: ${'x'.repeat(100_000)}\r\n\r\n`,
        `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
        '\u0000\u0001\u0002\r\n\r\n',
        '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'.padEnd(200, 'k'), // a TLS hello
      ];
      const accepted: string[] = [];
      for (const request of refused) {
        const { closed, status } = await rawExchange(port, request, { end: true });
        if (!closed || (status > 0 && status < 400)) accepted.push(`${status} ${JSON.stringify(request.slice(0, 80))}`);
      }
      expect(accepted).toEqual([]);
      expect((await fetch(`${base}/turn`)).status).toBe(200);
    });

    it('[N10] takes heads of 8 KB, which uWebSockets.js would refuse by default', async () => {
      const reply = await fetch(`${base}/turn`, { headers: { 'x-thing': 'y'.repeat(8_000) } });
      expect(await reply.json()).toMatchObject({ x: 'y'.repeat(8_000) });
    });

    it('[N10] keeps line breaks out of header values', async () => {
      const reply = await fetch(`${base}/header`);
      expect(reply.headers.get('x-name')).toBe('a??set-cookie: b=1??');
      expect(reply.headers.get('set-cookie')).toBeNull();
    });

    hostileSuite(() => ({ port, served }));

    it('[N11] says which port it could not have', async () => {
      const second = await createTransport({ kind, handle, sockets: sockets.handlers, limits: LIMITS, log });
      await expect(second.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
      await second.close();
    });

    it('[N12] cuts a body that never comes and a reader that stalls', async () => {
      const { closed, tookMs } = await slowBody;
      expect(closed).toBe(true);
      expect(tookMs).toBeLessThan(16_000);
      await stalled.closed;
      expect(stalled.closes).toBe(1);
      expect(stalled.reads).toBeLessThan(64); // what kernel buffers hold, not 4 GB
    });

    it('[N12] closes a WebSocket that answers no ping, and keeps one that does', async () => {
      expect(await silent.closed).toBe(1006);
      expect(answering.seen.closes).toEqual([]);
      expect(String(await echo(answering.ws, 'still here'))).toBe('still here');
    });

    it('[N13] closes: sockets with 1001, exchanges under way cut, the port free again', async () => {
      const own = await createTransport({ kind, handle, sockets: sockets.handlers, limits: LIMITS, log });
      const ownPort = await own.listen('127.0.0.1', await freePort());
      const opened = sockets.next();
      const ws = new WebSocket(`ws://127.0.0.1:${ownPort}/ws`, 'clippy.1');
      const seen = await opened;
      await once(ws, 'open');
      const left = once(ws, 'close');
      const pending = fetch(`http://127.0.0.1:${ownPort}/never`).then((reply) => reply.status, () => 0);
      const deaf = fetch(`http://127.0.0.1:${ownPort}/deaf`).then((reply) => reply.status, () => 0); // its handler ignores the abort
      const idle = await rawConnection(ownPort, 'GET /turn HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(idle.resume(), 'data');
      const idleLeft = once(idle, 'close');
      await own.close();
      expect((await left)[0]).toBe(1001);
      expect(seen.closes).toEqual([1001]);
      expect([0, 500]).toContain(await pending);
      expect(await deaf).toBe(0);
      await idleLeft;
      const again = await createTransport({ kind, handle, sockets: sockets.handlers, limits: LIMITS, log });
      expect(await again.listen('127.0.0.1', ownPort)).toBe(ownPort);
      await again.close();
    });
  });
};
