// The repository over PostgreSQL, embedded or real: the same SQL on both. Errors of the server and the connection pass through;
// `isTransient` tells which of them pass by themselves. Reads and writes that name a session which is gone throw Refused.
import postgres from 'postgres';
import { ulid } from 'ulid';
import type { DeadLetter } from '../../shared/model.ts';
import type { Clock } from '../clock.ts';
import { sleep, systemClock } from '../clock.ts';
import { messageOf, StartError } from '../errors.ts';
import type { Repository } from '../ports.ts';
import { cleanText } from './clean-text.ts';
import { ARRAYS } from './postgres-arrays.ts';
import { clipRows } from './clip-rows.ts';
import { deviceRows } from './device-rows.ts';
import { withDeadline } from './repository-deadline.ts';
import { migrate, readMigrations } from './migrate.ts';
import { ifUnknown, sessionRows } from './session-rows.ts';
import { transcriptRows } from './transcript-rows.ts';
import { isTransient } from './transient.ts';

export type RepositoryOptions = {
  /** DATABASE_URL, or what `startEmbeddedPostgres` returned */
  connection: string | { host: string; port: number; username: string; database: string; ssl: false };
  log: Record<'info' | 'warn', (fields: object, message: string) => void>;
  /** everything lives in this schema, so that a database can be shared with other programs */
  schema?: string;
  maxConnections?: number;
  statementTimeoutMs?: number;
  /** longest a call waits for its answers (25,000) */
  callTimeoutMs?: number;
  /** a server that is still coming up is waited for */
  waitMs?: number;
  clock?: Clock;
  newId?: (at: number) => string;
};

const safeInteger = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} from the database does not fit a JavaScript number`);
  return value;
};

/** postgres.js takes socket folders and libpq's own settings only outside the URL. */
export const parseDatabaseUrl = (url: string): { url: string; options: { host?: string; port?: number } } => {
  // `postgres://user@/db?host=/run/postgresql` has no host, which URL() refuses: give it one that `host=` overrides
  const parsed = URL.parse(url.replace(/^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)(?=[/?]|$)/, '$1localhost'));
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol)) throw new StartError('DATABASE_URL is not a postgres:// URL', 'write it as postgres://user:password@host:5432/database');
  const host = parsed.searchParams.get('host');
  const port = parsed.searchParams.get('port');
  for (const name of ['host', 'port', 'channel_binding', 'gssencmode', 'pgbouncer', 'schema', 'connection_limit']) parsed.searchParams.delete(name);
  return { url: parsed.href, options: { ...(host ? { host } : {}), ...(port ? { port: Number(port) } : {}) } };
};

export const createRepository = async (options: RepositoryOptions): Promise<Repository> => {
  const { connection, log, schema = 'clippy', clock = systemClock, newId = ulid, waitMs = 30_000 } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new StartError(`"${schema}" is not a schema name`, 'use lower-case letters, digits and _');
  const settings = {
    max: options.maxConnections ?? 10,
    connect_timeout: 10,
    onnotice: (notice: postgres.Notice) => {
      if (notice.code !== '42P06' && notice.code !== '42P07') log.info({ postgres: notice.message }, 'PostgreSQL'); // 42P0x: it exists already
    },
    connection: { application_name: 'clippy', search_path: `${schema},public`, statement_timeout: options.statementTimeoutMs ?? 15_000, idle_in_transaction_session_timeout: 30_000 },
    fetch_types: false,
    types: {
      ...ARRAYS,
      bigint: { to: 20, from: [20], parse: safeInteger, serialize: String },
      text: { to: 25, from: [25], parse: (text: string) => text, serialize: (text: unknown) => cleanText(String(text)) },
      json: { to: 114, from: [114, 3802], parse: (text: string): unknown => JSON.parse(text), serialize: (value: unknown) => JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? cleanText(part) : part)) },
    },
  };
  const parsed = typeof connection === 'string' ? parseDatabaseUrl(connection) : null;
  const connect = (): postgres.Sql => (parsed ? postgres(parsed.url, { ...settings, ...parsed.options }) : postgres({ ...settings, ...(typeof connection === 'string' ? {} : connection) })) as unknown as postgres.Sql;
  const sql = connect();

  const migrations = await readMigrations();
  const until = clock.monotonic() + waitMs;
  for (;;) {
    try {
      for (const name of await migrate(sql, schema, migrations)) log.info({ migration: name }, 'database migrated');
      break;
    } catch (error) {
      if (isTransient(error) && clock.monotonic() < until) {
        log.warn({ error: messageOf(error) }, 'PostgreSQL does not answer yet');
        await sleep(clock, 500);
        continue;
      }
      await sql.end({ timeout: 1 });
      if (error instanceof StartError) throw error;
      throw new StartError(`PostgreSQL cannot be used: ${messageOf(error)}`, 'check DATABASE_URL: host, user, password, and that the user may create a schema in that database', { cause: error });
    }
  }

  await sql.end({ timeout: 5 });
  const callMs = options.callTimeoutMs ?? 25_000;
  return withDeadline({
    open: () => repositoryOn(connect(), newId), callMs, longCallMs: 12 * callMs, clock,
    onLate: (call, ms) => log.warn({ call, ms }, 'the database does not answer; its connections are replaced'),
  });
};

const repositoryOn = (sql: postgres.Sql, newId: (at: number) => string): Repository => {
  const letters = sql`
    id, session_id as "sessionId", stage, start_ms as "startMs", end_ms as "endMs", code, message, attempts, created_at as "createdAt"`;
  return {
    ...sessionRows(sql, newId),
    ...transcriptRows(sql),
    ...clipRows(sql),
    ...deviceRows(sql),
    addDeadLetter: async ({ id, sessionId, stage, startMs, endMs, code, message, attempts, createdAt }) => {
      await sql`
        insert into dead_letters values (${id}, ${sessionId}, ${stage}, ${startMs}, ${endMs}, ${code}, ${message}, ${attempts}, ${createdAt})
        on conflict (id) do update set code = excluded.code, message = excluded.message, attempts = excluded.attempts`.catch(ifUnknown(sessionId));
    },
    deadLetters: (sessionId) => sql<DeadLetter[]>`
      select ${letters} from dead_letters where true ${sessionId === undefined ? sql`` : sql`and session_id = ${sessionId}`} order by created_at, id limit 1000`,
    deadLetter: async (id) => (await sql<DeadLetter[]>`select ${letters} from dead_letters where id = ${id}`)[0] ?? null,
    removeDeadLetter: async (id) => {
      await sql`delete from dead_letters where id = ${id}`;
    },
    setting: async (name) => (await sql<{ value: string }[]>`select value from settings where name = ${name}`)[0]?.value ?? null,
    putSetting: async (name, value) => {
      await sql`insert into settings values (${name}, ${value}) on conflict (name) do update set value = excluded.value`;
    },
    addSpend: async (provider, hourAt, usd) => {
      await sql`insert into spend values (${provider}, ${hourAt}, ${usd}) on conflict (provider, hour_at) do update set usd = spend.usd + excluded.usd`;
    },
    spent: async (provider, sinceAt) => (await sql<{ usd: number }[]>`select coalesce(sum(usd), 0) as usd from spend where provider = ${provider} and hour_at >= ${sinceAt}`)[0]?.usd ?? 0,
    ping: async () => {
      await sql`select 1`;
    },
    close: () => sql.end({ timeout: 2 }),
  };
};
