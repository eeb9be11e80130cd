// Media over time: cold tiers, ranges of what is still live, trimmed and re-encoded downloads, real deletion, declared loss.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveMedia } from '../../scripts/live-media.ts';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import { createClient } from '../../shared/client.ts';
import type { Clip, Gap, SessionSummary, SessionView } from '../../shared/model.ts';
import { fetchBytes, look, lookAt } from './support.ts';

const demo = join(import.meta.dirname, '../../scripts/demo.mp4');
const FRAME_MS = 1000 / 15;
const ENV = { CLIPPY_SEGMENT_MB: '0.2', CLIPPY_HOT_MINUTES: '0' };

describe('media over time', () => {
  let server: ServerProcess;
  beforeAll(async () => { server = await startServer({ env: ENV }); });
  afterAll(async () => { await server.kill('SIGTERM'); });
  const segmentsOf = (sessionId: string): string[] => readdirSync(join(server.dataDir, 'sessions', sessionId)).filter((name) => name.endsWith('.seg'));

  it('[T4][T5] what went to the object store is served as before, whole and by time', { timeout: 90_000 }, async () => {
    const { sessionId } = await streamFile({ file: demo, server: server.url, token: server.token, speed: 'max' });
    await expect.poll(() => segmentsOf(sessionId).length, { timeout: 75_000, interval: 500 }).toBe(0);
    const [source, served, part] = await Promise.all([look(demo), lookAt(server, `/api/sessions/${sessionId}/recording`), lookAt(server, `/api/sessions/${sessionId}/recording?startMs=20500&endMs=31250`)]);
    expect([served.videoFrames, served.audioSamples]).toEqual([source.videoFrames, source.audioSamples]);
    expect(part.errors).toEqual([]);
    expect(Math.abs(part.durationMs - 10_750)).toBeLessThanOrEqual(FRAME_MS + 1);
  });

  it('[T5] a time range is served while the recording goes on', { timeout: 60_000 }, async () => {
    const streaming = streamFile({ file: demo, server: server.url, token: server.token, speed: 8, title: 'still running' });
    const live = async (): Promise<SessionSummary | undefined> => (await api<{ sessions: SessionSummary[] }>(server, '/api/sessions')).sessions.find((session) => session.title === 'still running');
    await expect.poll(async () => (await live())?.durationMs ?? 0, { timeout: 20_000 }).toBeGreaterThan(20_000);
    const session = (await live())!; // polled above
    const part = await lookAt(server, `/api/sessions/${session.id}/recording?startMs=5000&endMs=12000`);
    expect((await live())?.status).toBe('live');
    expect(part.errors).toEqual([]);
    expect(Math.abs(part.durationMs - 7_000)).toBeLessThanOrEqual(FRAME_MS + 1);
    const refused = await fetch(`${server.url}/api/sessions/${session.id}/recording?startMs=9000000&endMs=9001000`, { headers: { authorization: `Bearer ${server.token}` } });
    expect(refused.status).toBe(416);
    await streaming;
  });

  it('[R8][A3] clips: signed URLs, exact download, pins, deletion of every byte', { timeout: 90_000 }, async () => {
    const { clips, sessionId } = await streamFile({ file: demo, server: server.url, token: server.token, speed: 'max' });
    const clip = clips[0]!; // the demo has two moments
    const open = await fetch(new URL(clip.mediaUrl, server.url), { headers: { range: 'bytes=0-99' } });
    expect([open.status, open.headers.get('content-range')]).toEqual([206, `bytes 0-99/${clip.bytes}`]);
    expect((await fetch(new URL(clip.mediaUrl.replace(/sig=\w/, 'sig=_'), server.url))).status).toBe(401);
    expect((await fetchBytes(server, `/api/clips/${clip.id}/thumbnail`)).mime).toBe('image/jpeg');
    const exact = await lookAt(server, `/api/clips/${clip.id}/media?exact=1`);
    expect(exact.errors).toEqual([]);
    expect(Math.abs(exact.durationMs - (clip.endMs - clip.startMs))).toBeLessThanOrEqual(2 * FRAME_MS);
    const pinned = await api<Clip>(server, `/api/clips/${clip.id}/pin`, { method: 'POST' });
    expect([pinned.pinned, pinned.expiresAt]).toEqual([true, null]);
    const remove = (path: string): Promise<Response> => fetch(`${server.url}${path}`, { method: 'DELETE', headers: { authorization: `Bearer ${server.token}` } });
    expect((await remove(`/api/clips/${clip.id}`)).ok).toBe(true);
    expect((await fetch(`${server.url}/api/clips/${clip.id}`, { headers: { authorization: `Bearer ${server.token}` } })).status).toBe(404);
    expect((await remove(`/api/sessions/${sessionId}`)).ok).toBe(true);
    const left = (): string[] => readdirSync(server.dataDir, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes(sessionId) && /\.(seg|idx|mp4|webm|jpg)$|segments\/\d+$/.test(path));
    expect(left()).toEqual([]);
  });

  it('[P6] what the client had to let go is declared, stored and shown, and the rest is whole', { timeout: 60_000 }, async () => {
    const { mime, chunks } = await liveMedia(demo, { slice: 'gop' });
    const client = createClient({ url: server.url, token: server.token, client: 'test', clientVersion: '0', ringMs: 6_000 });
    const recording = client.record({ key: ulid(), title: 'lossy', sourceUrl: '', mime, video: null, mode: 'live' });
    const sessionId = await recording.session;
    let pushed = 0;
    for await (const piece of chunks) {
      if (pushed === 30) {
        await expect.poll(() => recording.status.lastAcked, { timeout: 10_000 }).toBe(30);
        await server.kill('SIGKILL');
        await expect.poll(() => recording.status.state, { timeout: 10_000 }).toBe('offline');
      }
      await recording.push(piece);
      pushed += 1;
      if (pushed === 50) server = await startServer({ dataDir: server.dataDir, port: Number(new URL(server.url).port), env: ENV });
      if (pushed >= 50) await expect.poll(() => recording.status.unackedChunks, { timeout: 20_000, interval: 5 }).toBeLessThan(5);
    }
    const totals = await recording.stop();
    client.close();
    const lost = recording.status.lost;
    expect(lost).toBeGreaterThan(0);
    expect([totals.missing, totals.chunks + totals.missing]).toEqual([lost, totals.lastSequence]);
    await expect.poll(async () => (await api<SessionView>(server, `/api/sessions/${sessionId}`)).session.status, { timeout: 30_000 }).toBe('closed');
    const view = await api<SessionView>(server, `/api/sessions/${sessionId}`);
    expect(view.gaps.reduce((sum: number, gap: Gap) => sum + gap.toSequence - gap.fromSequence + 1, 0)).toBe(lost);
    const [source, served] = await Promise.all([look(demo), lookAt(server, `/api/sessions/${sessionId}/recording`)]);
    expect(served.errors).toEqual([]);
    // a chunk of the demo is a second of 15 pictures
    expect(source.videoFrames - served.videoFrames).toBe(lost * 15);
  });
});
