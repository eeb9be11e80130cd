// What both engines do alike around one HTTP exchange: read the target, run the handler, make a reply safe to write.
import { messageOf, Refused, StartError } from '../errors.ts';
import type { Log } from '../log.ts';
import { CLOSE_GRACE_MS, type Handle, type MediaSlice, type Reply, type Request } from './transport.ts';

/** A request that is refused before any handler sees it. */
export const plainError = (status: number, code: string, message: string, head = false): Reply & { body: string } => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  body: JSON.stringify({ error: { code, message } }),
  head,
});

/** Never throws, whatever the handler does. Details of an unexpected error go to the log only. */
export const answer = async (handle: Handle, request: Request, signal: AbortSignal, log: Log): Promise<Reply> => {
  try {
    return await handle(request, signal);
  } catch (error) {
    if (!signal.aborted) log.error({ err: error, method: request.method, path: request.path }, 'an HTTP handler threw');
    return plainError(500, 'internal', 'the server could not answer this request; its log says why', request.method === 'HEAD');
  }
};

/** Path and query of an origin-form target, or null for any other form. */
export const splitTarget = (target: string): { path: string; query: URLSearchParams } | null => {
  if (!target.startsWith('/')) return null;
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
};

export const isMedia = (body: Reply['body']): body is MediaSlice => body !== null && typeof body === 'object' && 'media' in body;

export const mediaLength = (slice: MediaSlice): number => slice.end - slice.start;

/** One slice of a media body; anything but 1..asked bytes is a fault of the body, which must not reach the client. */
export const readSlice = async (slice: MediaSlice, at: number, bytes: number, signal: AbortSignal): Promise<Uint8Array> => {
  const asked = Math.min(bytes, slice.end - at);
  const read = await slice.media.read(at, at + asked, signal);
  if (read.length === 0 || read.length > asked) throw new Error(`${slice.media.name}: ${read.length} bytes read at ${at} where ${asked} were asked for`);
  return read;
};

/** The answer where the first read of a media body threw: what its handler says of it, or a 500 without details, which the log has. */
export const unreadable = (slice: MediaSlice, error: unknown, log: Log): Reply & { body: string } => {
  const said = slice.refusal?.(error);
  if (said && typeof said.body === 'string') return { ...said, body: said.body };
  log.error({ err: error, name: slice.media.name }, 'media could not be read');
  return plainError(500, 'internal', 'the media could not be read; the log of the server says why');
};

/** Header values hold printable ASCII only: neither engine may write a line break that came from outside. */
export const headerLines = (reply: Reply): [string, string][] =>
  Object.entries(reply.headers).map(([name, value]) => [name, value.replaceAll(/[^\t\x20-\x7e]/g, '?')]);

/** IPv4 for a mapped address, in either of the notations engines use. */
export const plainAddress = (address: string): string => {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (dotted) return dotted;
  const hex = /^(?:0000:){5}ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/i.exec(address);
  if (hex) return hex.slice(1).map((pair) => Number.parseInt(pair, 16)).join('.');
  return address === '0000:0000:0000:0000:0000:0000:0000:0001' ? '::1' : address;
};

/** At most 120 bytes of UTF-8: a close frame holds 123. */
export const closeReason = (reason: string): string => {
  let cut = reason.slice(0, 120);
  while (Buffer.byteLength(cut) > 120) cut = cut.slice(0, -1);
  return cut;
};

export const tooLarge = (bytes: number, maxBytes: number): Refused =>
  new Refused('too_large', `the request body has ${bytes} bytes or more; at most ${maxBytes} are taken here`);

/** Runs a socket handler; its fault closes the socket it served and nothing else. */
export const guarded = (log: Log, what: string, run: () => void, fail: () => void): void => {
  try {
    run();
  } catch (error) {
    log.error({ err: error, reason: messageOf(error) }, `the WebSocket ${what} handler threw`);
    fail();
  }
};

export const portTaken = (host: string, port: number, cause: Error): StartError =>
  new StartError(`cannot listen on ${host}:${port}: ${cause.message}`, 'another program may hold the port: set CLIPPY_PORT (and CLIPPY_HOST) to one that is free', { cause });

/**
 * For closing: gives exchanges a grace to end, cuts them, gives them another to notice, and then goes on without those whose
 * handler ignores its signal.
 */
export const settle = async (exchanges: ReadonlySet<{ ended: Promise<void> }>, cut: () => void): Promise<void> => {
  const allEnded = async (): Promise<void> => {
    while (exchanges.size > 0) await Promise.all(Array.from(exchanges, ({ ended }) => ended));
  };
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  const timers = [setTimeout(cut, CLOSE_GRACE_MS), setTimeout(giveUp, 2 * CLOSE_GRACE_MS)];
  await Promise.race([allEnded(), givenUp]);
  timers.forEach(clearTimeout);
};
