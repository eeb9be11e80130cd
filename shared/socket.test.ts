import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { socketUrl, webSocket } from './socket.ts';

const closing = (url: string): Promise<[number, string]> => new Promise((resolve) => void webSocket(url, { open: () => undefined, message: () => undefined, close: (code, reason) => resolve([code, reason]) }));

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  await new Promise((resolve) => server.close(resolve));
  return port;
};

it('carries bytes both ways under the sub-protocol, and gives the server’s close code', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (peer, request) => {
    peer.on('message', (data) => {
      peer.send(data);
      peer.close(4409, `as ${request.headers['sec-websocket-protocol']}`);
    });
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const heard: Uint8Array[] = [];
  const closed = await new Promise<[number, string]>((resolve) => {
    const socket = webSocket(`ws://127.0.0.1:${port}/ws`, {
      open: () => socket.send(new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)),
      message: (bytes) => heard.push(bytes),
      close: (code, reason) => resolve([code, reason]),
    });
  });
  expect(heard).toEqual([new Uint8Array([1, 2, 3])]);
  expect(closed).toEqual([4409, 'as clippy.1']);
  await new Promise((resolve) => server.close(resolve));
});

it('a refused connection is closed at once, not left to a time-out', async () => {
  expect(await closing(`ws://127.0.0.1:${await freePort()}/ws`)).toEqual([1006, 'refused or broken off']);
});

it.each([
  ['http://localhost:7070', 'ws://localhost:7070/ws'],
  ['https://clippy.example/', 'wss://clippy.example/ws'],
  ['wss://clippy.example/behind/ws', 'wss://clippy.example/behind/ws'],
])('%s is reached at %s', (server, url) => {
  expect(socketUrl(server)).toBe(url);
});
