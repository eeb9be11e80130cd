import type { ServerResponse } from 'node:http';
import type { Log } from '../log.ts';
import { headerLines, isMedia, mediaLength, readSlice, unreadable } from './exchange.ts';
import { SLICE_BYTES, type MediaSlice, type Reply } from './transport.ts';

/** Writes a reply. Resolves when the kernel has it or the client is gone; media is closed however that ends. */
export const sendReply = async (response: ServerResponse, reply: Reply, signal: AbortSignal, stallMs: number, log: Log): Promise<void> => {
  const { body } = reply;
  if (isMedia(body)) return streamMedia(response, reply, body, signal, stallMs, log);
  if (response.destroyed) return;
  writeHead(response, reply, Buffer.byteLength(body ?? ''));
  response.end(reply.head || body === null ? undefined : body);
};

const writeHead = (response: ServerResponse, reply: Reply, length: number): void => {
  for (const [name, value] of headerLines(reply)) response.setHeader(name, value);
  if (reply.status !== 204 && reply.status !== 304) response.setHeader('content-length', length);
  response.writeHead(reply.status);
};

const streamMedia = async (response: ServerResponse, reply: Reply, slice: MediaSlice, signal: AbortSignal, stallMs: number, log: Log): Promise<void> => {
  let at = slice.start;
  try {
    if (reply.head || mediaLength(slice) === 0) {
      writeHead(response, reply, mediaLength(slice));
      response.end();
      return;
    }
    while (at < slice.end && !response.destroyed) {
      const bytes = await readSlice(slice, at, SLICE_BYTES, signal);
      if (response.destroyed) return;
      if (at === slice.start) writeHead(response, reply, mediaLength(slice));
      at += bytes.length;
      if (!response.write(bytes)) await drained(response, signal, stallMs);
    }
    response.end();
  } catch (error) {
    if (response.destroyed) return;
    if (!response.headersSent) return await sendReply(response, unreadable(slice, error, log), signal, stallMs, log);
    log.error({ err: error, name: slice.media.name, at }, 'media could not be read while it was served');
    response.destroy(); // the promised length cannot be kept: the client must see a broken transfer
  } finally {
    slice.media.close();
  }
};

/** Resolves when the socket wants more or is gone; a client that stalls longer than `stallMs`, or an abort, ends the response. */
const drained = (response: ServerResponse, signal: AbortSignal, stallMs: number): Promise<void> =>
  new Promise((resolve) => {
    const cut = (): void => {
      response.destroy();
      done();
    };
    const stalled = setTimeout(cut, stallMs);
    const done = (): void => {
      clearTimeout(stalled);
      response.off('drain', done);
      response.off('close', done);
      signal.removeEventListener('abort', cut);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    signal.addEventListener('abort', cut);
    if (response.destroyed || signal.aborted) cut();
  });
