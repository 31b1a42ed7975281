-- Up Migration

-- The planned hand-over of partitions: who lets go says so, and who comes next need not wait. What is said is said of an epoch, so
-- that a claim takes it back by itself, also one of a process of the version before. Nothing that is decided rests on it.
-- `fenced_commits` counts commits that were refused to owners who were out of date.
alter table partitions
  add column released_epoch bigint,
  add column awaited_epoch bigint,
  add column awaited_by text,
  add column fenced_commits bigint not null default 0;
