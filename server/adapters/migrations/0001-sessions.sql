-- Times: media times are double precision milliseconds since the session began; …_at are bigint milliseconds since the epoch.
-- Ids compare byte by byte (collate "C") so that pages come out the same on every server.
create table sessions (
  id text collate "C" primary key,
  owner text not null,
  key text not null,
  title text not null,
  source_url text not null,
  mime text not null,
  status text not null check (status in ('live', 'interrupted', 'draining', 'closed', 'failed')),
  tier text not null check (tier in ('free', 'plus', 'pro')),
  started_at bigint not null,
  ended_at bigint,
  duration_ms double precision not null default 0,
  bytes bigint not null default 0,
  chunks bigint not null default 0,
  missing bigint not null default 0,
  last_sequence bigint not null default 0,
  epoch bigint not null default 0,
  pinned boolean not null default false,
  note text not null default '',
  signals_until_ms double precision not null default 0,
  words_until_ms double precision not null default 0,
  unique (owner, key)
);
create index sessions_newest on sessions (started_at desc, id desc);
create index sessions_by_status on sessions (status, started_at desc, id desc);

create table gaps (
  session_id text collate "C" not null references sessions on delete cascade,
  from_sequence bigint not null,
  to_sequence bigint not null,
  start_ms double precision not null,
  end_ms double precision not null,
  reason text not null,
  primary key (session_id, from_sequence)
);

create table regions (
  session_id text collate "C" not null references sessions on delete cascade,
  at_ms double precision not null,
  rect jsonb, -- null: the video is not in the picture
  primary key (session_id, at_ms)
);

create table cold_segments (
  session_id text collate "C" not null references sessions on delete cascade,
  index bigint not null,
  object_key text not null,
  file_bytes bigint not null,
  stored_at bigint not null,
  primary key (session_id, index)
);

create table bins (
  session_id text collate "C" not null references sessions on delete cascade,
  second integer not null,
  values real[] not null, -- in the order of SIGNALS in shared/model.ts
  speech smallint not null,
  primary key (session_id, second)
);

create table words (
  session_id text collate "C" not null references sessions on delete cascade,
  start_ms double precision not null,
  end_ms double precision not null,
  text text not null,
  confidence double precision not null,
  n bigint generated always as identity, -- keeps words of equal times in the order they were said
  primary key (session_id, start_ms, end_ms, text)
);

create table highlights (
  id text collate "C" primary key,
  session_id text collate "C" not null references sessions on delete cascade,
  version bigint not null,
  state text not null check (state in ('provisional', 'refined', 'vetoed')),
  start_ms double precision not null,
  end_ms double precision not null,
  peak_ms double precision not null,
  score double precision not null,
  title text not null,
  reasons jsonb not null
);
create index highlights_by_session on highlights (session_id, start_ms);

create table clips (
  id text collate "C" primary key,
  session_id text collate "C" not null references sessions on delete cascade,
  version bigint not null,
  state text not null check (state in ('provisional', 'refined')),
  start_ms double precision not null,
  end_ms double precision not null,
  handle_before_ms double precision not null,
  handle_after_ms double precision not null,
  score double precision not null,
  title text not null,
  reasons jsonb not null,
  mime text not null,
  bytes bigint not null,
  width integer not null,
  height integer not null,
  pinned boolean not null,
  created_at bigint not null,
  expires_at bigint,
  media_key text not null,
  thumbnail_key text not null,
  search text not null default '', -- title and words of the range, lower case; kept by saveClip and commitWords
  lexemes tsvector generated always as (to_tsvector('simple'::regconfig, search)) stored -- else every candidate is parsed again
);
create index clips_newest on clips (created_at desc, id desc);
create index clips_by_session on clips (session_id, created_at desc, id desc);
create index clips_expiring on clips (expires_at) where not pinned;
create index clips_words on clips using gin (lexemes);

-- Every object a clip ever had: a new version's media does not make the old one vanish from the store.
create table clip_objects (
  clip_id text collate "C" not null references clips on delete cascade,
  object_key text not null,
  primary key (clip_id, object_key)
);

-- A clip that was deleted stays deleted when its next version comes.
create table deleted_clips (
  id text collate "C" primary key,
  session_id text collate "C" not null references sessions on delete cascade
);
create index deleted_clips_by_session on deleted_clips (session_id);

create table dead_letters (
  id text collate "C" primary key,
  session_id text collate "C" not null references sessions on delete cascade,
  stage text not null,
  start_ms double precision not null,
  end_ms double precision not null,
  code text not null,
  message text not null,
  attempts bigint not null,
  created_at bigint not null
);
create index dead_letters_by_session on dead_letters (session_id, created_at);

create table settings (name text primary key, value text not null);

create table spend (
  provider text not null,
  hour_at bigint not null,
  usd double precision not null,
  primary key (provider, hour_at)
);

create function clip_search(title text, session text, from_ms double precision, to_ms double precision) returns text language sql stable as $$
  select lower(title || ' ' || coalesce((
    select string_agg(w.text, ' ' order by w.start_ms, w.n) from words w
    where w.session_id = session and w.start_ms > from_ms - 60000 and w.start_ms < to_ms and (w.end_ms > from_ms or w.start_ms >= from_ms)), ''))
$$;

-- Trigrams make "part of a word" searches fast. Without the extension the same search works, by reading.
do $$ begin
  create extension if not exists pg_trgm;
  create index clips_parts on clips using gin (search gin_trgm_ops);
exception when others then
  raise notice 'pg_trgm is not available here (%): searches for parts of words read every clip', sqlerrm;
end $$;
