// Pairing against a real server process, on the engine the settings name: from the code to a recording made with the device's
// token, to its end by revocation, across a restart.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, api, startServer } from '../../scripts/server-process.ts';
import { streamFile } from '../../scripts/stream.ts';
import { type Client, createClient } from '../../shared/client.ts';
import type { ConnectionStatus } from '../../shared/connection.ts';
import type { Region, SessionSummary } from '../../shared/model.ts';

const ROOT = join(import.meta.dirname, '../..');
const DEMO = join(ROOT, 'scripts/demo.mp4');
type Paired = { token: string; deviceId: string; user: string };
type Failure = { error: { code: string; message: string } };

describe.each(['uws', 'portable'])('pairing over %s', (kind) => {
  let server: ServerProcess;
  const clients: Client[] = [];
  beforeAll(async () => { server = await startServer({ env: { CLIPPY_TRANSPORT: kind === 'uws' ? 'auto' : 'portable' } }); });
  afterAll(async () => {
    for (const client of clients) client.close();
    await server?.kill('SIGTERM');
  });

  const makeCode = async (): Promise<string> => (await api<{ code: string }>(server, '/api/pairing-codes', { method: 'POST' })).code;
  const ask = (code: string, from: string): Promise<Response> =>
    fetch(`${server.url}/api/pair`, { method: 'POST', body: JSON.stringify({ code, name: 'Chrome on the laptop' }), headers: { 'x-forwarded-for': from } });
  const pair = async (): Promise<Paired> => (await ask(await makeCode(), '203.0.113.1')).json() as Promise<Paired>;
  const connect = (token: string): { client: Client; statuses: ConnectionStatus[] } => {
    const statuses: ConnectionStatus[] = [];
    const client = createClient({ url: server.url, token, client: 'extension', clientVersion: '1', onStatus: (status) => statuses.push(status) });
    clients.push(client);
    return { client, statuses };
  };

  it('[I2] a code becomes a token that records and reads back what it recorded, regions too', { timeout: 90_000 }, async () => {
    const { token, deviceId, user } = await pair();
    const result = await streamFile({ file: DEMO, server: server.url, token, speed: 'max', title: 'From a device' });
    expect([result.gaps, result.acked, user]).toEqual([[], result.chunks, 'admin']);

    const { client } = connect(token);
    const recording = client.record({ key: ulid(), title: 'With regions', sourceUrl: '', mime: 'video/mp4', video: { x: 0, y: 0, width: 1280, height: 720 }, mode: 'live' });
    const id = await recording.session;
    await recording.push({ startMs: 0, durationMs: 500, bytes: new Uint8Array(1_000) });
    const rect = { x: 10, y: 90.5, width: 640, height: 360 };
    recording.region(0, rect);
    recording.region(1_500, null);
    await recording.stop();
    const mine = { url: server.url, token };
    expect(await api<Region[]>(mine, `/api/sessions/${id}/regions`)).toEqual(expect.arrayContaining([{ atMs: 0, rect }, { atMs: 1_500, rect: null }]));
    const listed = await api<{ sessions: SessionSummary[] }>(mine, '/api/sessions');
    expect(listed.sessions.map((session) => session.id)).toEqual(expect.arrayContaining([id, result.sessionId]));
    const { devices } = await api<{ devices: { id: string; name: string; lastUsedAt: number | null }[] }>(server, '/api/devices');
    expect(devices.find((device) => device.id === deviceId)).toMatchObject({ name: 'Chrome on the laptop', lastUsedAt: expect.any(Number) });
  });

  it('[I4] what a device may not do is refused', async () => {
    const { token, deviceId } = await pair();
    for (const [method, path] of [['GET', '/api/devices'], ['DELETE', `/api/devices/${deviceId}`], ['POST', '/api/pairing-codes'], ['GET', '/api/status'], ['DELETE', '/api/sessions/x'], ['POST', '/api/sessions/x/end'], ['DELETE', '/api/clips/x'], ['GET', '/metrics']] as const) {
      const reply = await fetch(server.url + path, { method, headers: { authorization: `Bearer ${token}` } });
      expect([path, reply.status, ((await reply.json()) as Failure).error.code]).toEqual([path, 403, 'forbidden']);
    }
    const { client } = connect(token);
    const recording = client.record({ key: ulid(), title: 'Watched by its device', sourceUrl: '', mime: 'video/mp4', video: null, mode: 'live' });
    const id = await recording.session;
    const heard: string[] = [];
    client.watch('system', { onState: () => void heard.push('system'), onEvent: () => void heard.push('system') });
    client.watch(`session:${id}`, { onState: () => void heard.push('session'), onEvent: () => undefined });
    await recording.push({ startMs: 0, durationMs: 500, bytes: new Uint8Array(1_000) });
    await recording.stop(); // the overview would have told of this
    await expect.poll(() => heard).toEqual(['session']);
    expect(client.status.state).toBe('connected');
  });

  it('[I1] a used code is refused, and guessing is limited', { timeout: 60_000 }, async () => {
    const code = await makeCode();
    expect((await ask(code, '203.0.113.2')).status).toBe(200);
    const again = await ask(code, '203.0.113.2');
    expect([again.status, ((await again.json()) as Failure).error]).toEqual([401, { code: 'unauthorized', message: expect.stringContaining('npm run pair') }]);
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++) statuses.push((await ask('AAAA-AAAA', '203.0.113.2')).status);
    expect(statuses).toEqual([...Array<number>(9).fill(401), 429, 429, 429]); // the used one was the first
    expect((await ask(await makeCode(), '203.0.113.5')).status).toBe(200);
  });

  it('[I6] revoking while it records ends the connection at once, and the token for good', { timeout: 60_000 }, async () => {
    const { token, deviceId } = await pair();
    const other = await pair();
    const { client, statuses } = connect(token);
    const bystander = connect(other.token).client;
    const recording = client.record({ key: ulid(), title: 'Cut short', sourceUrl: '', mime: 'video/mp4', video: null, mode: 'live' });
    const id = await recording.session;
    await recording.push({ startMs: 0, durationMs: 500, bytes: new Uint8Array(1_000) });
    await expect.poll(() => recording.status.lastAcked).toBe(1);
    await expect.poll(() => bystander.status.state).toBe('connected');
    await api(server, `/api/devices/${deviceId}`, { method: 'DELETE' });
    await expect.poll(() => client.status.state, { timeout: 2_000, interval: 10 }).toBe('ended');
    expect(statuses.at(-1)).toMatchObject({ state: 'ended', error: { code: 'unauthorized', message: expect.stringContaining('revoked') } });
    await expect(recording.stop()).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await api<{ session: SessionSummary }>(server, `/api/sessions/${id}`)).session).toMatchObject({ status: 'interrupted', chunks: 1 });
    expect((await fetch(`${server.url}/api/sessions`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
    const back = connect(token).client;
    await expect.poll(() => back.status.state).toBe('ended');
    expect(bystander.status.state).toBe('connected');
  });

  it('[I2] tokens and revocations outlive a killed server; codes do not', { timeout: 90_000 }, async () => {
    const [kept, gone, code] = [await pair(), await pair(), await makeCode()];
    await api(server, `/api/devices/${gone.deviceId}`, { method: 'DELETE' });
    await server.kill('SIGKILL');
    server = await startServer({ dataDir: server.dataDir, port: Number(new URL(server.url).port), env: { CLIPPY_TRANSPORT: kind === 'uws' ? 'auto' : 'portable' } });
    const status = async (token: string): Promise<number> => (await fetch(`${server.url}/api/sessions`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([await status(kept.token), await status(gone.token), (await ask(code, '203.0.113.6')).status]).toEqual([200, 401, 401]);
  });

  it('[I1] `npm run pair` prints a code that works, and says what is wrong', { timeout: 30_000 }, async () => {
    const run = (env: Record<string, string>, ...more: string[]) => promisify(execFile)(process.execPath, [join(ROOT, 'scripts/pair.ts'), '--server', server.url, ...more], { env: { PATH: process.env['PATH'] ?? '', ...env } });
    const { stdout } = await run({ CLIPPY_TOKEN: server.token });
    expect(stdout).toContain(server.url);
    const code = /^ +(\w{4}-\w{4})$/m.exec(stdout)?.[1] ?? '';
    expect((await ask(code, '203.0.113.7')).status).toBe(200);
    await expect(run({})).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('CLIPPY_TOKEN is not set') });
    await expect(run({ CLIPPY_TOKEN: 'wrong' })).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('does not know this token') });
    await expect(run({ CLIPPY_TOKEN: 'x' }, '--server', 'http://127.0.0.1:1')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('no Clippy server answers') });
  });
});
