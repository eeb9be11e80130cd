import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import { memoryRing } from './ring.ts';
import type { ChunkMeta, Ring } from './ring.ts';
import { MAX_CHUNK_BYTES } from './slices.ts';
import { bench, chunk, errorOf, options, pushMany, stored } from './testing/client-bench.ts';
import { KEY } from './testing/frames.ts';
import { settle } from './testing/virtual-clock.ts';

describe('recording', () => {
  it('records, stops, and gives the totals once all is durable', async () => {
    const { server, client, turn } = bench();
    const recording = client.record(options());
    await pushMany(recording, 3);
    await turn();
    expect(recording.status).toMatchObject({ state: 'recording', lastAcked: 0, unackedChunks: 3, unackedBytes: 300 });
    server.sync();
    await turn();
    expect(recording.status).toMatchObject({ lastAcked: 3, unackedChunks: 0 });
    const stopped = recording.stop();
    await turn();
    expect((await stopped).chunks).toBe(3);
    expect(recording.status.state).toBe('stopped');
    expect((await errorOf(recording.push(chunk(9)))).code).toBe('ended');
  });

  it('[P5] waits at zero credits and goes on when a later ack brings some', async () => {
    const { server, client, turn } = bench();
    server.credits = { chunks: 0, bytes: 0 };
    const recording = client.record(options());
    await pushMany(recording, 5);
    await turn();
    expect(server.received.filter(({ t }) => t === 'chunk')).toHaveLength(0);
    server.credits = { chunks: 2, bytes: 150 };
    server.sync();
    await turn();
    expect(server.received.filter(({ t }) => t === 'chunk')).toHaveLength(1); // 150 bytes take one of 100
    server.credits = { chunks: 2, bytes: 1000 };
    server.sync();
    await turn();
    expect(server.received.filter(({ t }) => t === 'chunk')).toHaveLength(3);
  });

  it('[P4] sends again what is above ready.lastSeq, under the new epoch', async () => {
    const { server, clock, client, turn } = bench();
    const recording = client.record(options());
    await pushMany(recording, 4);
    await turn();
    server.crash();
    await clock.advance(1000);
    await turn();
    server.sync();
    await turn();
    expect(stored(server)).toEqual([0, 1, 2, 3]);
    expect(server.received.flatMap((frame) => (frame.t === 'chunk' ? [frame.epoch] : []))).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(recording.status.lastAcked).toBe(4);
  });

  it('[P6] a live ring that overflows lets the oldest go, keeps the header, declares one gap', async () => {
    const { server, client, turn } = bench({ ringMs: 4000 });
    const recording = client.record(options());
    await pushMany(recording, 8);
    server.flush();
    await turn();
    server.sync();
    await turn();
    expect(stored(server)).toEqual([0, 'gap', 'gap', 'gap', 'gap', 5, 6, 7]);
    expect(server.received.filter(({ t }) => t === 'gap')).toMatchObject([{ from: 2, to: 5, startMs: 1000, endMs: 5000 }]);
    expect(recording.status.lost).toBe(4);
    const stopped = recording.stop();
    await turn();
    await stopped; // the server compared the hash
  });

  it('[P6] a chunk whose bytes are gone but which the server had is no gap', async () => {
    const { server, clock, client, turn } = bench({ ringMs: 3000 });
    const recording = client.record(options());
    await pushMany(recording, 3);
    await turn(); // received, not acknowledged
    server.drop();
    for (let at = 3; at < 5; at++) await recording.push(chunk(at));
    await clock.advance(1000);
    await turn();
    server.sync();
    await turn();
    expect(stored(server)).toEqual([0, 1, 2, 3, 4]);
    expect(recording.status.lost).toBe(0);
  });

  it('a file waits for room instead', async () => {
    const { server, client, turn } = bench({ ringBytes: 250, ringMs: 10 });
    const recording = client.record(options({ mode: 'file' }));
    await pushMany(recording, 2);
    let pushed = false;
    const third = recording.push(chunk(2)).then(() => (pushed = true));
    await turn();
    expect(pushed).toBe(false);
    server.sync();
    await turn();
    await third;
    expect(recording.status).toMatchObject({ pushed: 3, lost: 0 });
  });

  it('a file sent again under its key skips what the server has, and the hash still agrees', async () => {
    const first = bench();
    const before = first.client.record(options({ mode: 'file' }));
    await pushMany(before, 3);
    await first.turn();
    first.server.sync();
    first.client.close();
    const second = bench({ socket: first.server.connect });
    const again = second.client.record(options({ mode: 'file' }));
    const turn = async (): Promise<void> => {
      for (let times = 4; times > 0; times--) {
        await settle();
        first.server.flush();
      }
    };
    await turn();
    await pushMany(again, 4);
    const stopped = again.stop();
    await turn();
    expect((await stopped).chunks).toBe(4);
    expect(stored(first.server)).toEqual([0, 1, 2, 3]);
  });

  it('a live recording refuses to continue a session it did not make', async () => {
    const { server, client, turn } = bench();
    server.sessions.set(KEY, { id: 's1', key: KEY, epoch: 1, durable: ['gap', 'gap'], pending: [], closed: false, starts: 1, words: [], wordsUntilMs: 0, pendingWords: [] });
    const recording = client.record(options());
    await recording.push(chunk(0));
    await turn();
    expect((await errorOf(recording.stop())).code).toBe('conflict');
  });

  it('[P12] cuts what is larger than a chunk may be', async () => {
    const { server, client, turn } = bench();
    const bytes = Uint8Array.from({ length: MAX_CHUNK_BYTES * 2 + 5 }, (_, at) => at % 251);
    await client.record(options()).push({ startMs: 0, durationMs: 3000, bytes });
    await turn();
    server.sync();
    const parts = server.sessions.get(KEY)!.durable.flatMap((item) => (item === 'gap' ? [] : [item.bytes]));
    expect(parts.map(({ length }) => length)).toEqual([MAX_CHUNK_BYTES, MAX_CHUNK_BYTES, 5]);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('[P4] a ring that outlives its process goes on where it was, dropped chunks and hash included', async () => {
    const { server, client, turn } = bench({ ringMs: 3000 });
    const kept = new Map<number, ChunkMeta & { held: boolean; bytes: Uint8Array }>();
    let settled = { through: 0, hash: 0 };
    const ring: Ring = {
      load: () => ({ ...settled, chunks: [...kept.values()] }),
      put: (meta, bytes) => void kept.set(meta.seq, { ...meta, held: true, bytes }),
      read: (seq) => (kept.get(seq)?.held ? kept.get(seq)!.bytes : null),
      drop: (seq) => void kept.set(seq, { ...kept.get(seq)!, held: false }),
      release: (through, hash) => {
        settled = { through, hash };
        for (const seq of kept.keys()) if (seq <= through) kept.delete(seq);
      },
    };
    const before = client.record(options({ ring }));
    await pushMany(before, 2);
    await turn();
    server.sync();
    await turn();
    server.credits = { chunks: 0, bytes: 0 };
    server.sync();
    await turn();
    for (let at = 2; at < 7; at++) await before.push(chunk(at)); // 3 and 4 are let go
    client.close();

    server.credits = { chunks: 9, bytes: 9999 };
    const next = bench({ socket: server.connect, ringMs: 3000 });
    const again = next.client.record(options({ ring }));
    await turn();
    const stopped = again.stop();
    await turn();
    await stopped; // the server compared the hash
    expect(stored(server)).toEqual([0, 1, 'gap', 'gap', 4, 5, 6]);
  });

  it('stop is asked again when the connection went before its answer', async () => {
    const { server, clock, client, turn } = bench();
    const recording = client.record(options());
    await pushMany(recording, 2);
    await turn();
    const stopped = recording.stop();
    await settle();
    server.flush(1); // the server has the stop, its answer is lost
    server.crash();
    await clock.advance(1000);
    await turn();
    expect((await stopped).chunks).toBe(2);
  });

  it('declares where the element stands, again after a reconnect', async () => {
    const { server, clock, client, turn } = bench();
    const recording = client.record(options());
    recording.region(0, { x: 0, y: 0, width: 640, height: 360 });
    recording.region(500, null);
    await turn();
    server.drop();
    await clock.advance(1000);
    await turn();
    expect(server.received.flatMap((frame) => (frame.t === 'region' ? [frame.atMs] : []))).toEqual([0, 500, 500]);
  });

  it('[P20] says what the page is from a time on, again after a reconnect, and of many that waited the newest', async () => {
    const { server, clock, client, turn } = bench();
    const recording = client.record(options());
    const page = (atMs: number, title = 'Live') => ({ atMs, title, sourceUrl: 'https://example.org/live', playing: atMs % 2 === 0 });
    const said = () => server.received.flatMap((frame) => (frame.t === 'page' ? [[frame.epoch, frame.atMs, frame.title]] : []));
    recording.page(page(0, `a\0b\ud800${'x'.repeat(2000)}`));
    recording.page(page(500));
    await turn();
    expect(said()).toEqual([[1, 0, `ab\ufffd${'x'.repeat(1021)}`], [1, 500, 'Live']]);
    server.drop();
    await clock.advance(1000);
    await turn();
    expect(said().slice(2)).toEqual([[2, 500, 'Live']]);
    server.drop();
    for (let at = 1; at <= 100; at++) recording.page(page(1000 * at));
    await clock.advance(1000);
    await turn();
    expect(said().slice(3).map(([, atMs]) => atMs)).toEqual(Array.from({ length: 64 }, (_, n) => 37_000 + 1000 * n));
  });

  it('keeps a title that cannot go over the wire as it stands', async () => {
    const { server, client, turn } = bench();
    client.record(options({ title: `a\0b\ud800${'x'.repeat(2000)}` }));
    await turn();
    expect(server.received.find(({ t }) => t === 'start')).toMatchObject({ title: expect.stringMatching(/^ab\ufffdx+$/) });
  });

  it('tells a caller that does not await its pushes', async () => {
    const { client } = bench({ ringBytes: 10 });
    const recording = client.record(options({ mode: 'file' }));
    const pushes = Array.from({ length: 70 }, (_, at) => recording.push(chunk(at)));
    expect((await errorOf(pushes[69]!)).message).toContain('await each push');
    client.close();
    await Promise.allSettled(pushes);
  });

  it('ends when the server refuses for good, with its words', async () => {
    const { server, client, turn } = bench();
    const recording = client.record(options());
    await turn();
    server.send({ t: 'error', code: 'media', message: 'this is a zip archive', retryable: false, session: await recording.session });
    await turn();
    const error = await errorOf(recording.push(chunk(0)));
    expect([error.code, error.message]).toEqual(['media', 'this is a zip archive']);
    expect(client.status.state).toBe('connected');
  });

  it('ends when it is refused before it has a session', async () => {
    const { server, client, turn } = bench();
    await turn();
    const recording = client.record(options());
    await settle();
    server.send({ t: 'error', code: 'quota', message: 'no hours left', retryable: false, session: null });
    server.line!.toServer = [];
    await turn();
    expect((await errorOf(recording.session)).code).toBe('quota');
  });

  it('[P6] what never became bytes is declared in its place, also behind what an earlier run left', async () => {
    const { server, client, turn } = bench();
    const left: Ring = {
      ...memoryRing(),
      load: () => ({ through: 0, hash: 0, chunks: [0, 1].map((at) => ({ seq: at + 1, crc: crc32c(chunk(at).bytes), startMs: at * 1000, durationMs: 1000, size: 100, held: true })) }),
      read: (seq) => chunk(seq - 1).bytes,
    };
    const recording = client.record(options({ resume: true, ring: left }));
    await recording.lose({ startMs: 2000, durationMs: 1500 });
    const stopped = recording.stop();
    await turn();
    expect((await stopped).chunks).toBe(3); // the server compared number and hash
    expect(stored(server)).toEqual([0, 1, 'gap']);
    expect(server.received.filter(({ t }) => t === 'gap')).toMatchObject([{ from: 3, to: 3, startMs: 2000, endMs: 3500 }]);
    expect(recording.status.lost).toBe(1);
    expect((await errorOf(recording.lose({ startMs: 0, durationMs: 1 }))).code).toBe('ended');
  });

  it('[P6] a live ring that overflows keeps every header, also one in the middle', async () => {
    const { server, client, turn } = bench({ ringMs: 2000 });
    const recording = client.record(options());
    for (const at of [0, 1, 2, 3, 4]) await recording.push({ ...chunk(at), durationMs: at === 2 ? 0 : 1000 });
    await turn();
    server.sync();
    await turn();
    expect(stored(server)).toEqual([0, 'gap', 2, 'gap', 4]);
  });
});
