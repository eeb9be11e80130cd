import { seededRandom } from '../../shared/testing/random.ts';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import type { CountedMedia } from '../testing/media-body.ts';

/** CLIPPY_HOSTILE=10000 for the long run; CLIPPY_SEED brings a run back. */
const ROUNDS = Number(process.env['CLIPPY_HOSTILE'] ?? 2_000);
const SEED = Number(process.env['CLIPPY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const AT_ONCE = 16;
const HANG_MS = 1_000;

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const UPGRADE = `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: clippy.1\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;
const TEMPLATES = [
  'GET /media HTTP/1.1\r\nHost: a\r\nRange: bytes=0-10\r\n\r\n',
  'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HEAD /turn?q=1&q=%zz HTTP/1.1\r\nHost: a\r\nX-Thing: 1\r\n\r\nGET /turn HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /throw-await HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  UPGRADE,
];

type Chance = () => number;
const below = (chance: Chance, n: number): number => Math.floor(chance() * n);
const noise = (chance: Chance, bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, () => below(chance, 256)));

const mutate = (chance: Chance, bytes: Buffer): Buffer => {
  let out = Buffer.from(bytes);
  for (let i = 1 + below(chance, 4); i > 0; i--) {
    const at = below(chance, out.length + 1);
    switch (below(chance, 5)) {
      case 0: if (at < out.length) out[at] = below(chance, 256); break;
      case 1: out = Buffer.concat([out.subarray(0, at), noise(chance, below(chance, 40)), out.subarray(at)]); break;
      case 2: out = Buffer.concat([out.subarray(0, at), out.subarray(at + below(chance, 10))]); break;
      case 3: out = out.subarray(0, at); break;
      default: out = Buffer.concat([out.subarray(0, at), Buffer.from('\r\n'), out.subarray(at)]);
    }
  }
  return out;
};

/** One frame with anything wrong: opcode, reserved bits, length, mask, payload. */
const frame = (chance: Chance): Buffer => {
  const payload = noise(chance, below(chance, 300));
  const masked = chance() < 0.9;
  const kind = below(chance, 3);
  const length = chance() < 0.2 ? below(chance, 2 ** 32) : payload.length;
  const size = kind === 0 && length < 126 ? Buffer.from([length]) : kind === 1 ? Buffer.from([126, (length >> 8) & 255, length & 255]) : Buffer.from([127, 0, 0, 0, 0, (length >>> 24) & 255, (length >> 16) & 255, (length >> 8) & 255, length & 255]);
  size[0] = (size[0] ?? 0) | (masked ? 128 : 0);
  return Buffer.concat([Buffer.from([below(chance, 256)]), size, masked ? noise(chance, 4) : Buffer.alloc(0), payload]);
};

const hostile = (chance: Chance): Buffer => {
  const kind = below(chance, 4);
  if (kind === 0) return noise(chance, 1 + below(chance, 400));
  if (kind === 1) return Buffer.concat([Buffer.from(UPGRADE), ...Array.from({ length: 1 + below(chance, 6) }, () => frame(chance))]);
  return mutate(chance, Buffer.from(TEMPLATES[below(chance, TEMPLATES.length)] ?? UPGRADE));
};

/** Writes, half-closes, and says whether the server let go of the connection in time. */
const attack = (port: number, payload: Buffer, reset: boolean): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      if (reset) socket.write(payload, () => socket.resetAndDestroy());
      else socket.end(payload);
    });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve(false);
    }, HANG_MS * 5);
    socket.resume();
    socket.on('error', () => undefined); // a reset is a fair answer; 'close' follows
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });

export const hostileSuite = (target: () => { port: number; served: CountedMedia[] }): void => {
  it(`[N10] survives ${ROUNDS} hostile requests and frames, seed ${SEED}`, { timeout: 30_000 + ROUNDS * 20 }, async () => {
    const { port, served } = target();
    const chance = seededRandom(SEED);
    const before = served.length;
    const hung: string[] = [];
    let slowestMs = 0;
    const bystander = async (): Promise<void> => {
      const began = performance.now();
      const reply = await fetch(`http://127.0.0.1:${port}/turn`);
      expect(reply.status).toBe(200);
      await reply.text();
      slowestMs = Math.max(slowestMs, performance.now() - began);
    };
    for (let round = 0; round < ROUNDS; round += AT_ONCE) {
      const payloads = Array.from({ length: Math.min(AT_ONCE, ROUNDS - round) }, () => hostile(chance));
      const left = await Promise.all([...payloads.map((payload, index) => attack(port, payload, index === 0)), bystander()]);
      payloads.forEach((payload, index) => left[index] === false && hung.push(payload.toString('hex')));
    }
    expect(hung).toEqual([]);
    expect(slowestMs).toBeLessThan(HANG_MS);
    const media = served.slice(before);
    await Promise.all(media.map((made) => made.closed));
    expect(media.every((made) => made.closes === 1)).toBe(true);
  });
};
