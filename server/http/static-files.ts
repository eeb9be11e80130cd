// The dashboard's files from one folder. Nothing outside it, no dot files, no listing.
import { open, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { lookup } from 'mrmime';
import { Refused, codeOf } from '../errors.ts';
import type { MediaBody } from '../ports.ts';
import type { Reply, Request } from '../transport/transport.ts';
import { rangeReply, SECURE } from './respond.ts';

/** Nothing inline: Lit adopts style sheets, uPlot sets properties. Media and API come from the same origin. */
const CSP = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "media-src 'self' blob:",
  "connect-src 'self'", "font-src 'self'", "manifest-src 'self'", "worker-src 'self' blob:", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join('; ');

/** esbuild's `[name]-[hash]` */
const HASHED = /-[A-Z0-9]{8}\.[a-z0-9]+(\.map)?$/;

export const createStaticFiles = (folder: string): ((request: Request) => Promise<Reply>) => {
  const serve = async (request: Request, name: string): Promise<Reply | null> => {
    const file = await openFile(folder, name);
    if (file === null) return null;
    const mime = lookup(name) ?? 'application/octet-stream';
    return rangeReply(request, file, {
      ...SECURE,
      'content-type': /^text\/|javascript|json$/.test(mime) ? `${mime}; charset=utf-8` : mime,
      'cache-control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'content-security-policy': CSP,
    });
  };

  return async (request) => {
    const name = nameOf(request.path);
    const found = name === '' ? null : await serve(request, name);
    // a path of the dashboard's own router: its page finds out what to show
    const reply = found ?? (name === '' || extname(name) === '' ? await serve(request, 'index.html') : null);
    if (reply) return reply;
    if (name === '') throw new Refused('not_found', `the dashboard is not built: run "npm run build" (looked for index.html in ${folder})`);
    throw new Refused('not_found', `there is no ${request.path} here`);
  };
};

/** Path inside the folder, '' for its root. Throws `Refused` for one that leads elsewhere. */
const nameOf = (path: string): string => {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (cause) {
    throw new Refused('bad_request', `${path} is not a percent-encoded path`, { cause });
  }
  const parts = decoded.split('/').slice(1);
  const last = parts.at(-1) === '' ? parts.slice(0, -1) : parts;
  if (/[\p{Cc}\\]/u.test(decoded) || last.some((part) => part === '' || part.startsWith('.'))) throw new Refused('not_found', `there is no ${path} here`);
  return last.join('/');
};

const openFile = async (folder: string, name: string): Promise<MediaBody | null> => {
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, name));
    if (!path.startsWith(root + sep)) return null;
    const handle = await open(path, 'r');
    const stat = await handle.stat().catch(() => null);
    if (!stat?.isFile()) {
      await handle.close();
      return null;
    }
    return {
      bytes: stat.size,
      mime: '',
      etag: `"${stat.size.toString(36)}-${Math.round(stat.mtimeMs).toString(36)}"`,
      name,
      immutable: false,
      read: async (start, end) => {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
        return buffer.subarray(0, bytesRead);
      },
      close: () => void handle.close().catch(() => undefined), // read-only: nothing can be lost
    };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES'].includes(codeOf(error))) return null;
    throw error;
  }
};
