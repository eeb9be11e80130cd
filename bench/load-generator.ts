// Many recorders in one cheap process: chunk frames are masked once and shared by all recordings, only their 124-byte header is
// written anew. A WebSocket and a recording each. Told what to do by its first argument, told to go by a line on stdin.
import { readFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeServerFrame, encodeFrame } from '../shared/codec.ts';
import { PROTOCOL_VERSION, SUB_PROTOCOL } from '../shared/protocol.ts';
import type { ServerFrame } from '../shared/protocol.ts';
import type { LoadJob, LoadReport, Piece, Spread } from './load.ts';
import { percentile } from './statistics.ts';

/** RFC 6455 wants masks nobody can predict, against proxies; between two processes of one machine any will do. */
const MASK = new Uint8Array([0x37, 0xa2, 0x5c, 0xe9]);
/** a multiple of four, so that every payload meets the mask at its first byte */
const HEAD_BYTES = 124;
const OPENING_AT_ONCE = 32;
const SETTLE_MS = 10_000;

const masked = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) out[at] = bytes[at]! ^ MASK[at & 3]!; // in range
  return out;
};

const BINARY = 0x82;
const PONG = 0x8a;
const frameHead = (opcode: number, length: number): Uint8Array => {
  const wide = length > 0xffff ? 8 : length > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + wide + 4);
  head[0] = opcode;
  head[1] = 0x80 | (wide === 8 ? 127 : wide === 2 ? 126 : length);
  if (wide === 2) head.writeUInt16BE(length, 2);
  if (wide === 8) head.writeBigUInt64BE(BigInt(length), 2);
  head.set(MASK, 2 + wide);
  return head;
};
const whole = (opcode: number, payload: Uint8Array): Uint8Array => Buffer.concat([frameHead(opcode, payload.length), masked(payload)]);

/** A `chunk` frame up to its bytes; every number in its widest form, so that the length never changes. */
const chunkHead = (session: string, epoch: number) => {
  const head = Buffer.alloc(HEAD_BYTES);
  let at = 0;
  const put = (...bytes: number[]): void => { for (const byte of bytes) head[at++] = byte; };
  const text = (value: string): void => {
    put(0xd9, value.length);
    at += head.write(value, at, 'latin1');
  };
  const key = (value: string): void => {
    put(0xa0 | value.length);
    at += head.write(value, at, 'latin1');
  };
  const space = (type: number, bytes: number): number => {
    put(type);
    at += bytes;
    return at - bytes;
  };
  put(0x88);
  text('t');
  text('chunk');
  key('session');
  text(session);
  key('epoch');
  head.writeUInt32BE(epoch, space(0xce, 4));
  key('seq');
  const seqAt = space(0xce, 4);
  key('crc');
  const crcAt = space(0xce, 4);
  key('startMs');
  const startAt = space(0xcb, 8);
  key('durationMs');
  const durationAt = space(0xcb, 8);
  key('bytes');
  const lengthAt = space(0xc6, 4);
  if (at !== HEAD_BYTES) throw new Error(`a chunk's header of session ${session} has ${at} bytes, not ${HEAD_BYTES}; session ids have changed`);
  return (seq: number, { crc, startMs, durationMs, size }: Piece): Uint8Array => {
    head.writeUInt32BE(seq, seqAt);
    head.writeUInt32BE(crc, crcAt);
    head.writeDoubleBE(startMs, startAt);
    head.writeDoubleBE(durationMs, durationAt);
    head.writeUInt32BE(size, lengthAt);
    return Buffer.concat([frameHead(BINARY, HEAD_BYTES + size), masked(head)]);
  };
};

/** Calls `take` with each binary message; answers pings. */
const readFrames = (socket: Socket, take: (message: Uint8Array) => void): void => {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    held = held.length === 0 ? data : Buffer.concat([held, data]);
    for (;;) {
      if (held.length < 2) return;
      const short = held[1]! & 0x7f;
      const headBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (held.length < headBytes) return;
      const length = short === 127 ? Number(held.readBigUInt64BE(2)) : short === 126 ? held.readUInt16BE(2) : short;
      if (held.length < headBytes + length) return;
      const payload = held.subarray(headBytes, headBytes + length);
      const opcode = held[0]! & 0x0f;
      held = held.subarray(headBytes + length);
      if (opcode === 2) take(payload);
      if (opcode === 9) socket.write(whole(PONG, payload));
    }
  });
};

const openSocket = async (url: URL): Promise<Socket> => {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  await once(socket, 'connect');
  socket.write(`GET /ws HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${SUB_PROTOCOL}\r\n\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    head += data.toString('latin1');
  }
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(`the server refused a WebSocket: ${head.split('\r\n')[0]}`);
  return socket;
};

type Recorder = { socket: Socket; head: ReturnType<typeof chunkHead>; sent: number; acked: number; sentAt: Float64Array; onAck: (() => void) | null };

const main = async (job: LoadJob): Promise<void> => {
  const url = new URL(job.url);
  const file = readFileSync(job.file);
  const payloads = job.pieces.map(({ at, size }) => masked(file.subarray(at, at + size)));
  /** bytes of the first n pieces */
  const ackedBytes = job.pieces.reduce((sums, { size }) => [...sums, sums.at(-1)! + size], [0]); // begins with one
  const ackMs: number[] = [];
  const lateMs: number[] = [];
  const errors: string[] = [];

  const onFrame = (recorder: Recorder, frame: ServerFrame): void => {
    if (frame.t === 'error') errors.push(`${frame.code}: ${frame.message}`);
    if (frame.t !== 'ack') return;
    const now = performance.now();
    for (; recorder.acked < frame.seq; recorder.acked++) ackMs.push(now - recorder.sentAt[recorder.acked]!); // one place per piece
    recorder.onAck?.();
  };
  const open = async (number: number): Promise<Recorder> => {
    const socket = await openSocket(url);
    const waiting: ((frame: ServerFrame) => void)[] = [];
    let recorder: Recorder | null = null;
    readFrames(socket, (message) => {
      const frame = decodeServerFrame(message);
      if (recorder) onFrame(recorder, frame);
      else waiting.shift()?.(frame);
    });
    socket.on('error', (error) => errors.push(error.message));
    socket.on('close', () => errors.push('a connection was closed'));
    const ask = (frame: Parameters<typeof encodeFrame>[0]): Promise<ServerFrame> => {
      socket.write(whole(BINARY, encodeFrame(frame)));
      return new Promise((resolve) => waiting.push(resolve));
    };
    const welcome = await ask({ t: 'hello', version: PROTOCOL_VERSION, token: job.token, client: 'bench', clientVersion: '1' });
    if (welcome.t !== 'welcome') throw new Error(`no welcome: ${JSON.stringify(welcome)}`);
    const ready = await ask({ t: 'start', key: keyOf(job.firstKey + number), title: `bench ${number}`, sourceUrl: '', mime: job.mime, video: null, resume: false, transcript: 'server' });
    if (ready.t !== 'ready') throw new Error(`not ready: ${JSON.stringify(ready)}`);
    recorder = { socket, head: chunkHead(ready.session, ready.epoch), sent: 0, acked: 0, sentAt: new Float64Array(job.pieces.length), onAck: null };
    return recorder;
  };
  const send = (recorder: Recorder): void => {
    const piece = job.pieces[recorder.sent]!; // callers stop at the last
    const { socket } = recorder;
    socket.cork();
    recorder.sentAt[recorder.sent] = performance.now();
    socket.write(recorder.head(recorder.sent + 1, piece));
    socket.write(payloads[recorder.sent]!);
    socket.uncork();
    recorder.sent++;
  };

  const recorders: Recorder[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, async () => {
    while (next < job.sessions) recorders.push(await open(next++));
  }));
  say({ ready: recorders.length });
  await once(process.stdin, 'data');

  const began = performance.now();
  const steadyAt = began + job.rampSeconds * 1_000;
  const endAt = steadyAt + job.seconds * 1_000;
  let cpuBefore = process.cpuUsage();
  const steady = { sent: 0, acked: 0, bytes: 0 };
  const total = () => ({
    sent: recorders.reduce((sum, { sent }) => sum + sent, 0),
    acked: recorders.reduce((sum, { acked }) => sum + acked, 0),
    bytes: recorders.reduce((sum, { acked }) => sum + ackedBytes[acked]!, 0), // one place more than pieces
  });
  const becomeSteady = (): void => {
    Object.assign(steady, total());
    ackMs.length = 0;
    lateMs.length = 0;
    cpuBefore = process.cpuUsage();
    say({ steady: true });
  };
  if (job.rampSeconds === 0) becomeSteady();
  else setTimeout(becomeSteady, steadyAt - performance.now());
  /** Each recorder sends a piece when its media time has come; they begin one after the other, evenly over the ramp or the first piece. */
  const paced = async (): Promise<void> => {
    const phase = (number: number): number => (Math.max(job.pieces[0]!.durationMs, job.rampSeconds * 1_000) * number) / recorders.length; // a recording has pieces
    const dueAt = (number: number): number => {
      const piece = job.pieces[recorders[number]!.sent];
      return piece === undefined ? Infinity : began + phase(number) + piece.startMs;
    };
    for (;;) {
      const now = performance.now();
      if (now >= endAt) return;
      for (const [number, recorder] of recorders.entries()) {
        const due = dueAt(number);
        if (due > performance.now()) continue;
        lateMs.push(performance.now() - due);
        send(recorder);
      }
      await pause(2);
    }
  };
  /** Each recorder keeps `window` pieces in flight. */
  const flooding = (): Promise<unknown> => Promise.all(recorders.map((recorder) => new Promise<void>((done) => {
    const fill = (): void => {
      while (recorder.sent < job.pieces.length && recorder.sent - recorder.acked < job.window && performance.now() < endAt) send(recorder);
      if (recorder.acked === recorder.sent) done();
    };
    recorder.onAck = fill;
    fill();
  })));
  await (job.window === 0 ? paced() : flooding());
  for (const until = performance.now() + SETTLE_MS; total().acked < total().sent && performance.now() < until;) await pause(5);
  const seconds = (performance.now() - steadyAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const { sent, acked, bytes } = total();
  say({ sent: sent - steady.sent, acked: acked - steady.acked, bytes: bytes - steady.bytes, seconds, cpuSeconds: (user + system) / 1e6, ackMs: spread(ackMs), lateMs: spread(lateMs), errors: errors.slice(0, 5) } satisfies LoadReport);
  process.exit(0);
};

const spread = (values: number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? 0 };
};
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
/** a ULID of a number */
const keyOf = (number: number): string => `01J${String(number).padStart(23, '0')}`;

await main(JSON.parse(process.argv[2] ?? '{}') as LoadJob); // from load.ts
