// The uWebSockets.js engine. A throw that reaches the binary ends the process, and a response touched after its abort does
// too: each entry point reads the request, sets onAborted, and runs everything else inside a guard.
import { createServer } from 'node:net';
import { answer, isMedia, plainError, portTaken, settle } from './exchange.ts';
import type { Transport, TransportOptions } from './transport.ts';
import type { Uws, UwsRequest, UwsResponse } from './uws-binding.ts';
import { readHead, type UwsHead } from './uws-head.ts';
import { uwsBody } from './uws-body.ts';
import { streamMedia, writeReply, type Exchange } from './uws-reply.ts';
import { uwsSockets } from './uws-socket.ts';

export const uws = (binding: Uws, options: TransportOptions): Transport => {
  const { handle, limits, log } = options;
  const app = binding.App();
  const exchanges = new Set<Exchange>();
  const sockets = uwsSockets(binding, options);
  let listening: unknown = null;

  const serve = async (response: UwsResponse, exchange: Exchange, head: UwsHead): Promise<void> => {
    const body = uwsBody(head.contentLength, limits.maxBodyBytes);
    exchange.onGone.push(() => body.abort());
    if (head.hasBody) response.onData((chunk, last) => body.push(chunk, last));
    else body.push(new ArrayBuffer(0), true);
    const reply = await answer(handle, { ...head.request, body: body.read }, exchange.abort.signal, log);
    if (isMedia(reply.body)) await streamMedia(response, exchange, reply, reply.body, log);
    else writeReply(response, exchange, reply, reply.body ?? '');
  };

  const onRequest = (response: UwsResponse, raw: UwsRequest): void => {
    const exchange = openExchange(response, exchanges);
    try {
      const head = readHead(response, raw);
      if ('refused' in head) {
        const reply = plainError(400, 'bad_request', head.refused);
        writeReply(response, exchange, reply, reply.body, true);
        return exchange.finish();
      }
      serve(response, exchange, head)
        .catch((error: unknown) => {
          log.error({ err: error }, 'a response could not be written');
          if (!exchange.gone) response.close();
        })
        .finally(() => exchange.finish());
    } catch (error) {
      log.error({ err: error }, 'a request could not be read');
      if (!exchange.gone) response.close();
      exchange.finish();
    }
  };

  app.ws('/*', sockets.behavior);
  app.any('/*', onRequest);

  return {
    name: 'uWebSockets.js',
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        // exclusive: the default lets a second server share the port in silence
        const opened = (token: unknown): boolean => {
          if (!token) return false;
          listening = token;
          resolve(binding.us_socket_local_port(token));
          return true;
        };
        app.listen(host, port, binding.LIBUS_LISTEN_EXCLUSIVE_PORT, (token) => {
          if (opened(token)) return;
          // exclusive also fails while connections of a server that was killed are in TIME-WAIT: where nobody listens, share
          whyNot(host, port).then((cause) => {
            if (cause) return reject(portTaken(host, port, cause));
            app.listen(host, port, LISTEN_DEFAULT, (second) => {
              if (!opened(second)) reject(portTaken(host, port, new Error('uWebSockets.js could not bind it')));
            });
          }, reject);
        });
      }),
    close: async () => {
      if (listening) binding.us_listen_socket_close(listening);
      listening = null;
      sockets.closeAll();
      await settle(exchanges, () => exchanges.forEach((exchange) => exchange.cut()));
      app.close();
    },
  };
};

/** uSockets names it LIBUS_LISTEN_DEFAULT; the binding does not export it. */
const LISTEN_DEFAULT = 0;

const openExchange = (response: UwsResponse, exchanges: Set<Exchange>): Exchange => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const abort = new AbortController();
  const exchange: Exchange = {
    gone: false,
    abort,
    onGone: [],
    ended,
    leave: () => {
      if (exchange.gone) return;
      exchange.gone = true;
      abort.abort(new Error('the client left'));
      for (const run of exchange.onGone) run();
    },
    cut: () => {
      abort.abort(new Error('the server is closing'));
      if (!exchange.gone) response.close();
    },
    finish: () => {
      exchange.gone = true;
      exchanges.delete(exchange);
      resolve();
    },
  };
  exchanges.add(exchange);
  response.onAborted(exchange.leave);
  return exchange;
};

/** The binary says only that it failed; Node says why. Null: nobody listens there. */
const whyNot = (host: string, port: number): Promise<Error | null> =>
  new Promise((resolve) => {
    // whoever connects to the probe would keep it open
    const server = createServer((socket) => socket.destroy());
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
