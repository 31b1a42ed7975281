-- Up Migration

-- How often something of an order's way has changed: a step after packing, or who brings it. Readers of the steps and the driver are told
-- apart by it, so that none takes an older state for a newer one (docs/decisions/075-tracking.md). The row is locked last, and alone.
create table order_tracking (
  order_id uuid primary key,
  revision integer not null
);

-- Counts whoever writes, also a process of a version before.
create function count_order_tracking() returns trigger language plpgsql as $$
begin
  insert into order_tracking as t (order_id, revision) values (coalesce(new.order_id, old.order_id), 1)
    on conflict (order_id) do update set revision = t.revision + 1;
  return null;
end $$;

-- Packing is the order's own line's: it has a revision there.
create trigger fulfilment_steps_counted after insert on fulfilment_steps
  for each row when (new.step <> 'packed') execute function count_order_tracking();
create trigger order_drivers_counted after insert or delete on order_drivers
  for each row execute function count_order_tracking();

insert into order_tracking (order_id, revision)
  select order_id, count(*) from (
    select order_id from fulfilment_steps where step <> 'packed' union all select order_id from order_drivers
  ) as changes group by order_id;
