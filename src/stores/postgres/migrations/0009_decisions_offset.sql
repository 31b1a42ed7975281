-- Up Migration

-- How far the decisions topic has been told what each partition decided; everything from 0 on is told, also what was decided
-- before there was such a topic. Processes of the version before leave it as it is.
alter table partitions
  add column decisions_offset bigint not null default 0,
  add check (decisions_offset <= next_offset);
