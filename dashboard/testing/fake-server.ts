// A server for the browser test: serves the built page under a strict content policy, speaks the protocol over a real
// WebSocket, answers the API, and notes every request it gets. Media are files with Range, as players need.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import type { AddressInfo } from 'node:net';
import { lookup } from 'mrmime';
import { WebSocketServer, type WebSocket } from 'ws';
import { decodeClientFrame, encodeFrame } from '../../shared/codec.ts';
import type { Clip, Device, Page, SessionEvent, SessionView, SystemView } from '../../shared/model.ts';
import { CLOSE_UNAUTHORIZED, PROTOCOL_VERSION, SUB_PROTOCOL, type Topic } from '../../shared/protocol.ts';

/** Stricter than what a deployment may choose: nothing inline, nothing evaluated, nothing from elsewhere. */
const CONTENT_POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'none'";
export const TOKEN = 'test-token';

export type FakeServer = {
  url: string;
  requests: string[];
  /** what the next viewers get; `emit` does not change it */
  system: SystemView;
  views: Map<string, SessionView>;
  clips: Map<string, Clip>;
  devices: Device[];
  pages: Page[];
  /** how long the next pairing code is valid */
  codeMs: number;
  /** file behind a media path (without query); a path that is not in it answers 403, as an expired signature does */
  media: Map<string, string>;
  emit(topic: Topic, event: SessionEvent): void;
  /** drops every connection and refuses new ones until the other call */
  cut(down: boolean): void;
  close(): Promise<void>;
};

const sendFile = (request: IncomingMessage, response: ServerResponse, file: string): void => {
  const size = statSync(file).size;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  response.writeHead(range ? 206 : 200, {
    'content-type': lookup(file) ?? 'application/octet-stream', 'accept-ranges': 'bytes', 'content-length': end - start + 1, 'cache-control': 'no-store',
    ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
  });
  createReadStream(file, { start, end }).on('error', () => response.destroy()).pipe(response);
};

const sendJson = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

export const startFakeServer = async (pageDir: string): Promise<FakeServer> => {
  const watchers = new Map<WebSocket, Set<Topic>>();
  let down = false;

  const api = async (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return sendJson(response, { error: { code: 'unauthorized', message: 'wrong token' } }, 401);
    let body = '';
    for await (const part of request) body += String(part);
    fake.requests.push(`${request.method} ${path}${body ? ` ${body}` : ''}`);
    if (path === '/api/media-url') {
      const wanted = String(Object.entries(JSON.parse(body) as object).find(([key]) => key === 'path')?.[1] ?? '');
      return sendJson(response, { url: `${wanted}${wanted.includes('?') ? '&' : '?'}sig=x` });
    }
    if (path === '/api/pairing-codes') return sendJson(response, { code: 'ACDE-FGHJ', expiresAt: Date.now() + fake.codeMs });
    if (path.endsWith('/pages')) return sendJson(response, fake.pages);
    if (path === '/api/devices') return sendJson(response, { devices: fake.devices });
    if (path.startsWith('/api/devices/')) fake.devices = fake.devices.filter(({ id }) => !path.endsWith(`/${id}`));
    const clip = /^\/api\/clips\/([^/]+)$/.exec(path);
    if (clip && request.method === 'GET') {
      const found = fake.clips.get(clip[1] ?? '');
      return found ? sendJson(response, found) : sendJson(response, { error: { code: 'not_found', message: 'no such clip' } }, 404);
    }
    sendJson(response, { done: true });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://test');
    const media = fake.media.get(url.pathname);
    if (media) {
      fake.requests.push(`MEDIA ${url.pathname}${url.search}`);
      return sendFile(request, response, media);
    }
    if (/\/(media|thumbnail|recording)$/.test(url.pathname)) return sendJson(response, { error: { code: 'forbidden', message: 'expired' } }, 403);
    if (url.pathname.startsWith('/api/')) return api(request, response, url.pathname);
    const file = join(pageDir, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
    if (!file.startsWith(pageDir) || !existsSync(file)) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': lookup(file) ?? 'application/octet-stream', 'content-security-policy': CONTENT_POLICY, 'x-content-type-options': 'nosniff' }).end(await readFile(file));
  };

  const http = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUB_PROTOCOL });
  http.on('upgrade', (request, socket, head) => {
    if (down || request.url !== '/ws') return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => greet(ws));
  });

  const greet = (ws: WebSocket): void => {
    const topics = new Set<Topic>();
    watchers.set(ws, topics);
    ws.on('close', () => watchers.delete(ws));
    ws.on('message', (data: Buffer) => {
      const frame = decodeClientFrame(new Uint8Array(data), { maxChunkBytes: 1024 });
      if (frame.t === 'hello') {
        if (frame.token !== TOKEN) return ws.close(CLOSE_UNAUTHORIZED, 'wrong token');
        ws.send(encodeFrame({ t: 'welcome', version: PROTOCOL_VERSION, user: 'admin', limits: { maxChunkBytes: 1024, credits: { chunks: 0, bytes: 0 } }, serverAt: Date.now() }));
      } else if (frame.t === 'watch') {
        topics.add(frame.topic);
        const state = frame.topic === 'system' ? fake.system : fake.views.get(frame.topic.slice('session:'.length));
        if (state) ws.send(encodeFrame({ t: 'state', topic: frame.topic, state }));
        else ws.send(encodeFrame({ t: 'error', code: 'unknown_session', message: `no session ${frame.topic}`, retryable: false, session: frame.topic.slice('session:'.length) }));
      } else if (frame.t === 'unwatch') topics.delete(frame.topic);
      else if (frame.t === 'ping') ws.send(encodeFrame({ t: 'pong', id: frame.id }));
    });
  };

  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const fake: FakeServer = {
    url: `http://127.0.0.1:${port}`, requests: [], system: { sessions: [], providers: [] }, views: new Map(), clips: new Map(), devices: [], pages: [], codeMs: 600_000, media: new Map(),
    emit: (topic, event) => {
      for (const [ws, topics] of watchers) if (topics.has(topic)) ws.send(encodeFrame({ t: 'event', topic, event }));
    },
    cut: (nowDown) => {
      down = nowDown;
      if (nowDown) for (const ws of watchers.keys()) ws.terminate();
    },
    close: async () => {
      for (const ws of watchers.keys()) ws.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return fake;
};
