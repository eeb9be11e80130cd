import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFfmpeg } from '../server/workers/ffmpeg.ts';
import type { SessionEvent, SessionSummary } from '../shared/model.ts';
import { api, startServer, temporaryFolder } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';
import { streamFile } from './stream.ts';

const KEY = '01JD6Q2V0000000000000000ST';
const folder = mkdtempSync(join(tmpdir(), 'clippy-stream-'));
const file = join(folder, 'film.mp4');
const script = join(import.meta.dirname, 'stream.ts');

let server: ServerProcess;
let data: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  const { path } = await findFfmpeg();
  execFileSync(path, ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=25:duration=6', '-f', 'lavfi', '-i', 'sine=duration=6', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', file]);
  data = await temporaryFolder('stream');
  server = await startServer({ dataDir: data.path });
});
afterAll(async () => {
  await server.kill('SIGTERM');
  await data.remove();
  rmSync(folder, { recursive: true, force: true });
});

const run = (args: string[], token = server.token): Promise<{ stdout: string; stderr: string; code: number }> =>
  promisify(execFile)(process.execPath, [script, ...args, '--server', server.url], { env: { ...process.env, CLIPPY_TOKEN: token } }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  );
const sessionOf = async (id: string): Promise<SessionSummary> => (await api<{ session: SessionSummary }>(server, `/api/sessions/${id}`)).session;

const chunksOf = async (title: string): Promise<number> => {
  const { sessions } = await api<{ sessions: SessionSummary[] }>(server, '/api/sessions');
  return sessions.find((session) => session.title === title)?.chunks ?? 0;
};

describe('npm run stream', () => {
  it('[L7] prints one JSON object once the pipeline has drained', async () => {
    const { stdout, code } = await run([file, '--speed', 'max', '--json', '--title', 'Film']);
    const said = JSON.parse(stdout) as Record<string, unknown>;
    expect(code).toBe(0);
    expect(Object.keys(said)).toEqual(['sessionId', 'chunks', 'acked', 'gaps', 'durationMs', 'clips']);
    expect(said).toMatchObject({ chunks: said['acked'], gaps: [], clips: [] });
    expect(Math.abs(Number(said['durationMs']) - 6000)).toBeLessThan(150);
    expect(await sessionOf(String(said['sessionId']))).toMatchObject({ status: 'closed', title: 'Film', missing: 0, chunks: said['chunks'] });
  });

  it('[L8] Ctrl-C closes the recording with what was sent', async () => {
    const child = spawn(process.execPath, [script, file, '--speed', '1', '--json', '--title', 'Interrupted', '--server', server.url], { env: { ...process.env, CLIPPY_TOKEN: server.token }, stdio: ['ignore', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    const ended = once(child, 'close');
    await expect.poll(() => chunksOf('Interrupted'), { timeout: 10_000, interval: 50 }).toBeGreaterThan(0);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
    const said = JSON.parse(stdout) as { sessionId: string; chunks: number };
    expect(said.chunks).toBeLessThan(6);
    expect(await sessionOf(said.sessionId)).toMatchObject({ status: 'closed', missing: 0, chunks: said.chunks });
  });

  it('[L9] says what is wrong and what to do', async () => {
    const wrongToken = await run([file], 'wrong');
    expect([wrongToken.code, wrongToken.stderr]).toEqual([1, expect.stringContaining('CLIPPY_ADMIN_TOKEN')]);
    const noFile = await run([join(folder, 'absent.mp4')]);
    expect([noFile.code, noFile.stderr]).toEqual([1, expect.stringContaining('check the path')]);
    const badSpeed = await run([file, '--speed', 'fast']);
    expect([badSpeed.code, badSpeed.stderr]).toEqual([1, expect.stringContaining('--speed fast')]);
  });
});

describe('streamFile', () => {
  it('[L9] gives up on a server that is not there, by name', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo; // it listens on TCP
    await new Promise((resolve) => blocker.close(resolve));
    await expect(streamFile({ file, server: `http://127.0.0.1:${port}`, token: 'x', connectMs: 300 })).rejects.toThrow(/no Clippy server answers at http:\/\/127.*npm start/);
    await expect(streamFile({ file, server: 'localhost', token: 'x' })).rejects.toThrow(/give --server/);
  });

  it('[P4] a stream whose sender was killed goes on under its key, and a finished one is not sent twice', async () => {
    const args = [script, file, '--key', KEY, '--slice', '2000', '--title', 'Killed', '--speed', '1', '--server', server.url];
    const child = spawn(process.execPath, args, { env: { ...process.env, CLIPPY_TOKEN: server.token }, stdio: 'ignore' });
    const ended = once(child, 'close');
    await expect.poll(() => chunksOf('Killed'), { timeout: 10_000, interval: 50 }).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await ended;
    const before = await chunksOf('Killed');
    const events: SessionEvent['type'][] = [];
    const again = { file, server: server.url, token: server.token, key: KEY, slice: '2000', speed: 'max' } as const;
    const whole = await streamFile({ ...again, onEvent: ({ type }) => events.push(type) });
    expect(whole.chunks).toBeGreaterThan(before);
    expect(await sessionOf(whole.sessionId)).toMatchObject({ title: 'Killed', status: 'closed', missing: 0, chunks: whole.chunks });
    expect(events).toContain('signals');
    const twice = await streamFile(again);
    expect([twice.sessionId, twice.chunks, twice.durationMs]).toEqual([whole.sessionId, whole.chunks, whole.durationMs]);
  });

  it('keeps the pace of the media', async () => {
    const { arrivals } = await streamFile({ file, server: server.url, token: server.token, speed: 'max' });
    expect(arrivals).toEqual([]);
    let startedAt = 0;
    await streamFile({ file, server: server.url, token: server.token, speed: 6, awaitDrained: false, onStart: () => (startedAt = performance.now()) });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(900); // 6 s of media at 6×; the machine may be slower, never faster
  });
});
