-- Up Migration

-- Over how many partitions our ingress spreads products, and how far a growth has come (P19). One row, inserted by the first
-- process that starts; `version` grows by one with every change, and a change is made only to the version that was read.
create table partition_map (
  only_row        boolean primary key default true check (only_row),
  version         bigint not null default 1 check (version > 0),
  partition_count integer not null check (partition_count > 0),
  phase           text not null default 'stable' check (phase in ('stable', 'preparing', 'holding', 'draining')),
  -- What it grows to; null: nothing moves.
  to_count        integer,
  -- Nobody waits for the backlog before products are held.
  hurried         boolean not null default false,
  -- By old partition, from 0 on: the offset below which all of the commands lie that were acknowledged there.
  cuts            bigint[],
  changed_at      timestamptz not null default now(),
  constraint partition_map_growing check ((phase = 'stable') = (to_count is null) and (to_count is not null or not hurried)),
  constraint partition_map_multiple check (to_count > partition_count and to_count % partition_count = 0),
  constraint partition_map_cuts check (coalesce(cardinality(cuts) = partition_count, phase <> 'draining') and (cuts is null or phase = 'draining'))
);
