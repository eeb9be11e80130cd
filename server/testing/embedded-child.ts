// A process to be killed by tests: starts embedded PostgreSQL in argv[2] and inserts rows, printing each number once it is durable.
import postgres from 'postgres';
import { startEmbeddedPostgres } from '../adapters/embedded-postgres.ts';

const silent = (): void => undefined;
const database = await startEmbeddedPostgres({ dir: process.argv[2] ?? '', log: { debug: silent, info: silent, warn: silent, error: silent } });
const sql = postgres({ ...database.connection, max: 1, onnotice: silent });
await sql`create table if not exists acked (n bigint primary key)`;
console.log(`postmaster ${database.pid()}`);
const [last] = await sql<{ n: string }[]>`select coalesce(max(n), 0) as n from acked`;
for (let n = Number(last?.n ?? 0) + 1; ; n++) {
  await sql`insert into acked values (${n})`;
  console.log(n);
}
