// The viewers of `fanout`, in a process of their own: thousands of bare TCP sockets that speak just enough WebSocket to join, count
// what arrives, and see when. A client library would cost more than the server that is measured.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { encodeFrame } from '../shared/codec.ts';
import { PROTOCOL_VERSION, SUB_PROTOCOL } from '../shared/protocol.ts';

export type ReceiversAsk = { ask: 'join'; sockets: number } | { ask: 'begin' } | { ask: 'heard'; expected: number };
/** `latencies`: ms, sorted, of every LATENCY_EVERYth socket */
export type Heard = { received: number; latencies: number[]; cpuShare: number; /** event loop, p99 */ lagMs: number };

const [kind = '', port = ''] = process.argv.slice(2);
const LATENCY_EVERY = 10;
const AT_ONCE = 200;
const PATIENCE_MS = 10_000;
const LAG_RESOLUTION_MS = 5;
const MARK = '~'.charCodeAt(0);
const MARK_DIGITS = 16;

/** A client's frame: masked, by zeros, so the payload stays as it is. At most 64 KiB. */
const frame = (payload: Uint8Array, opcode: number): Buffer => {
  const { length } = payload;
  const head = length < 126 ? [0x80 | opcode, 0x80 | length] : [0x80 | opcode, 0xfe, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
};
const text = (payload: string): Buffer => frame(Buffer.from(payload), 1);

/** What a viewer says after each of the server's first frames; behind the last of them it is a viewer. */
const JOINING: Record<string, { path: string; protocol: string; hello: Buffer[]; answers: (Buffer | null)[] }> = {
  ours: {
    path: '/ws', protocol: SUB_PROTOCOL,
    hello: [frame(encodeFrame({ t: 'hello', version: PROTOCOL_VERSION, token: 'fanout', client: 'bench', clientVersion: '1' }), 2), frame(encodeFrame({ t: 'watch', topic: 'session:fanout' }), 2)],
    answers: [null, null], // welcome, state
  },
  uws: { path: '/', protocol: '', hello: [], answers: [] },
  ws: { path: '/', protocol: '', hello: [], answers: [] },
  socketIo: { path: '/socket.io/?EIO=4&transport=websocket', protocol: '', hello: [], answers: [text('40'), null] }, // open, connected
};
const joining = JOINING[kind];
if (!joining) throw new Error(`fanout-receivers ${kind}: one of ${Object.keys(JOINING).join(', ')} is needed`);

let received = 0;
let latencies: number[] = [];
let opened = 0;
const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);
const arrived: (() => void)[] = [];

/** Where the payload of the frame at `at` begins and ends; null where more must come first. */
const frameAt = (bytes: Buffer, at: number): { payload: number; end: number } | null => {
  if (bytes.length < at + 2) return null;
  const short = bytes[at + 1]! & 127; // there are two bytes
  const payload = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
  if (bytes.length < payload) return null;
  const end = payload + (short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6));
  return end <= bytes.length ? { payload, end } : null;
};

const shared = Buffer.alloc(64 * 1024);

const openOne = (): Promise<void> => new Promise((resolve, reject) => {
  const samples = opened % LATENCY_EVERY === 0;
  opened += 1;
  let rest: Buffer | null = null;
  let upgraded = false;
  let step = 0;
  const joined = (): void => { if (upgraded && step === joining.answers.length) resolve(); };

  const onFrame = (bytes: Buffer, payload: number, end: number): void => {
    if (step < joining.answers.length) {
      const answer = joining.answers[step];
      step += 1;
      if (answer) socket.write(answer);
      return joined();
    }
    if (kind === 'socketIo' && end - payload === 1 && bytes[payload] === 0x32) return void socket.write(text('3')); // ping, pong
    const mark = bytes.indexOf(MARK, payload);
    if (mark === -1 || mark >= end) return;
    received += 1;
    if (samples) latencies.push((nowUs() - Number(bytes.toString('latin1', mark + 1, mark + 1 + MARK_DIGITS))) / 1_000);
  };
  const onBytes = (length: number): boolean => {
    let bytes: Buffer = shared.subarray(0, length);
    if (rest) bytes = Buffer.concat([rest, bytes]);
    let at = 0;
    if (!upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) {
        rest = Buffer.from(bytes);
        return true;
      }
      if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) reject(new Error(`the server answered ${bytes.subarray(0, end).toString()}`));
      upgraded = true;
      at = end + 4;
      for (const hello of joining.hello) socket.write(hello);
      joined();
    }
    for (let found = frameAt(bytes, at); found; found = frameAt(bytes, at)) {
      onFrame(bytes, found.payload, found.end);
      at = found.end;
    }
    rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : null;
    if (received >= expected) arrived.splice(0).forEach((tell) => tell());
    return true;
  };
  const socket: Socket = connect({ host: '127.0.0.1', port: Number(port), onread: { buffer: shared, callback: onBytes } });
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('the server closed the connection')));
  socket.once('connect', () => {
    const protocol = joining.protocol && `Sec-WebSocket-Protocol: ${joining.protocol}\r\n`;
    socket.write(`GET ${joining.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocol}\r\n`);
  });
});

let expected = Infinity;
let began = { at: 0, cpu: process.cpuUsage() };
const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });

const join = async (sockets: number): Promise<void> => {
  for (let left = sockets; left > 0; left -= AT_ONCE) await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, openOne));
};
const begin = (): void => {
  [received, latencies, expected] = [0, [], Infinity];
  began = { at: performance.now(), cpu: process.cpuUsage() };
  delay.enable();
  delay.reset();
};
const heard = async (count: number): Promise<Heard> => {
  expected = count;
  const enough = new Promise<void>((resolve) => arrived.push(resolve));
  const timer = new AbortController();
  if (received < count) await Promise.race([enough, once(AbortSignal.timeout(PATIENCE_MS), 'abort', { signal: timer.signal })]);
  timer.abort();
  const { user, system } = process.cpuUsage(began.cpu);
  const sorted = latencies.toSorted((a, b) => a - b);
  delay.disable();
  return { received, latencies: sorted, cpuShare: (user + system) / 1_000 / (performance.now() - began.at), lagMs: Math.max(0, delay.percentile(99) / 1e6 - LAG_RESOLUTION_MS) };
};

process.on('message', async (message: ReceiversAsk) => {
  switch (message.ask) {
    case 'join': await join(message.sockets); return process.send?.({ opened });
    case 'begin': begin(); return process.send?.({});
    case 'heard': return process.send?.(await heard(message.expected));
    default: return message satisfies never;
  }
});
process.on('disconnect', () => process.exit());
process.send?.({});
