// Replies of the API: JSON, errors, and media with ranges and conditions (RFC 9110).
import fresh from 'fresh';
import rangeParser from 'range-parser';
import { MediaError, Refused } from '../errors.ts';
import type { MediaBody } from '../ports.ts';
import type { Reply, Request } from '../transport/transport.ts';
import { attachment } from './attachment.ts';

export const SECURE = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

export const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { ...SECURE, 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  body: JSON.stringify(value),
  head: false,
});

export const textReply = (body: string, mime: string, extra: Record<string, string> = {}): Reply => ({
  status: 200,
  headers: { ...SECURE, 'content-type': mime, 'cache-control': 'no-store', ...extra },
  body,
  head: false,
});

const STATUS: Record<Refused['code'], number> = {
  bad_frame: 400, bad_request: 400, crc: 400, version: 400,
  unauthorized: 401, forbidden: 403,
  unknown_session: 404, not_found: 404,
  fenced: 409, conflict: 409, order: 409, closed: 409, words: 409,
  too_large: 413, range: 416, media: 422,
  credits: 429, quota: 429, too_many: 429,
  internal: 500, shutdown: 503, unavailable: 503,
};

/** The reply to something thrown, or null for what nobody outside may read about. */
export const refusal = (error: unknown): Reply | null => {
  if (error instanceof MediaError) return json({ error: { code: 'media', message: error.message } }, error.code === 'tool' ? 500 : 422);
  if (!(error instanceof Refused)) return null;
  const reply = json({ error: { code: error.code, message: error.message } }, STATUS[error.code]);
  if (error.code === 'unauthorized') reply.headers['www-authenticate'] = 'Bearer realm="clippy"';
  if (error.retryable) reply.headers['retry-after'] = String(error.retryAfterS ?? 1);
  return reply;
};

/** A recording's type comes from its sender: only what a browser plays, never what it would run, is passed on. */
export const safeMime = (mime: string): string =>
  /^((video|audio)\/[a-z0-9.+-]+|image\/(jpeg|png|webp))(;\s*codecs="?[\w.,\s-]*"?)?$/i.test(mime) ? mime : 'application/octet-stream';

/** Media of a session or clip. `versioned`: the URL names one version, so that its content never changes. Takes over `media`. */
export const mediaReply = (request: Request, media: MediaBody, options: { versioned: boolean; download: boolean }): Reply =>
  rangeReply(request, media, {
    ...SECURE,
    'content-type': safeMime(media.mime),
    'cache-control': media.immutable && options.versioned ? 'private, max-age=31536000, immutable' : 'private, no-cache',
    // an extension's pages show clips too; who may read them is decided by token or signature
    'cross-origin-resource-policy': 'cross-origin',
    ...(options.download ? { 'content-disposition': attachment(media.name) } : {}),
  });

/** Takes over `media`: it is closed here, or by the transport once served. */
export const rangeReply = (request: Request, media: MediaBody, fixed: Record<string, string>): Reply => {
  const headers = { ...fixed, 'accept-ranges': 'bytes', etag: media.etag };
  // without Cache-Control: no-cache is for caches between, and fetch() sends it along with every If-None-Match
  if (fresh({ 'if-none-match': request.header('if-none-match') }, { etag: media.etag })) {
    media.close();
    return { status: 304, headers, body: null, head: false };
  }
  const range = requestedRange(request, media);
  if (range === 'unsatisfiable') {
    media.close();
    const reply = json({ error: { code: 'range', message: `no byte of "${request.header('range')}" exists: there are ${media.bytes}` } }, 416);
    return { ...reply, headers: { ...reply.headers, 'content-range': `bytes */${media.bytes}` } };
  }
  if (range === null) return { status: 200, headers, body: { media, start: 0, end: media.bytes }, head: false };
  const { start, end } = range;
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end}/${media.bytes}` }, body: { media, start, end: end + 1 }, head: false };
};

/** One range with an inclusive end; null where the whole is to be sent (none asked for, malformed, or several). */
const requestedRange = (request: Request, media: MediaBody): { start: number; end: number } | 'unsatisfiable' | null => {
  const asked = request.header('range');
  const unless = request.header('if-range');
  if (asked === '' || !asked.startsWith('bytes=') || (unless !== '' && unless !== media.etag)) return null;
  // range-parser calls a suffix longer than the file unsatisfiable; RFC 9110 14.1.2 means the whole file by it
  const clamped = asked.replaceAll(/([=,]\s*)-(\d+)/g, (_all, before: string, length: string) => `${before}-${Math.min(Number(length), media.bytes)}`);
  const ranges = rangeParser(media.bytes, clamped, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.length !== 1) return null;
  return ranges[0] ?? null;
};
