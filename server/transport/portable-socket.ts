import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { messageOf } from '../errors.ts';
import { closeReason, guarded, headerLines } from './exchange.ts';
import type { Reply, Request, Socket, TransportOptions } from './transport.ts';
import { answerUpgrade, refusal } from './upgrade.ts';

/** How long a peer may take to answer a close frame, ms. */
const CLOSE_TIMEOUT_MS = 5_000;

type Held = { ws: WebSocket; heardAt: number; pinged: boolean; close(code: number): void };

export type PortableSockets = {
  upgrade(raw: IncomingMessage, request: Request | null, socket: Duplex, head: Buffer): void;
  closeAll(): void;
  terminateAll(): void;
};

export const portableSockets = (options: TransportOptions): PortableSockets => {
  const { sockets: handlers, limits, log } = options;
  const open = new Set<Held>();
  const protocols = new WeakMap<IncomingMessage, string>();
  const idleMs = limits.idleTimeoutS * 1_000;
  let nextId = 1;

  const settings: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxFrameBytes,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (_offered, raw) => protocols.get(raw) || false,
  };
  const server = new WebSocketServer(settings);

  // a peer that is silent for half the time is pinged, for the whole time dropped: the part uWebSockets.js does by itself
  const watch = setInterval(() => {
    const now = performance.now();
    for (const held of open) {
      if (now - held.heardAt >= idleMs) held.ws.terminate();
      else if (now - held.heardAt >= idleMs / 2 && !held.pinged) {
        held.pinged = true;
        held.ws.ping();
      }
    }
  }, Math.min(idleMs / 4, 5_000)).unref();

  const accept = (ws: WebSocket, remote: string): void => {
    let waiting = false;
    let closed = false;
    const socket: Socket = {
      id: nextId++,
      remote,
      send: (frame) => {
        if (closed) return 'dropped';
        if (ws.bufferedAmount > limits.maxBackpressureBytes) {
          waiting = true;
          return 'dropped';
        }
        ws.send(frame, { binary: true, compress: false }, drained);
        if (ws.bufferedAmount === 0) return 'sent';
        waiting = true;
        return 'queued';
      },
      bufferedBytes: () => (closed ? 0 : ws.bufferedAmount),
      close: (code, reason) => {
        if (closed) return;
        ws.close(code, closeReason(reason));
        end(code);
      },
    };
    const held: Held = { ws, heardAt: performance.now(), pinged: false, close: (code) => socket.close(code, 'the server is closing') };

    const end = (code: number): void => {
      if (closed) return;
      closed = true;
      guarded(log, 'close', () => handlers.close(socket, code), () => undefined);
    };
    const fail = (): void => socket.close(1011, 'internal error');
    const drained = (): void => {
      if (closed || !waiting || ws.bufferedAmount > 0) return;
      waiting = false;
      guarded(log, 'drain', () => handlers.drain(socket), fail);
    };
    const heard = (): void => {
      held.heardAt = performance.now();
      held.pinged = false;
    };

    open.add(held);
    ws.on('message', (data, binary) => {
      heard();
      if (closed || !Buffer.isBuffer(data)) return; // binaryType is nodebuffer: always a Buffer
      guarded(log, 'message', () => handlers.message(socket, data, binary), fail);
    });
    ws.on('ping', heard);
    ws.on('pong', heard);
    ws.on('error', (error) => log.debug({ reason: messageOf(error) }, 'a WebSocket broke'));
    ws.on('close', (code) => {
      open.delete(held);
      end(code);
    });
    guarded(log, 'open', () => handlers.open(socket), fail);
  };

  return {
    upgrade: (raw, request, socket, head) => {
      const answer = request === null ? refusal(400, 'the request target must be a path that starts with /') : answerUpgrade(handlers, request, log);
      if (!answer.accept) return refuse(socket, answer.reply);
      protocols.set(raw, answer.protocol);
      server.handleUpgrade(raw, socket, head, (ws) => accept(ws, request?.remote ?? ''));
    },
    closeAll: () => {
      clearInterval(watch);
      for (const held of open) held.close(1001);
    },
    terminateAll: () => open.forEach((held) => held.ws.terminate()),
  };
};

const refuse = (socket: Duplex, reply: Reply & { body: string }): void => {
  const lines = headerLines(reply).map(([name, value]) => `${name}: ${value}`);
  socket.end(
    [`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? 'Unknown'}`, ...lines, `content-length: ${Buffer.byteLength(reply.body)}`, 'connection: close', '', reply.body].join('\r\n'),
  );
};
