-- Checksums of a clip's objects, by which damage is found when they are served; null where the clip is older than this.
alter table clips add column sums jsonb;
