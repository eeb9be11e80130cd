// Brings a schema up to date: numbered SQL files, each in one transaction under an advisory lock, recorded with its checksum.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { StartError } from '../errors.ts';
import { transaction } from './transaction.ts';

const FOLDER = join(import.meta.dirname, 'migrations');
const LOCK = 0x636c6970; // "clip"

export type Migration = { number: number; name: string; checksum: string; text: string };

export const readMigrations = async (folder: string = FOLDER): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name, at) => {
      const number = Number(/^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1]);
      if (number !== at + 1) throw new StartError(`migration ${name} breaks the numbering (expected ${String(at + 1).padStart(4, '0')}-name.sql)`, 'rename it');
      const text = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n'); // a Windows checkout is the same migration
      return { number, name, text, checksum: createHash('sha256').update(text).digest('hex') };
    }),
  );
};

/** Returns the names of what was applied. Several processes may call this at once. Throws StartError. */
export const migrate = async (sql: Sql, schema: string, migrations: Migration[]): Promise<string[]> => {
  const [server] = await sql<{ version: string; encoding: string }[]>`
    select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding`;
  if (Number(server?.version) < 130_000) throw new StartError(`PostgreSQL ${server?.version} is too old`, 'use version 13 or newer');
  if (server?.encoding !== 'UTF8') throw new StartError(`the database's encoding is ${server?.encoding}`, 'make one with: createdb --encoding=UTF8 --template=template0 clippy');

  await transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${LOCK})`;
    await tx`create schema if not exists ${tx(schema)}`;
    await tx`create table if not exists migrations (number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`;
  });
  const applied: string[] = [];
  for (const migration of migrations) {
    await transaction(sql, async (tx) => {
      await tx`set local statement_timeout = 0`;
      await tx`select pg_advisory_xact_lock(${LOCK})`;
      const [stored] = await tx<{ checksum: string }[]>`select checksum from migrations where number = ${migration.number}`;
      if (stored && stored.checksum !== migration.checksum)
        throw new StartError(`migration ${migration.name} was changed after it had been applied to this database`, 'restore the file; put the change into a new migration');
      if (stored) return;
      await tx.unsafe(migration.text);
      await tx`insert into migrations ${tx({ number: migration.number, name: migration.name, checksum: migration.checksum })}`;
      applied.push(migration.name);
    });
  }
  const [newest] = await sql<{ name: string; number: number }[]>`select name, number from migrations order by number desc limit 1`;
  if (newest && newest.number > migrations.length) throw new StartError(`this database was written by a newer Clippy (it has ${newest.name})`, 'upgrade Clippy, or restore the backup made before the upgrade');
  return applied;
};
