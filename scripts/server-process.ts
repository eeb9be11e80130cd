// A real server as a child process on a free port, in its own data folder: what end-to-end tests, fault tests, the demo and
// the benches talk to.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import postgres from 'postgres';

export type ServerProcess = {
  url: string;
  token: string;
  transport: string;
  dataDir: string;
  pid: number;
  /** ms from spawn to ready */
  startedInMs: number;
  /** the last lines it logged */
  log: () => string[];
  /** resolves when it has exited */
  kill(signal: NodeJS.Signals): Promise<number | null>;
};

export type ServerOptions = { dataDir?: string; port?: number; env?: Record<string, string>; readyMs?: number; /** every line the server logs */ onLine?: (line: string) => void };

const KEPT_LINES = 400;
/** One for all servers this process starts: a restarted server must know the clients of the one before. */
const TOKEN = randomBytes(18).toString('base64url');

export const temporaryFolder = async (name: string): Promise<{ path: string; remove: () => Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), `clippy-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
};

/** A number, not 0: a port the system chose cannot be bound again at once by a server that takes it exclusively. */
const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
};

/** Rejects with the server's own last words when it does not become ready. */
export const startServer = async (options: ServerOptions = {}): Promise<ServerProcess> => {
  const dataDir = options.dataDir ?? (await temporaryFolder('data')).path;
  const startedAt = performance.now();
  const child: ChildProcess = spawn(process.execPath, [resolve(import.meta.dirname, '../server/main.ts')], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', CLIPPY_PORT: String(options.port ?? (await freePort())), CLIPPY_DATA_DIR: dataDir, CLIPPY_ADMIN_TOKEN: TOKEN, ...(await passedOn(dataDir)), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const keep = (line: string): void => {
    options.onLine?.(line);
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const ready = new Promise<{ url: string; transport: string }>((done, fail) => {
    createInterface({ input: child.stderr! }).on('line', keep); // stdio is piped
    createInterface({ input: child.stdout! }).on('line', (line) => {
      keep(line);
      if (!line.includes('"ready"')) return;
      const { url, transport } = JSON.parse(line) as { url: string; transport: string };
      if (!url) return;
      clearTimeout(timer);
      done({ url, transport });
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(new Error(`the server was not ready in time:\n${lines.slice(-20).join('\n')}`));
    }, options.readyMs ?? 60_000);
    void exited.then((code) => {
      clearTimeout(timer);
      fail(new Error(`the server exited with ${code}:\n${lines.slice(-20).join('\n')}`));
    });
  });
  const { url, transport } = await ready;
  return {
    url, transport, token: options.env?.['CLIPPY_ADMIN_TOKEN'] ?? TOKEN, dataDir, pid: child.pid!, // ready, so it was spawned
    startedInMs: performance.now() - startedAt,
    log: () => [...lines],
    kill: (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
};

/** The whole end-to-end suite runs against other databases, stores and transports by these variables; a data folder has its own database. */
const passedOn = async (dataDir: string): Promise<Record<string, string>> => {
  const { env } = process;
  const all = {
    CLIPPY_TRANSPORT: env['CLIPPY_TRANSPORT'],
    FFMPEG_PATH: env['FFMPEG_PATH'],
    DATABASE_URL: env['CLIPPY_TEST_DATABASE_URL'] && (await databaseFor(env['CLIPPY_TEST_DATABASE_URL'], dataDir)),
    CLIPPY_S3_ENDPOINT: env['CLIPPY_TEST_S3_ENDPOINT'],
    CLIPPY_S3_BUCKET: env['CLIPPY_TEST_S3_BUCKET'],
    CLIPPY_S3_ACCESS_KEY: env['CLIPPY_TEST_S3_ACCESS_KEY'],
    CLIPPY_S3_SECRET_KEY: env['CLIPPY_TEST_S3_SECRET_KEY'],
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => Boolean(entry[1])));
};

const databaseFor = async (url: string, dataDir: string): Promise<string> => {
  const name = `clippy_${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const found = await sql`select 1 from pg_database where datname = ${name}`;
  if (found.length === 0) await sql.unsafe(`create database ${name}`);
  await sql.end();
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
};

export const api = async <T>(server: Pick<ServerProcess, 'url' | 'token'>, path: string, init: { method?: string } = {}): Promise<T> => {
  const reply = await fetch(`${server.url}${path}`, { ...init, headers: { authorization: `Bearer ${server.token}` } });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return (await reply.json()) as T;
};
