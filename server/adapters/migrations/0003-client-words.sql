-- Who makes a recording's words; decided by its first start.
alter table sessions add column transcript text not null default 'server' check (transcript in ('server', 'client'));
