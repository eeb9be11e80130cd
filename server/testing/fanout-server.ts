// `node server/testing/fanout-server.ts ours|uws|ws|socketIo`, as a child process with a message channel: one topic that every
// socket follows, through our hub as main.ts wires it, or through a rival used as its own documentation does. For the bench.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as SocketIo } from 'socket.io';
import { WebSocketServer } from 'ws';
import { encodeFrame } from '../../shared/codec.ts';
import type { SessionEvent, SystemView } from '../../shared/model.ts';
import { SUB_PROTOCOL } from '../../shared/protocol.ts';
import { systemClock } from '../clock.ts';
import { createFrameMemory } from '../sessions/frame-memory.ts';
import { createGateway } from '../sessions/gateway.ts';
import { createHub } from '../sessions/hub.ts';
import { createTransport } from '../transport/create-transport.ts';
import { loadUws } from '../transport/uws-binding.ts';
import { memoryLog } from './memory-log.ts';

type Fanout = { port: number; publish(event: SessionEvent): void };

const TOPIC = 'session:fanout';
const MAX_BACKPRESSURE = 8 << 20;

const ours = async (): Promise<Fanout> => {
  const log = memoryLog();
  const limits = { maxChunkBytes: 8 << 20, credits: { chunks: 256, bytes: 16 << 20 } };
  const view: SystemView = { sessions: [], providers: [] };
  const hub = createHub({
    snapshot: async (topic) => ({ t: 'state', topic, state: view }), maxBufferedBytes: 1 << 20,
    onDrop: () => undefined, onError: (error) => console.error(error),
  });
  const none = (): Promise<never> => Promise.reject(new Error('nothing is recorded here'));
  const gateway = createGateway({
    hub, limits: () => limits, clock: systemClock, log, speakerOf: async () => ({ user: 'admin', device: null }), authorize: () => undefined,
    open: none, find: () => null, onFrame: () => undefined, memory: createFrameMemory(),
  });
  const transport = await createTransport({
    kind: 'uws', log, handle: none,
    sockets: { upgrade: () => ({ accept: true, protocol: SUB_PROTOCOL }), open: gateway.open, message: gateway.message, drain: gateway.drain, close: gateway.close },
    limits: { maxFrameBytes: 1 << 20, maxBackpressureBytes: MAX_BACKPRESSURE, idleTimeoutS: 60, maxBodyBytes: 1 << 20 },
  });
  return { port: await transport.listen('127.0.0.1', 0), publish: hub.publish };
};

/** What a viewer gets, so that all send the same bytes. */
const bytesOf = (event: SessionEvent): Uint8Array => encodeFrame({ t: 'event', topic: TOPIC, event });

const uws = (): Promise<Fanout> => new Promise((resolve, reject) => {
  const { binding, error } = loadUws();
  if (!binding) return reject(error);
  const app = binding.App();
  app.ws('/*', {
    compression: binding.DISABLED, maxPayloadLength: 1 << 20, maxBackpressure: MAX_BACKPRESSURE, idleTimeout: 60, sendPingsAutomatically: true,
    upgrade: (response, request, context) => response.upgrade({}, request.getHeader('sec-websocket-key'), '', '', context),
    open: (socket) => void socket.subscribe(TOPIC),
    message: () => undefined, drain: () => undefined, close: () => undefined,
  });
  app.listen('127.0.0.1', 0, binding.LIBUS_LISTEN_EXCLUSIVE_PORT, (token) => resolve({
    port: binding.us_socket_local_port(token),
    publish: (event) => void app.publish(TOPIC, bytesOf(event), true, false),
  }));
});

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // it listens on a port
};

const ws = async (): Promise<Fanout> => {
  const server = createServer();
  const { clients } = new WebSocketServer({ server, perMessageDeflate: false });
  return {
    port: await listening(server),
    publish: (event) => {
      const bytes = bytesOf(event);
      for (const client of clients) client.send(bytes, { binary: true });
    },
  };
};

const socketIo = async (): Promise<Fanout> => {
  const server = createServer();
  const io = new SocketIo(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
  io.on('connection', (socket) => void socket.join(TOPIC));
  return { port: await listening(server), publish: (event) => void io.to(TOPIC).emit('event', event) };
};

/** Eight words, as a live transcript brings them; the first says when it was published, in µs of the machine's monotonic clock. */
const eventNow = (): SessionEvent => ({
  type: 'words', sessionId: 'fanout',
  words: [`~${(process.hrtime.bigint() / 1_000n).toString().padStart(16, '0')}`, 'so', 'today', 'we', 'look', 'at', 'another', 'level'].map((text, index) => ({ startMs: 1_000 + index * 250, endMs: 1_200 + index * 250, text, confidence: 0.93 })),
});

/** On the dot, and not all at once after a stall: a burst would be another measurement. */
const publishSteadily = (fanout: Fanout, everyMs: number, count: number): Promise<void> => new Promise((resolve) => {
  let left = count;
  const timer = setInterval(() => {
    fanout.publish(eventNow());
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    resolve();
  }, everyMs);
});

export type FanoutAsk = { ask: 'publish'; everyMs: number; count: number } | { ask: 'cpu' };

const kinds: Record<string, () => Promise<Fanout>> = { ours, uws, ws, socketIo };
const start = kinds[process.argv[2] ?? ''];
if (!start) throw new Error(`fanout-server ${process.argv[2]}: one of ${Object.keys(kinds).join(', ')} is needed`);
const fanout = await start();
process.on('message', async (message: FanoutAsk) => {
  if (message.ask === 'publish') await publishSteadily(fanout, message.everyMs, message.count);
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuS: (user + system) / 1e6 });
});
process.on('disconnect', () => process.exit());
process.send?.({ port: fanout.port });
