// The recorder makes the words: a real server that transcribes nothing stores, shows and uses them, through its own death too.
import { once } from 'node:events';
import { join } from 'node:path';
import { Packr } from 'msgpackr';
import { ulid } from 'ulid';
import { WebSocket } from 'ws';
import { afterAll, describe, expect, it } from 'vitest';
import { allPieces } from '../../scripts/live-media.ts';
import { type ServerProcess, api, startServer, temporaryFolder } from '../../scripts/server-process.ts';
import { createClient } from '../../shared/client.ts';
import { decodeServerFrame, encodeFrame } from '../../shared/codec.ts';
import type { Clip, HeardWords, SessionEvent, SessionView, Word } from '../../shared/model.ts';
import { CLOSE_BAD_FRAME, PROTOCOL_VERSION, type ServerFrame } from '../../shared/protocol.ts';
import type { Recording } from '../../shared/recording.ts';

const demo = join(import.meta.dirname, '../../scripts/demo.mp4');
const packr = new Packr({ useRecords: false });
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const BATCH_MS = 6_000;
/** every ten seconds somebody asks for a clip; between, words unlike one another */
const SAID: Word[] = Array.from({ length: 180 }, (_, n) => ({ startMs: n * 500, endMs: n * 500 + 400, text: ['Somebody', 'clip', 'that', 'right', 'now!'][n % 20] ?? `word${n}`, confidence: 0.75 }));
const batchAt = (fromMs: number): HeardWords => ({ fromMs, untilMs: fromMs + BATCH_MS, words: SAID.filter(({ startMs }) => startMs >= fromMs && startMs < fromMs + BATCH_MS) });

const media = await allPieces(demo);

/** Pushes the demo with its words to its end, each batch when its stretch has gone out; `during` is told of every piece. */
const record = async (server: ServerProcess, during: (recording: Recording, atMs: number) => Promise<void> = async () => {}) => {
  const client = createClient({ url: server.url, token: server.token, client: 'test', clientVersion: '1' });
  const events: SessionEvent[] = [];
  const recording = client.record({ key: ulid(), title: 'Demo', sourceUrl: '', mime: media.mime, video: null, mode: 'live', transcript: 'client' });
  const sessionId = await recording.session;
  client.watch(`session:${sessionId}`, { onState: () => {}, onEvent: (event) => void events.push(event) });
  let [mediaMs, wordsMs] = [0, 0];
  for (const piece of media.pieces) {
    await recording.push(piece);
    mediaMs = piece.startMs + piece.durationMs;
    for (; wordsMs + BATCH_MS <= mediaMs; wordsMs += BATCH_MS) recording.words(batchAt(wordsMs));
    await during(recording, piece.startMs);
  }
  if (wordsMs < mediaMs) recording.words({ ...batchAt(wordsMs), untilMs: mediaMs }); // else the server would wait for the rest (W24)
  wordsMs = mediaMs;
  return { client, events, recording, sessionId, wordsMs };
};
const view = (server: ServerProcess, sessionId: string): Promise<SessionView> => api<SessionView>(server, `/api/sessions/${sessionId}`);
const transcript = async (server: ServerProcess, sessionId: string): Promise<Word[]> => (await api<{ words: Word[] }>(server, `/api/sessions/${sessionId}/transcript.json`)).words;
const closed = async (server: ServerProcess, sessionId: string): Promise<void> => {
  await expect.poll(async () => (await view(server, sessionId)).session.status, { timeout: 60_000, interval: 200 }).toBe('closed');
};
const clipsSay = async (server: ServerProcess, sessionId: string): Promise<void> => {
  const { clips } = await api<{ clips: Clip[] }>(server, `/api/clips?sessionId=${sessionId}`);
  expect(clips.length).toBeGreaterThan(0);
  expect(clips.some(({ title }) => /clip that/i.test(title))).toBe(true);
  expect(clips.some(({ reasons }) => reasons.some(({ signal, text }) => signal === 'phrase' && text.includes('clip that')))).toBe(true);
};

describe('a recording whose client makes the words', () => {
  const servers: ServerProcess[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.kill('SIGKILL'))));

  it('[W25][P18] they are stored, shown as they come, and give clips their titles and evidence', { timeout: 120_000 }, async () => {
    const server = await startServer();
    servers.push(server);
    const { client, events, recording, sessionId, wordsMs } = await record(server);
    await expect.poll(async () => (await view(server, sessionId)).stages.transcribe, { timeout: 30_000 }).toMatchObject({ status: 'waiting', note: 'the recorder transcribes this' });
    await recording.stop();
    expect(recording.status.words).toEqual({ untilMs: wordsMs, waiting: 0, dropped: 0, refused: null });
    await closed(server, sessionId);
    expect(await transcript(server, sessionId)).toEqual(SAID);
    expect(events.flatMap((event) => (event.type === 'words' ? event.words : []))).toEqual(SAID);
    await clipsSay(server, sessionId);
    client.close();
  });

  it.each<[string, object, string]>([
    ['order', { words: [SAID[3], SAID[2]] }, 'bad_frame'],
    ['stretch', { fromMs: 9_000, untilMs: 8_000, words: [] }, 'bad_frame'],
    ['number', { untilMs: 90_000, words: Array.from({ length: 201 }, (_, n) => ({ ...SAID[0], startMs: n, endMs: n })) }, 'too_large'],
    ['length', { words: [{ ...SAID[0], text: 'x'.repeat(201) }] }, 'bad_frame'],
  ])('[P18] words of a wrong %s are refused by name, and close the connection', { timeout: 60_000 }, async (_, patch, code) => {
    const server = servers.find(({ pid }) => alive(pid)) ?? (await startServer());
    if (!servers.includes(server)) servers.push(server);
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`, 'clippy.1');
    const [errors, closing] = [new Array<ServerFrame>(), once(socket, 'close')];
    socket.on('message', (bytes: Buffer) => {
      const frame = decodeServerFrame(bytes);
      if (frame.t === 'error') errors.push(frame);
      if (frame.t === 'welcome') socket.send(encodeFrame({ t: 'start', key: ulid(), title: '', sourceUrl: '', mime: media.mime, video: null, resume: false, transcript: 'client' }));
      if (frame.t === 'ready') socket.send(packr.pack({ t: 'words', session: frame.session, epoch: frame.epoch, ...batchAt(0), ...patch }));
    });
    await once(socket, 'open');
    socket.send(encodeFrame({ t: 'hello', version: PROTOCOL_VERSION, token: server.token, client: 'test', clientVersion: '1' }));
    const [closeCode] = await closing;
    expect([errors.map((frame) => frame.t === 'error' && frame.code), closeCode]).toEqual([[code], CLOSE_BAD_FRAME]);
  });

  it('[W26][P18] SIGKILL in the middle, twice, loses and doubles no word', { timeout: 180_000 }, async () => {
    const folder = await temporaryFolder('client-words');
    let server = await startServer({ dataDir: folder.path });
    servers.push(server);
    const { url } = server;
    const port = Number(new URL(url).port);
    const kills = [30_000, 62_000];
    const { client, recording, sessionId } = await record(server, async (fed, atMs) => {
      if (atMs < (kills[0] ?? Infinity)) return;
      kills.shift();
      // one kill with words on their way, one with words that were confirmed just before
      if (kills.length === 0) await expect.poll(() => fed.status.words.waiting, { timeout: 30_000 }).toBe(0);
      await server.kill('SIGKILL');
      server = await startServer({ dataDir: folder.path, port });
      servers.push(server);
    });
    expect(kills).toEqual([]);
    await recording.stop();
    expect(recording.status.words).toMatchObject({ waiting: 0, dropped: 0 });
    await server.kill('SIGKILL'); // what was confirmed is durable
    server = await startServer({ dataDir: folder.path, port });
    servers.push(server);
    await closed(server, sessionId);
    expect(await transcript(server, sessionId)).toEqual(SAID);
    await clipsSay(server, sessionId);
    client.close();
    await server.kill('SIGTERM');
    await folder.remove();
  });
});
