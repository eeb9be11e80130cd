// Paired devices in PostgreSQL.
import type { Sql } from 'postgres';
import type { Repository, StoredDevice } from '../ports.ts';

type DeviceRows = Pick<Repository, 'addDevice' | 'devices' | 'touchDevice' | 'revokeDevice'>;

export const deviceRows = (sql: Sql): DeviceRows => ({
  addDevice: async ({ id, owner, name, scope, tokenHash, createdAt, lastUsedAt }) => {
    await sql`
      insert into devices (id, owner, name, scope, token_hash, created_at, last_used_at)
      values (${id}, ${owner}, ${name}, ${scope}, ${tokenHash}, ${createdAt}, ${lastUsedAt}) on conflict (id) do nothing`;
  },
  devices: () => sql<StoredDevice[]>`
    select id, owner, name, scope, token_hash as "tokenHash", created_at as "createdAt", last_used_at as "lastUsedAt"
    from devices where revoked_at is null order by created_at desc, id desc`,
  touchDevice: async (id, at) => {
    await sql`update devices set last_used_at = greatest(last_used_at, ${at}::bigint) where id = ${id}`;
  },
  revokeDevice: async (id, at) => (await sql`update devices set revoked_at = ${at} where id = ${id} and revoked_at is null`).count > 0,
});
