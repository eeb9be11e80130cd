// A small S3 server over a folder, which fails on demand: the part of the protocol a client needs that puts, reads, lists and
// deletes. It checks Content-MD5 as real stores do, and no signatures. Keys become file names, so tests may damage what is stored.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export type StoreFault =
  | { mode: 'status'; status: number; code: string }
  /** a page of a proxy where an answer of S3 should be */
  | { mode: 'html' }
  | { mode: 'slow'; ms: number }
  /** the connection ends before anything is done */
  | { mode: 'reset' }
  /** the connection ends half-way through the answer's body */
  | { mode: 'cut body' }
  /** done, and the answer lost */
  | { mode: 'done, then cut' }
  /** one bit of what is read is another */
  | { mode: 'wrong bytes' }
  /** fewer bytes than asked for, announced as if they were all */
  | { mode: 'short' }
  /** one bit of what is sent is another when it arrives */
  | { mode: 'damaged upload' };

export type S3Server = {
  url: string;
  /** holds all objects as files */
  dir: string;
  fileOf(key: string): string;
  keys(prefix: string): string[];
  /** Each request meets the fault with this probability; null ends it. */
  fail(fault: StoreFault | null, probability?: number): void;
  requests(): number;
  close(): Promise<void>;
};

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const xml = (response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${body}`);
};
const refuse = (response: ServerResponse, status: number, code: string): void => xml(response, status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();
const etagOf = (bytes: Uint8Array): string => `"${md5(bytes).toString('hex')}"`;

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** A copy with one bit changed. */
export const flipped = (bytes: Uint8Array, random: () => number): Buffer => {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
};

export const startS3Server = async ({ dir, random }: { dir: string; random: () => number }): Promise<S3Server> => {
  const objects = join(dir, 'objects');
  mkdirSync(objects, { recursive: true });
  const fileOf = (key: string): string => join(objects, encodeURIComponent(key));
  const keys = (prefix: string): string[] => readdirSync(objects).map(decodeURIComponent).filter((key) => key.startsWith(prefix)).sort();
  const uploads = new Map<string, Map<number, Buffer>>();
  let fault: StoreFault | null = null;
  let probability = 1;
  let served = 0;

  const stored = (key: string): Buffer | null => {
    try {
      return readFileSync(fileOf(key));
    } catch {
      return null;
    }
  };

  const read = (key: string, request: IncomingMessage, response: ServerResponse, met: StoreFault | null): void => {
    const whole = stored(key);
    if (whole === null) return refuse(response, 404, 'NoSuchKey');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    const end = Math.min(whole.length, to === undefined || to === '' ? whole.length : Number(to) + 1);
    if (start >= end && whole.length > 0) return refuse(response, 416, 'InvalidRange');
    let body: Buffer = whole.subarray(start, end);
    if (met?.mode === 'wrong bytes' && body.length > 0) body = flipped(body, random);
    if (met?.mode === 'short') body = body.subarray(0, Math.floor(body.length * random()));
    const headers = { 'content-length': String(body.length), etag: etagOf(whole), 'content-type': 'application/octet-stream', ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${start + body.length - 1}/${whole.length}` }) };
    response.writeHead(from === undefined ? 200 : 206, headers);
    if (request.method === 'HEAD') return void response.end();
    if (met?.mode !== 'cut body') return void response.end(body);
    response.write(body.subarray(0, body.length / 2));
    setTimeout(() => response.socket?.resetAndDestroy(), 20);
  };

  const list = (prefix: string, response: ServerResponse): void => {
    const contents = keys(prefix).map((key) => `<Contents><Key>${escape(key)}</Key><Size>${statSync(fileOf(key)).size}</Size></Contents>`);
    xml(response, 200, `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
  };

  const put = (key: string, body: Buffer, request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void => {
    const promised = request.headers['content-md5'];
    if (promised !== undefined && promised !== md5(body).toString('base64')) return refuse(response, 400, 'BadDigest');
    const upload = query.get('uploadId');
    if (upload === null) writeFileSync(fileOf(key), body);
    else if (!uploads.has(upload)) return refuse(response, 404, 'NoSuchUpload');
    else uploads.get(upload)?.set(Number(query.get('partNumber')), body);
    response.writeHead(200, { etag: etagOf(body) });
    response.end();
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://store');
    const key = decodeURIComponent(url.pathname).split('/').slice(2).join('/');
    let body = await bodyOf(request);
    served++;
    const met = fault !== null && random() < probability ? fault : null;
    if (met?.mode === 'status') return refuse(response, met.status, met.code);
    if (met?.mode === 'html') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Welcome to the proxy</body></html>');
    if (met?.mode === 'reset') return void response.socket?.resetAndDestroy();
    if (met?.mode === 'slow') await new Promise((resolve) => setTimeout(resolve, met.ms));
    if (met?.mode === 'damaged upload' && request.method === 'PUT' && body.length > 0) body = flipped(body, random);
    if (met?.mode === 'done, then cut') response.end = ((): ServerResponse => (response.socket?.resetAndDestroy(), response)) as ServerResponse['end'];
    const upload = url.searchParams.get('uploadId');
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        if (key !== '') return read(key, request, response, met);
        return request.method === 'HEAD' ? void response.writeHead(200).end() : list(url.searchParams.get('prefix') ?? '', response);
      case 'PUT':
        if (key === '') return void response.writeHead(200).end();
        return put(key, body, request, response, url.searchParams);
      case 'POST': {
        if (upload === null) {
          const id = `${uploads.size}-${served}`;
          uploads.set(id, new Map());
          return xml(response, 200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
        }
        const parts = [...(uploads.get(upload) ?? [])].toSorted(([a], [b]) => a - b).map(([, part]) => part);
        if (parts.length === 0) return refuse(response, 404, 'NoSuchUpload');
        const whole = Buffer.concat(parts);
        writeFileSync(fileOf(key), whole);
        uploads.delete(upload);
        return xml(response, 200, `<CompleteMultipartUploadResult><ETag>${etagOf(whole)}</ETag></CompleteMultipartUploadResult>`);
      }
      case 'DELETE':
        if (upload === null) rmSync(fileOf(key), { force: true });
        else uploads.delete(upload);
        return void response.writeHead(204).end();
      default:
        return refuse(response, 405, 'MethodNotAllowed');
    }
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy()); // the client has gone
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    dir: objects, fileOf, keys,
    fail: (next, chance = 1) => {
      fault = next;
      probability = chance;
    },
    requests: () => served,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
