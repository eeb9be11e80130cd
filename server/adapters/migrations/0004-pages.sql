-- What the recorded page was, from a media time on; an empty text is unknown.
create table pages (
  session_id text collate "C" not null references sessions on delete cascade,
  at_ms double precision not null,
  title text not null,
  source_url text not null,
  playing boolean, -- null: no video is seen
  primary key (session_id, at_ms)
);
