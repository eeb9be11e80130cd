-- Paired devices. The token is 24 random bytes, so a fast hash of it is enough; a revoked row stays, as a record of who had access.
create table devices (
  id text collate "C" primary key,
  owner text not null,
  name text not null,
  scope text not null check (scope in ('recorder')),
  token_hash text not null unique, -- SHA-256, hex
  created_at bigint not null,
  last_used_at bigint,
  revoked_at bigint
);
