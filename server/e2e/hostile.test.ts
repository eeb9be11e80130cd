// Hostile frames and hostile media against the real server, from a printed seed: no crash, nothing hangs, memory stays bounded,
// everything is refused with a typed reason, and a recording that runs meanwhile is whole.
import { seededRandom } from '../../shared/testing/random.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import { createClient } from '../../shared/client.ts';
import { decodeServerFrame, encodeFrame } from '../../shared/codec.ts';
import { type ClientFrame, PROTOCOL_VERSION, type ServerFrame, SUB_PROTOCOL } from '../../shared/protocol.ts';
import { hasTestdata, long, look, lookAt, media } from './support.ts';

const SEED = Number(process.env['CLIPPY_TEST_SEED'] ?? Date.now() % 1e9);
const FRAMES = long ? 10_000 : 1_000;
const CHUNKS = long ? 2_000 : 200;
const demo = join(import.meta.dirname, '../../scripts/demo.mp4');
const packr = new Packr({ useRecords: false });

type Answer = { codes: string[]; closed: number | null; tookMs: number };

/** Opens a connection, says hello, sends one payload, and reports what came back until it was closed or answered a ping. */
const ask = (server: ServerProcess, payload: Uint8Array, hello: boolean): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`, SUB_PROTOCOL);
    socket.binaryType = 'arraybuffer';
    const codes: string[] = [];
    let sentAt = 0;
    const timer = setTimeout(() => reject(new Error(`no answer to ${Buffer.from(payload.subarray(0, 64)).toString('hex')} (seed ${SEED})`)), 5_000);
    const finish = (closed: number | null): void => {
      clearTimeout(timer);
      socket.close();
      resolve({ codes, closed, tookMs: performance.now() - sentAt });
    };
    const attack = (): void => {
      sentAt = performance.now();
      socket.send(new Uint8Array(payload));
      socket.send(new Uint8Array(encodeFrame({ t: 'ping', id: 4711 })));
    };
    socket.addEventListener('open', () => {
      if (hello) socket.send(new Uint8Array(encodeFrame({ t: 'hello', version: PROTOCOL_VERSION, token: server.token, client: 'test', clientVersion: '0' })));
      else attack();
    });
    socket.addEventListener('message', ({ data }) => {
      const frame: ServerFrame = decodeServerFrame(new Uint8Array(data as ArrayBuffer));
      if (frame.t === 'welcome') attack();
      if (frame.t === 'error') codes.push(frame.code);
      if (frame.t === 'pong' && frame.id === 4711) finish(null);
    });
    socket.addEventListener('close', ({ code }) => finish(code));
  });

const hostileFrame = (random: () => number): Uint8Array => {
  const below = (n: number): number => Math.floor(random() * n);
  const valid: ClientFrame[] = [
    { t: 'start', key: ulid(), title: 'x', sourceUrl: '', mime: 'video/mp4', video: null, resume: false, transcript: 'server' },
    { t: 'chunk', session: ulid(), epoch: 1, seq: 1, crc: 1, startMs: 0, durationMs: 1, bytes: new Uint8Array(below(3_000)) },
    { t: 'gap', session: 'nobody', epoch: 1, from: 1, to: 2, startMs: 0, endMs: 1, reason: 'x' },
    { t: 'stop', session: '../../etc', epoch: 1, finalSeq: 1, hash: 1 },
    { t: 'watch', topic: 'session:none' },
  ];
  const bytes = new Uint8Array(encodeFrame(valid[below(valid.length)]!)); // index is below the length
  switch (below(8)) {
    case 0: return Uint8Array.from({ length: 1 + below(400) }, () => below(256));
    case 1: return bytes.subarray(0, below(bytes.length));
    case 2: {
      for (let flips = 1 + below(8); flips > 0; flips -= 1) bytes[below(bytes.length)] = below(256);
      return bytes;
    }
    case 3: return Uint8Array.of(0x81, 0xa1, 0x74, 0xdd, 0xff, 0xff, 0xff, 0xff); // an array of 4 billion
    case 4: return Uint8Array.of(0x81, 0xa1, 0x74, 0xc9, 0xff, 0xff, 0xff, 0xff, 0x01); // an extension of 4 GB
    case 5: return new Uint8Array(1 + below(4_000)).fill(0x91); // nesting
    case 6: return packr.pack({ t: 'chunk', session: { toString: 'x' }, epoch: -1, seq: 1e300, crc: NaN, startMs: Infinity, durationMs: null, bytes: 'text' });
    default: return packr.pack({ t: ['hello', 'start', 'constructor', '__proto__', ''][below(5)], version: below(9), title: 'x'.repeat(below(20_000)) });
  }
};

describe(`hostile input (seed ${SEED})`, () => {
  let server: ServerProcess;
  beforeAll(async () => { server = await startServer(); });
  afterAll(async () => { await server.kill('SIGTERM'); });
  const rss = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

  it(`[P10][LOG3] refuses ${FRAMES} hostile frames while a recording goes on, and logs them once a second`, { timeout: 300_000 }, async () => {
    const random = seededRandom(SEED);
    const bystander = streamFile({ file: demo, server: server.url, token: server.token, speed: 4, slice: 'gop' });
    const before = rss();
    let slowest = 0;
    const tally: Record<string, number> = {};
    let sent = 0;
    const attacker = async (): Promise<void> => {
      while (sent < FRAMES) {
        sent += 1;
        const { codes, closed, tookMs } = await ask(server, hostileFrame(random), random() < 0.9);
        slowest = Math.max(slowest, tookMs);
        const outcome = codes[0] ?? (closed === null ? 'harmless' : `closed ${closed}`);
        tally[outcome] = (tally[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, attacker));
    console.log(`hostile frames: ${JSON.stringify(tally)}, slowest answer ${Math.round(slowest)} ms, RSS ${Math.round(before / 1e6)} → ${Math.round(rss() / 1e6)} MB`);
    expect(slowest).toBeLessThan(1_000);
    expect(rss() - before).toBeLessThan(200e6);
    expect(tally['harmless'] ?? 0).toBeLessThan(FRAMES / 5);
    const drops = server.log().filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { kind?: string; time: string; suppressed?: number }).filter(({ kind }) => kind === 'frame');
    const apart = drops.slice(1).map(({ time }, at) => Date.parse(time) - Date.parse(drops[at]!.time)); // the one before
    expect(Math.min(...apart)).toBeGreaterThan(900); // a line is written some ms after its clock was read
    const told = drops.reduce((sum, { suppressed = 0 }) => sum + 1 + suppressed, 0);
    expect(told).toBeGreaterThan(drops.length);
    expect(told).toBeLessThanOrEqual(FRAMES);
    const [sentWhole, source] = await Promise.all([bystander, look(demo)]);
    const served = await lookAt(server, `/api/sessions/${sentWhole.sessionId}/recording`);
    expect([served.videoFrames, served.audioSamples]).toEqual([source.videoFrames, source.audioSamples]);
  });

  it.skipIf(!hasTestdata)(`[D3] survives ${CHUNKS} mutated media chunks (needs ../shared/testdata)`, { timeout: 300_000 }, async () => {
    const random = seededRandom(SEED + 1);
    const below = (n: number): number => Math.floor(random() * n);
    const sources = [
      { bytes: readFileSync(media('webm-live/firefox53.webm')), mime: 'video/webm;codecs=vp8,opus' },
      { bytes: readFileSync(media('webm-live/chrome52.webm')), mime: 'video/webm;codecs=vp8,opus' },
      { bytes: readFileSync(media('video/edge/frag-buck-bunny.mp4')), mime: 'video/mp4' },
      { bytes: readFileSync(demo), mime: 'video/mp4' },
    ];
    const before = rss();
    const client = createClient({ url: server.url, token: server.token, client: 'test', clientVersion: '0' });
    const perSession = 50;
    const ids: string[] = [];
    for (let at = 0; at < CHUNKS; at += perSession) {
      const { bytes, mime } = sources[(at / perSession) % sources.length]!; // modulo its length
      const recording = client.record({ key: ulid(), title: 'mutated', sourceUrl: '', mime, video: null, mode: 'file' });
      const size = Math.max(500, Math.min(40_000, Math.floor(bytes.length / perSession)));
      for (let chunk = 0; chunk < perSession; chunk += 1) {
        const piece = new Uint8Array(bytes.subarray(chunk * size, (chunk + 1) * size));
        // The first chunk is spared in most sessions, so that what follows it is reached.
        if (chunk > 0 || random() < 0.3) for (let flips = below(20); flips > 0; flips -= 1) piece[below(piece.length)] = below(256);
        await recording.push({ startMs: chunk * 500, durationMs: 500, bytes: piece });
      }
      ids.push((await recording.stop()).id);
    }
    client.close();
    const statuses: Record<string, number> = {};
    for (const id of ids) {
      await expect.poll(async () => (await api<{ session: { status: string } }>(server, `/api/sessions/${id}`)).session.status, { timeout: 60_000, interval: 100 }).toBe('closed');
      const { deadLetters } = await api<{ deadLetters: { code: string }[] }>(server, `/api/dead-letters?sessionId=${id}`);
      for (const { code } of deadLetters) statuses[code] = (statuses[code] ?? 0) + 1;
    }
    console.log(`mutated chunks: ${ids.length} recordings closed, dead letters ${JSON.stringify(statuses)}, RSS ${Math.round(before / 1e6)} → ${Math.round(rss() / 1e6)} MB`);
    expect(rss() - before).toBeLessThan(400e6);
    const after = await streamFile({ file: demo, server: server.url, token: server.token, speed: 'max', slice: 'gop' });
    expect(after.clips.length).toBeGreaterThan(0);
  });
});
