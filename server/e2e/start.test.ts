// Starting and stopping: what cannot work says why, SIGTERM is clean and quick, unfinished recordings are taken up again.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { streamFile } from '../../scripts/stream.ts';
import { type ServerProcess, api, startServer, temporaryFolder } from '../../scripts/server-process.ts';
import type { SessionSummary } from '../../shared/model.ts';

const demo = join(import.meta.dirname, '../../scripts/demo.mp4');

describe('start and stop', () => {
  const servers: ServerProcess[] = [];
  const folders: { remove: () => Promise<void> }[] = [];
  const start = async (options: Parameters<typeof startServer>[0]): Promise<ServerProcess> => {
    const server = await startServer(options);
    servers.push(server);
    return server;
  };
  const folder = async (): Promise<string> => {
    const made = await temporaryFolder('start');
    folders.push(made);
    return made.path;
  };
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGKILL')));
    await Promise.all(folders.map((one) => one.remove()));
  });

  it('[S3] stops within 5 s of SIGTERM in the middle of a recording, and goes on with it after the next start', { timeout: 90_000 }, async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    const port = Number(new URL(first.url).port);
    const streaming = streamFile({ file: demo, server: first.url, token: first.token, speed: 12 });
    await expect.poll(async () => (await api<{ sessions: SessionSummary[] }>(first, '/api/sessions')).sessions[0]?.chunks ?? 0, { timeout: 20_000 }).toBeGreaterThan(5);
    const before = performance.now();
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
    const second = await start({ dataDir, port });
    const { session, chunks, acked } = await streaming;
    expect({ acked, missing: session.missing, status: session.status }).toEqual({ acked: chunks, missing: 0, status: 'closed' });
    const line = second.log().find((one) => one.includes('"ready"'));
    expect(line).toMatch(/"resumed":1/);
  });

  it('[S4] a start that fails after recordings were resumed ends, and says what to do', { timeout: 60_000 }, async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    const streaming = streamFile({ file: demo, server: first.url, token: first.token, speed: 12, connectMs: 2_000 }).catch(() => {});
    await expect.poll(async () => (await api<{ sessions: SessionSummary[] }>(first, '/api/sessions')).sessions[0]?.chunks ?? 0, { timeout: 20_000 }).toBeGreaterThan(2);
    await first.kill('SIGKILL');
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const address = squatter.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(startServer({ dataDir, port, readyMs: 20_000 })).rejects.toThrow(/exited with 1[^]*cannot listen on 127.0.0.1:\d+[^]*set CLIPPY_PORT/);
    squatter.close();
    const again = await start({ dataDir, port: Number(new URL(first.url).port) });
    await streaming;
    expect(again.transport).not.toBe('');
  });

  it('reports wrong settings together and exits', async () => {
    await expect(startServer({ env: { CLIPPY_TRANSPORT: 'pigeon', CLIPPY_WORKERS: 'many' } })).rejects.toThrow(/2 setting\(s\)[^]*CLIPPY_TRANSPORT="pigeon"[^]*CLIPPY_WORKERS="many"/);
  });
});
