import { STATUS_CODES } from 'node:http';
import type { Log } from '../log.ts';
import { headerLines, mediaLength, readSlice, unreadable } from './exchange.ts';
import { SLICE_BYTES, type MediaSlice, type Reply } from './transport.ts';
import type { UwsResponse } from './uws-binding.ts';

/** One request until its response is complete or its client gone; `gone` forbids every further touch of the response. */
export type Exchange = {
  gone: boolean;
  abort: AbortController;
  onGone: (() => void)[];
  ended: Promise<void>;
  leave(): void;
  cut(): void;
  finish(): void;
};

export const writeHead = (response: UwsResponse, reply: Reply): void => {
  response.writeStatus(`${reply.status} ${STATUS_CODES[reply.status] ?? 'Unknown'}`);
  for (const [name, value] of headerLines(reply)) response.writeHeader(name, value);
};

const emptyStatus = (status: number): boolean => status === 204 || status === 304;

/** Writes a whole reply; nothing may touch the response afterwards. */
export const writeReply = (response: UwsResponse, exchange: Exchange, reply: Reply, body: string | Uint8Array, closeConnection = false): void => {
  if (exchange.gone) return;
  exchange.gone = true;
  response.cork(() => {
    writeHead(response, reply);
    if (emptyStatus(reply.status)) response.endWithoutBody(); // an argument, even undefined, would write a length
    else if (reply.head) response.endWithoutBody(Buffer.byteLength(body), closeConnection);
    else response.end(body, closeConnection);
  });
};

/** Streams media by slices, each read only when the one before has left; closes the media however it ends. */
export const streamMedia = async (response: UwsResponse, exchange: Exchange, reply: Reply, slice: MediaSlice, log: Log): Promise<void> => {
  const total = mediaLength(slice);
  const { signal } = exchange.abort;
  let at = slice.start;
  try {
    if (exchange.gone) return;
    if (reply.head || total === 0) return writeEmpty(response, exchange, reply, total);
    while (at < slice.end && !exchange.gone) {
      const bytes = await readSlice(slice, at, SLICE_BYTES, signal);
      await push(response, exchange, at === slice.start ? reply : null, bytes, total);
      at += bytes.length;
    }
  } catch (error) {
    if (exchange.gone) return;
    if (at === slice.start) {
      const failed = unreadable(slice, error, log);
      return writeReply(response, exchange, failed, failed.body);
    }
    log.error({ err: error, name: slice.media.name, at }, 'media could not be read while it was served');
    response.close(); // the promised length cannot be kept: the client must see a broken transfer
  } finally {
    slice.media.close();
  }
};

const writeEmpty = (response: UwsResponse, exchange: Exchange, reply: Reply, length: number): void => {
  exchange.gone = true;
  response.cork(() => {
    writeHead(response, reply);
    response.endWithoutBody(length);
  });
};

/**
 * Resolves once the socket has taken all of `bytes`, or the client has gone. After a stall it resolves in a later turn: the
 * binary puts its old writable callback back when that returns, so one set meanwhile (from a microtask) would be lost, and the
 * transfer would stand still for ever.
 */
const push = (response: UwsResponse, exchange: Exchange, head: Reply | null, bytes: Uint8Array, total: number): Promise<void> =>
  new Promise((resolve) => {
    if (exchange.gone) return resolve();
    exchange.onGone = [resolve];
    const offset = response.getWriteOffset();
    const tryFrom = (from: number): boolean => {
      const [taken, complete] = response.tryEnd(bytes.subarray(from - offset), total);
      if (complete) exchange.gone = true;
      return taken || complete;
    };
    const onWritable = (from: number): boolean => {
      const taken = tryFrom(from);
      if (taken) setImmediate(resolve);
      return taken;
    };
    response.cork(() => {
      if (head) writeHead(response, head);
      if (tryFrom(offset)) resolve();
      else response.onWritable(onWritable);
    });
  });
