import { seededRandom } from '../../shared/testing/random.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refused, StartError } from '../errors.ts';
import type { Repository } from '../ports.ts';
import { startDatabaseProxy } from '../testing/faults/database-proxy.ts';
import { repositoryContract } from '../testing/repository.contract.ts';
import { createMemoryRepository } from '../testing/repository.memory.ts';
import { aBin, aClip, aSession, aWord } from '../testing/samples.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { migrate, readMigrations } from './migrate.ts';
import type { RepositoryOptions } from './repository.postgres.ts';
import { createRepository, parseDatabaseUrl } from './repository.postgres.ts';
import { isTransient } from './transient.ts';

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const REAL = process.env.CLIPPY_TEST_DATABASE_URL;

const newId = (at: number): string => `s${at}`;
const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => (error instanceof Refused ? error.code : Promise.reject(error)));

/** A schema of its own for one run, so that a shared server can be tested without leaving anything behind. */
const suite = (connect: () => Promise<{ connection: RepositoryOptions['connection']; stop: () => Promise<void> }>): void => {
  const schema = `test_${process.pid}_${Date.now().toString(36)}`;
  let connection: RepositoryOptions['connection'];
  let stop: () => Promise<void>;
  let admin: postgres.Sql;
  const closing: Repository[] = [];
  const open = async (patch: Partial<RepositoryOptions> = {}): Promise<Repository> => {
    const repository = await createRepository({ connection, log, schema, waitMs: 0, ...patch });
    closing.push(repository);
    return repository;
  };
  const raw = (searchPath: string): postgres.Sql =>
    typeof connection === 'string'
      ? postgres(connection, { max: 2, onnotice: silent, connection: { search_path: `${searchPath},public` } })
      : postgres({ ...connection, max: 2, onnotice: silent, connection: { search_path: `${searchPath},public` } });
  beforeAll(async () => {
    ({ connection, stop } = await connect());
    admin = raw(schema);
  });
  afterAll(async () => {
    for (const repository of closing) await repository.close();
    if (!admin) return;
    for (const name of [schema, `${schema}_two`, `${schema}_model`]) await admin`drop schema if exists ${admin(name)} cascade`;
    await admin.end();
    await stop();
  });

  repositoryContract(() => open());

  it('[G11] migrates once when several start at the same time, and refuses changed or newer migrations', async () => {
    const two = `${schema}_two`;
    await Promise.all([open({ schema: two }), open({ schema: two }), open({ schema: two })]);
    const sql = raw(two);
    const migrations = await readMigrations();
    expect(await sql`select number, name, checksum from migrations order by number`).toEqual(migrations.map(({ number, name, checksum }) => ({ number, name, checksum })));
    const [first] = migrations;
    const changed = migrations.map((migration) => (migration === first ? { ...migration, checksum: 'other' } : migration));
    await expect(migrate(sql, two, changed)).rejects.toThrow(/0001-sessions.sql was changed after/);
    const broken = { number: migrations.length + 1, name: '9999-broken.sql', checksum: 'x', text: 'create table half (n int); create table half (n int);' };
    await expect(migrate(sql, two, [...migrations, broken])).rejects.toThrow(/already exists/);
    expect(await sql`select to_regclass('half') as half`).toEqual([{ half: null }]); // rolled back whole
    expect(await migrate(sql, two, [...migrations, { ...broken, text: 'create table half (n int)' }])).toEqual(['9999-broken.sql']);
    await sql.end();
    await expect(open({ schema: two })).rejects.toThrow(/written by a newer Clippy/);
  });

  it('[G12] bounds a statement in time, and says that trying again may help', async () => {
    const repository = await open({ statementTimeoutMs: 150 });
    const { id } = await repository.openSession(aSession({ key: 'slow' }));
    const held = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holder = admin.begin(async (tx) => {
      await tx`select from sessions where id = ${id} for update`;
      locked.resolve();
      await held.promise;
    });
    await locked.promise;
    const error = await repository.raiseEpoch(id).catch((reason: unknown) => reason);
    held.resolve();
    await holder;
    expect(isTransient(error)).toBe(true);
    expect(await repository.raiseEpoch(id)).toBe(1);
  });

  it('[DF8] a connection that ends in the middle of a transaction costs its call, and never the process', async () => {
    const target = typeof connection === 'string' ? new URL(connection) : null;
    const proxy = await startDatabaseProxy(target ? { host: target.hostname, port: Number(target.port || 5432) } : { path: `${(connection as { host: string }).host}/.s.PGSQL.5432` });
    if (target) target.host = `127.0.0.1:${proxy.port}`;
    const repository = await open({ connection: target?.href ?? `postgres://clippy@127.0.0.1:${proxy.port}/clippy`, maxConnections: 3 });
    try {
      const { id } = await repository.openSession(aSession({ key: 'torn' }));
      for (let round = 0; round < 8; round++) {
        proxy.slow(15); // so that the cut falls between two statements
        const calls = [1, 2, 3].map(() => repository.commitBins(id, [aBin(round)], (round + 1) * 1000).then(() => null, (error: unknown) => error));
        await new Promise((resolve) => setTimeout(resolve, round * 10));
        proxy.cut();
        for (const error of await Promise.all(calls)) expect(error === null || isTransient(error)).toBe(true);
        proxy.slow(0);
      }
      await expect.poll(() => repository.commitBins(id, [aBin(30)], 31_000).then(() => true, () => false)).toBe(true);
    } finally {
      await proxy.close();
    }
  });

  it('[DF3] a connection that never answers again holds a call for a bounded time, and does not hold the next', async () => {
    const target = typeof connection === 'string' ? new URL(connection) : null;
    const proxy = await startDatabaseProxy(target ? { host: target.hostname, port: Number(target.port || 5432) } : { path: `${(connection as { host: string }).host}/.s.PGSQL.5432` });
    if (target) target.host = `127.0.0.1:${proxy.port}`;
    const repository = await open({ connection: target?.href ?? `postgres://clippy@127.0.0.1:${proxy.port}/clippy`, maxConnections: 2, callTimeoutMs: 600 });
    try {
      const { id } = await repository.openSession(aSession({ key: 'deaf' }));
      proxy.slow(30); // both connections are open before the silence, as in DF8
      await Promise.all([1, 2].map(() => repository.commitBins(id, [aBin(0)], 1000)));
      proxy.slow(0);
      proxy.swallow(true);
      const calls = await Promise.allSettled([1, 2, 3, 4].map((at) => repository.commitWords(id, [aWord(at * 1000, `w${at}`)], at * 1000 + 500)));
      expect(calls.map((call) => (call.status === 'rejected' ? isTransient(call.reason) : 'answered'))).toEqual([true, true, true, true]);
      proxy.swallow(false);
      await repository.commitWords(id, [aWord(9000, 'after')], 9500);
      expect((await repository.words(id)).at(-1)?.text).toBe('after');
      await expect.poll(() => proxy.connections(), { timeout: 5_000 }).toBeLessThanOrEqual(2); // those that were deaf are closed
    } finally {
      await proxy.close();
    }
  });

  it('[G13] survives the loss of its connections: errors are transient, the next call works', async () => {
    const repository = await open({ maxConnections: 2 });
    const { id } = await repository.openSession(aSession({ key: 'cut' }));
    const failures: unknown[] = [];
    for (let round = 0; round < 5; round++) {
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'clippy' and pid <> pg_backend_pid()`;
      for (let attempt = 0; attempt < 20; attempt++) {
        const error = await repository.commitWords(id, [aWord(round * 1000, `w${round}`)], (round + 1) * 1000).then(() => null, (reason: unknown) => reason);
        if (error === null) break;
        failures.push(error);
      }
    }
    expect(failures.filter((error) => !isTransient(error))).toEqual([]);
    expect((await repository.words(id)).map(({ text }) => text)).toEqual(['w0', 'w1', 'w2', 'w3', 'w4']);
  });

  const seed = Number(process.env.CLIPPY_TEST_SEED ?? Date.now() % 100_000);
  it(`[G14] answers 400 random calls as the one in memory does (CLIPPY_TEST_SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const upTo = (limit: number): number => Math.floor(random() * limit);
    const real = await open({ schema: `${schema}_model`, newId });
    const model = createMemoryRepository({ newId });
    const WORDS = ['no', 'way', 'What?', 'clip-that', 'Ünder', '100%', "it's"];
    const calls: (() => (repository: Repository) => Promise<unknown>)[] = [
      () => { const startedAt = upTo(5); const key = `k${startedAt}`; return (r) => r.openSession(aSession({ key, startedAt })); },
      () => { const [id, epochs] = [pick(SESSIONS), upTo(9)]; return (r) => r.updateSession(id, { status: 'closed', note: `n${epochs}`, bytes: epochs }); },
      () => { const [id, at] = [pick(SESSIONS), upTo(60)]; const words = Array.from({ length: upTo(5) }, () => aWord((at + upTo(6)) * 500, pick(WORDS))); return (r) => r.commitWords(id, words, at * 500); },
      () => { const [id, second, loudness] = [pick(SESSIONS), upTo(30), 0 - upTo(70)]; return (r) => r.commitBins(id, [aBin(second, loudness)], second * 1000); },
      () => { const startMs = upTo(30) * 1000; const clip = aClip(pick(SESSIONS), { id: `c${upTo(6)}`, version: upTo(9), startMs, endMs: startMs + upTo(9) * 1000, createdAt: upTo(4), title: pick(WORDS), expiresAt: upTo(9), mediaKey: `m${upTo(4)}` }); return (r) => r.saveClip(clip); },
      () => { const [id, pinned] = [`c${upTo(6)}`, random() < 0.5]; return (r) => r.pinClip(id, pinned, pinned ? null : 3); },
      () => { const id = `c${upTo(6)}`; const rare = random() < 0.2; return (r) => (rare ? r.deleteClip(id).then((clip) => clip && { ...clip, objectKeys: clip.objectKeys.toSorted() }) : r.clip(id)); },
      () => { const id = pick(SESSIONS); const rare = random() < 0.1; return (r) => (rare ? r.deleteSession(id).then((keys) => keys.toSorted()) : r.session(id)); },
      () => { const query = { limit: 1 + upTo(4), ...(random() < 0.5 ? { text: pick([...WORDS, 'a', 'way no', 'lip']) } : {}), ...(random() < 0.5 ? { before: `${upTo(4)}:c${upTo(6)}` } : {}) }; return (r) => r.clips(query); },
      () => { const [id, startMs] = [pick(SESSIONS), upTo(20) * 1000]; return async (r) => [await r.words(id, { startMs, endMs: startMs + 4_000 }), await r.bins(id, { startMs, endMs: startMs + 4_000 }), await r.cursor(id)]; },
      () => { const at = upTo(9); return (r) => r.expiredClips(at, 3).then((clips) => clips.map(({ expiresAt }) => expiresAt)); },
      () => { const before = `${upTo(5)}:s${upTo(9)}`; return (r) => r.sessions({ limit: 3, before, status: ['live'] }); },
    ];
    const SESSIONS = ['s0', 's1', 's2', 's3', 's4'];
    for (let round = 0; round < 400; round++) {
      const call = pick(calls)();
      expect(await outcome(call(real)), `round ${round}, seed ${seed}`).toEqual(await outcome(call(model)));
    }
  });
};

describe('repository contract: embedded PostgreSQL', () => {
  suite(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'clippy-repository-'));
    const database = await startEmbeddedPostgres({ dir, log });
    return { connection: database.connection, stop: () => database.stop().then(() => rm(dir, { recursive: true })) };
  });
});

describe.skipIf(!REAL)('repository contract: PostgreSQL at CLIPPY_TEST_DATABASE_URL (set it to run this)', () => {
  suite(() => Promise.resolve({ connection: REAL ?? '', stop: () => Promise.resolve() }));
});

describe('createRepository', () => {
  it('[G15] says what is wrong when the database cannot be used, without the password', async () => {
    const error = await createRepository({ connection: 'postgres://clippy:secret@127.0.0.1:1/clippy', log, waitMs: 0 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(String(error)).toMatch(/ECONNREFUSED[^]*check DATABASE_URL/);
    expect(String(error)).not.toContain('secret');
    await expect(createRepository({ connection: 'mysql://localhost/x', log })).rejects.toThrow(/not a postgres:\/\/ URL/);
    await expect(createRepository({ connection: 'postgres://localhost/x', log, schema: 'a"b' })).rejects.toThrow(/not a schema name/);
  });

  it('[G15] understands the forms of DATABASE_URL that people have', () => {
    expect(parseDatabaseUrl('postgres://me@/clippy?host=/run/postgresql&port=5433')).toEqual({ url: 'postgres://me@localhost/clippy', options: { host: '/run/postgresql', port: 5433 } });
    expect(parseDatabaseUrl('postgresql:///clippy?host=/tmp').options).toEqual({ host: '/tmp' });
    expect(parseDatabaseUrl('postgres://u:p%40@db.example.org:5432/x?sslmode=require&channel_binding=require')).toEqual({ url: 'postgres://u:p%40@db.example.org:5432/x?sslmode=require', options: {} });
  });
});
