// Which pages of other origins may call the API: those of our kind of extension and those the settings name. They show a token or
// a signed URL, never a cookie, so no credentials are allowed.
import type { Reply, Request } from '../transport/transport.ts';

const EXTENSION = /^chrome-extension:\/\/[a-p]{32}$/;
const METHODS = 'GET, HEAD, POST, DELETE';
const REQUEST_HEADERS = 'authorization, content-type, range, if-range, if-none-match';
const EXPOSED = 'content-range, content-length, accept-ranges, etag, content-disposition, retry-after';
const MAX_AGE_S = 600;

/** An extension of ours may have any id: it is made by whoever builds it. */
export const isKnownOrigin = (origin: string, allowList: readonly string[]): boolean => EXTENSION.test(origin) || allowList.includes(origin);

const answers = (request: Request): boolean => request.path.startsWith('/api/');

/** The answer to a known origin's question before its request, or null where this is no such question. */
export const preflight = (request: Request, allowList: readonly string[]): Reply | null => {
  if (request.method !== 'OPTIONS' || !answers(request) || request.header('access-control-request-method') === '') return null;
  if (!isKnownOrigin(request.header('origin'), allowList)) return null;
  const headers = {
    'access-control-allow-methods': METHODS, 'access-control-allow-headers': REQUEST_HEADERS, 'access-control-max-age': String(MAX_AGE_S),
    // a public page asks this of a server on a private network (https://wicg.github.io/private-network-access/)
    'access-control-allow-private-network': 'true',
  };
  return { status: 204, headers, body: null, head: false };
};

/** Names the origin in replies it may read, and says to caches that replies differ by origin. */
export const withCors = (reply: Reply, request: Request, allowList: readonly string[]): Reply => {
  if (!answers(request)) return reply;
  const origin = request.header('origin');
  const allowed = isKnownOrigin(origin, allowList) ? { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED } : {};
  return { ...reply, headers: { ...reply.headers, vary: 'Origin', ...allowed } };
};
