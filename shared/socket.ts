import { SUB_PROTOCOL } from './protocol.ts';

/** The part of a WebSocket the client uses, so that a test can join two ends by queues. */
export type Socket = { send(bytes: Uint8Array): void; close(code: number, reason: string): void };
export type SocketEvents = { open(): void; message(bytes: Uint8Array): void; /** once, last */ close(code: number, reason: string): void };
export type SocketFactory = (url: string, events: SocketEvents) => Socket;

/** RFC 6455 §7.1.5: no close frame came */
const CLOSE_ABNORMAL = 1006;

/** `http(s)://host` and `ws(s)://host`, with or without the path, as the address of the socket. */
export const socketUrl = (server: string): string => {
  const url = new URL(server);
  url.protocol = url.protocol.replace('http', 'ws');
  if (url.pathname === '/') url.pathname = '/ws';
  url.hash = '';
  return url.href;
};

/** The platform's own WebSocket: browsers, Node 22. */
export const webSocket: SocketFactory = (url, events) => {
  const socket = new WebSocket(url, SUB_PROTOCOL);
  let closed = false;
  const close = (code: number, reason: string): void => {
    if (!closed) events.close(code, reason);
    closed = true;
  };
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => events.open());
  socket.addEventListener('message', ({ data }) => events.message(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0)));
  socket.addEventListener('close', ({ code, reason }) => close(code, reason));
  // Node 22 says nothing but `error` of a connection that was refused
  socket.addEventListener('error', () => close(CLOSE_ABNORMAL, 'refused or broken off'));
  return {
    // a copy where the bytes lie in shared memory, which WebSocket refuses
    send: (bytes) => socket.send(bytes.buffer instanceof ArrayBuffer ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : new Uint8Array(bytes)),
    close: (code, reason) => socket.close(code, reason),
  };
};
