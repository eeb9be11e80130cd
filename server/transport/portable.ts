// The portable engine: node:http and ws, for every platform Node runs on. Same behaviour as uws.ts, by the same contract.
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, StartError } from '../errors.ts';
import { answer, plainAddress, plainError, portTaken, settle, splitTarget } from './exchange.ts';
import { portableBody } from './portable-body.ts';
import { sendReply } from './portable-reply.ts';
import { portableSockets } from './portable-socket.ts';
import { MAX_HEAD_BYTES, type Request, type Transport, type TransportOptions } from './transport.ts';

/** The same patience as uWebSockets.js has: a whole request within 10 s, an idle connection kept for 10 s. */
const PATIENCE_MS = 10_000;

export const portable = (options: TransportOptions): Transport => {
  const { handle, limits, log } = options;
  const exchanges = new Set<{ abort: AbortController; ended: Promise<void> }>();
  const sockets = portableSockets(options);

  const serve = async (raw: IncomingMessage, response: ServerResponse, abort: AbortController): Promise<void> => {
    const stallMs = limits.idleTimeoutS * 1_000;
    const request = readRequest(raw, limits.maxBodyBytes);
    if (request === null) return sendReply(response, plainError(400, 'bad_request', 'the request target must be a path that starts with /'), abort.signal, stallMs, log);
    const reply = await answer(handle, request, abort.signal, log);
    await sendReply(response, reply, abort.signal, stallMs, log);
  };

  const settings: ServerOptions & { shouldUpgradeCallback(request: IncomingMessage): boolean } = {
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    keepAliveTimeout: PATIENCE_MS,
    connectionsCheckingInterval: 2_000,
    joinDuplicateHeaders: true,
    // Java's client and curl offer h2c on plain requests: those are answered as HTTP/1.1
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  };

  const server = createServer(settings, (raw, response) => {
    const abort = new AbortController();
    const entry = { abort, ended: Promise.resolve() };
    response.on('close', () => {
      if (!response.writableFinished) abort.abort(new Error('the client left'));
    });
    response.on('error', (error) => log.debug({ reason: messageOf(error) }, 'a response ended early'));
    entry.ended = serve(raw, response, abort)
      .catch((error: unknown) => {
        log.error({ err: error }, 'a response could not be written');
        response.destroy();
      })
      .finally(() => exchanges.delete(entry));
    exchanges.add(entry);
  });
  server.on('upgrade', (raw: IncomingMessage, socket, head) => {
    // without a listener an error of this socket (a client that resets) would end the process
    socket.on('error', (error) => log.debug({ reason: messageOf(error) }, 'an upgrading connection broke'));
    sockets.upgrade(raw, readRequest(raw, 0), socket, head);
  });

  return {
    name: 'portable',
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const fail = (error: Error): void => reject(portTaken(host, port, error));
        server.once('error', fail);
        server.listen({ host, port, exclusive: true }, () => {
          server.off('error', fail);
          resolve(portOf(server.address()));
        });
      }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sockets.closeAll();
      server.closeIdleConnections();
      await settle(exchanges, () => exchanges.forEach(({ abort }) => abort.abort(new Error('the server is closing'))));
      sockets.terminateAll();
      server.closeAllConnections();
      await closed;
    },
  };
};

const portOf = (address: AddressInfo | string | null): number => {
  if (address === null || typeof address === 'string') throw new StartError('the server listens on no port', 'give a host and a port, not a pipe');
  return address.port;
};

const readRequest = (raw: IncomingMessage, maxBodyBytes: number): Request | null => {
  const target = splitTarget(raw.url ?? '');
  if (target === null) return null;
  const body = portableBody(raw, maxBodyBytes);
  return {
    method: raw.method ?? 'GET',
    path: target.path,
    query: target.query,
    header: (name) => {
      const value = raw.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : (value ?? '');
    },
    remote: plainAddress(raw.socket.remoteAddress ?? ''),
    body,
  };
};
