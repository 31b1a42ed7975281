-- Up Migration

-- What is done in the background (docs/decisions/076-background-work.md). The queue's own tables are in a schema of their own, `tallyman_jobs`,
-- which the queue's library makes and keeps up to date.

-- In the order of listings and of a commit: in another one, those of a process that still runs and this migration would wait for each other.
lock table products, partitions, stock, ledger in access exclusive mode;

-- From so few units on a product is low. Null: nobody wants to know.
alter table products add column low_stock_at integer check (low_stock_at >= 0);

-- Each product that has such a threshold, and how far its stock was looked at. Written by look_at_stock, and anew by whatever writes the threshold.
create table stock_watches (
  product_id   text collate "C" primary key,
  low_stock_at integer not null,
  -- The stock's version up to which it was looked at: at first, as it was when the threshold was set.
  version      bigint not null,
  -- When the last line that was looked at was decided: the next ones are looked for from then on.
  seen_at      timestamptz not null,
  -- Its alert is raised; the next one needs a version above the threshold in between.
  is_low       boolean not null
) with (fillfactor = 50);

-- One for each time that a product went from above its threshold to it or below.
create table low_stock_alerts (
  alert_id        bigint generated always as identity primary key,
  product_id      text collate "C" not null,
  low_stock_at    integer not null,
  -- Units and version at the decision that crossed the threshold.
  quantity        integer not null,
  version         bigint not null,
  decided_at      timestamptz not null,
  raised_at       timestamptz not null default now(),
  acknowledged_at timestamptz,
  acknowledged_by text
);
create index low_stock_alerts_product on low_stock_alerts (product_id, alert_id);
create index low_stock_alerts_acknowledged on low_stock_alerts (acknowledged_at) where acknowledged_at is not null;

-- Who is told of events over HTTP. The secret signs, so it can't be a digest.
create table webhooks (
  webhook_id       uuid primary key,
  url              text not null,
  event_types      text[] not null,
  description      text,
  secret           text not null,
  -- The one before, which signs as well until then.
  old_secret       text,
  old_secret_until timestamptz,
  created_at       timestamptz not null default now(),
  -- Since when nothing was taken any more; null: the last delivery was.
  failing_since    timestamptz,
  disabled_at      timestamptz,
  disabled_because text
);

-- One event for one webhook. The body is what is sent, so that each attempt signs the same bytes.
create table webhook_deliveries (
  delivery_id uuid primary key default gen_random_uuid(),
  -- The order in which they are listed.
  number      bigint generated always as identity,
  webhook_id  uuid not null references webhooks on delete cascade,
  -- The same for all webhooks, and for each attempt: the header `webhook-id`.
  event_id    uuid not null,
  type        text not null,
  body        text not null,
  state       text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  -- A job is in the queue for it.
  is_queued   boolean not null default false,
  created_at  timestamptz not null default now(),
  settled_at  timestamptz
);
create index webhook_deliveries_of on webhook_deliveries (webhook_id, number);
create index webhook_deliveries_unqueued on webhook_deliveries (number) where not is_queued;
create index webhook_deliveries_pending on webhook_deliveries (webhook_id) where state = 'pending';
create index webhook_deliveries_settled on webhook_deliveries (settled_at) where settled_at is not null;

create table webhook_attempts (
  attempt_id   bigint generated always as identity primary key,
  delivery_id  uuid not null references webhook_deliveries on delete cascade,
  attempted_at timestamptz not null default now(),
  duration_ms  integer not null,
  -- Of the answer; null: there was none.
  status       integer,
  error        text,
  -- The beginning of the answer's body.
  answer       text
);
create index webhook_attempts_of on webhook_attempts (delivery_id, attempt_id);

-- Makes a delivery of an event for each webhook that wants it. Locks: the new rows; their webhooks against being removed.
create function tell_event(p_type text, p_at timestamptz, p_data jsonb) returns void language sql as $$
  with event as materialized (select gen_random_uuid() as event_id)
  insert into webhook_deliveries (webhook_id, event_id, type, body)
  select w.webhook_id, e.event_id, p_type, jsonb_build_object('type', p_type,
           'timestamp', to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'data', p_data)::text
  from webhooks w cross join event e
  where w.disabled_at is null and p_type = any(w.event_types)
$$;

-- The later steps of orders are few and are written by requests, so that each tells itself. Packed is written by commits, and told below.
create function tell_step() returns trigger language plpgsql as $$
begin
  perform tell_event('order.' || new.step, new.done_at,
    jsonb_build_object('orderId', new.order_id, 'actor', new.actor));
  return null;
end $$;
create trigger tell_step after insert on fulfilment_steps
  for each row when (new.step <> 'packed') execute function tell_step();

-- Lines that events follow from. No order is in it, so none pays for it.
create index ledger_told on ledger ("partition", "offset")
  where type in ('CancelOrder', 'PackOrder', 'ArchiveProduct', 'RestoreProduct');

-- Up to where each partition's decisions were told to webhooks. What was decided before there were any is told to nobody.
create table event_positions (
  "partition" integer primary key,
  next_offset bigint not null
) with (fillfactor = 50);
insert into event_positions select p.partition, p.next_offset from partitions p;

-- Tells webhooks of at most p_lines decisions of each partition, and goes on behind them: both are one transaction, so each is told once. A partition that
-- another process is at is left to it. p_lines is more than may share an offset. Result: whether there is more. Locks: the positions.
create function tell_decisions(p_lines integer) returns boolean language plpgsql as $$
declare
  place record;
  line record;
  up_to bigint;
  is_more boolean := false;
begin
  insert into event_positions ("partition", next_offset) select p.partition, 0 from partitions p
    where not exists (select from event_positions e where e.partition = p.partition)
  on conflict do nothing;
  for place in
    select e.partition, e.next_offset as told, p.next_offset as decided
    from event_positions e join partitions p on p.partition = e.partition
    where e.next_offset < p.next_offset
    order by e.partition
    for update of e skip locked
  loop
    select l.offset into up_to from ledger l
      where l.partition = place.partition and l.offset >= place.told and l.offset < place.decided
        and l.type in ('CancelOrder', 'PackOrder', 'ArchiveProduct', 'RestoreProduct')
      order by l.offset offset p_lines limit 1;
    if up_to is null then up_to := place.decided; else is_more := true; end if;
    for line in
      select l.type, l.product_id, l.order_id, l.quantity, l.actor, l.version, l.decided_at from ledger l
      where l.partition = place.partition and l.offset >= place.told and l.offset < up_to
        and l.type in ('CancelOrder', 'PackOrder', 'ArchiveProduct', 'RestoreProduct') and l.status = 'accepted'
      order by l.offset
    loop
      case line.type
        when 'PackOrder', 'CancelOrder' then
          perform tell_event(case line.type when 'PackOrder' then 'order.packed' else 'order.cancelled' end, line.decided_at,
            jsonb_build_object('orderId', line.order_id, 'productId', line.product_id, 'quantity', line.quantity, 'actor', line.actor));
        else
          perform tell_event(case line.type when 'ArchiveProduct' then 'product.archived' else 'product.restored' end, line.decided_at,
            jsonb_build_object('productId', line.product_id, 'version', line.version, 'actor', line.actor));
      end case;
    end loop;
    update event_positions e set next_offset = up_to where e.partition = place.partition;
  end loop;
  return is_more;
end $$;

-- Raises an alert, and tells webhooks of it.
create function raise_low_stock(p_product text, p_low_stock_at integer, p_quantity integer, p_version bigint, p_decided_at timestamptz)
returns void language plpgsql as $$
declare
  alert bigint;
begin
  insert into low_stock_alerts (product_id, low_stock_at, quantity, version, decided_at)
    values (p_product, p_low_stock_at, p_quantity, p_version, p_decided_at) returning alert_id into alert;
  perform tell_event('product.low_stock', p_decided_at, jsonb_build_object('alertId', alert, 'productId', p_product,
    'lowStockAt', p_low_stock_at, 'quantity', p_quantity, 'version', p_version));
end $$;

-- A threshold that is set counts from the stock as it is then: low already is an alert. Locks: the watch.
create function watch_stock() returns trigger language plpgsql as $$
declare
  known record;
begin
  if new.low_stock_at is null then
    delete from stock_watches w where w.product_id = new.product_id;
    return null;
  end if;
  select s.quantity, s.version, s.version > 0 and s.quantity <= new.low_stock_at as is_low into known
    from stock s where s.product_id = new.product_id;
  -- Commits end within seconds: none that comes after this version was begun a minute ago.
  insert into stock_watches (product_id, low_stock_at, version, seen_at, is_low)
    values (new.product_id, new.low_stock_at, coalesce(known.version, 0), now() - interval '1 minute', coalesce(known.is_low, false))
  on conflict (product_id) do update
    set low_stock_at = excluded.low_stock_at, version = excluded.version, seen_at = excluded.seen_at, is_low = excluded.is_low;
  if known.is_low then
    perform raise_low_stock(new.product_id, new.low_stock_at, known.quantity, known.version, now());
  end if;
  return null;
end $$;
create trigger watch_new_product after insert on products
  for each row when (new.low_stock_at is not null) execute function watch_stock();
create trigger watch_changed_product after update on products
  for each row when (new.low_stock_at is distinct from old.low_stock_at) execute function watch_stock();

-- Looks at p_watches watches behind p_after, in the order of their products, and folds what their products' lines say on: an alert for each
-- time that the quantity went from above the threshold to it or below. A watch that another process is at is left to it. Lines are found by when they were decided, which follows the versions; where it does not, as
-- after the server's clock was set back, a version is missing, and all lines of the product are asked. Nothing is skipped: versions are
-- counted through. Of one product no more than p_lines lines are read, and none is begun when so many were read in all; more than one commit writes of a product.
-- Result: the last product that was looked at (null: that was all), alerts raised, and whether products were left that have more lines. Locks: the watches.
create function look_at_stock(p_after text, p_watches integer, p_lines integer)
returns table (looked_up_to text, alerts integer, is_more boolean) language plpgsql as $$
declare
  watch record;
  page_end text;
  lines_read integer := 0;
  found_lines integer;
  versions bigint[];
  quantities integer[];
  times timestamptz[];
  last_read timestamptz;
  at_version bigint;
  at_time timestamptz;
  low boolean;
  place integer;
begin
  alerts := 0;
  is_more := false;
  select max(page.product_id), count(*) into page_end, place
    from (select w.product_id from stock_watches w where w.product_id > p_after order by w.product_id limit p_watches) as page;
  looked_up_to := case when place = p_watches then page_end end;
  for watch in
    select w.product_id, w.low_stock_at, w.version, w.seen_at, w.is_low, s.quantity as quantity_now, s.version as version_now
    from stock_watches w join stock s on s.product_id = w.product_id
    where w.product_id > p_after and w.product_id <= page_end and w.version < s.version
    order by w.product_id
    for update of w skip locked
  loop
    if lines_read >= p_lines then
      is_more := true;
      exit;
    end if;
    low := watch.is_low;
    at_version := watch.version;
    at_time := watch.seen_at;
    with raw as materialized (
      select l.version, l.stock_after, l.decided_at from ledger l
      where l.product_id = watch.product_id and l.decided_at >= watch.seen_at
      order by l.decided_at limit p_lines
    ), by_version as (
      select r.version, min(r.stock_after) as quantity, max(r.decided_at) as decided_at from raw r
      where r.version > watch.version group by r.version
    )
    select (select count(*) from raw), (select max(r.decided_at) from raw r), array_agg(b.version order by b.version),
           array_agg(b.quantity order by b.version), array_agg(b.decided_at order by b.version)
      into found_lines, last_read, versions, quantities, times from by_version b;
    lines_read := lines_read + found_lines;
    for attempt in 1..2 loop
      place := 1;
      while versions[place] = at_version + 1 loop
        at_version := versions[place];
        at_time := times[place];
        if not low and quantities[place] <= watch.low_stock_at then
          perform raise_low_stock(watch.product_id, watch.low_stock_at, quantities[place], at_version, times[place]);
          alerts := alerts + 1;
        end if;
        low := quantities[place] <= watch.low_stock_at;
        place := place + 1;
      end loop;
      exit when at_version >= watch.version_now or attempt = 2;
      is_more := true;
      if found_lines = p_lines and (at_version > watch.version or last_read > watch.seen_at) then
        at_time := last_read;
        exit;
      end if;
      select array_agg(b.version order by b.version), array_agg(b.quantity order by b.version), array_agg(b.decided_at order by b.version)
          into versions, quantities, times from (
        select l.version, min(l.stock_after) as quantity, max(l.decided_at) as decided_at from ledger l
        where l.product_id = watch.product_id and l.version > at_version
        group by l.version order by l.version limit p_lines
      ) as b;
      lines_read := lines_read + coalesce(cardinality(versions), 0);
      if versions[1] is distinct from at_version + 1 then
        -- Somebody took lines away: it counts as it is now.
        at_version := watch.version_now;
        at_time := now() - interval '1 minute';
        if not low and watch.quantity_now <= watch.low_stock_at then
          perform raise_low_stock(watch.product_id, watch.low_stock_at, watch.quantity_now, watch.version_now, now());
          alerts := alerts + 1;
        end if;
        low := watch.quantity_now <= watch.low_stock_at;
        exit;
      end if;
    end loop;
    update stock_watches w set version = at_version, seen_at = at_time, is_low = low where w.product_id = watch.product_id;
    if lines_read >= p_lines then looked_up_to := watch.product_id; end if;
  end loop;
  return next;
end $$;

-- What each audit of the background found (docs/audit.md).
create table audits (
  audit_id    bigint generated always as identity primary key,
  started_at  timestamptz not null,
  ended_at    timestamptz not null default now(),
  -- Null: it could not be finished.
  differences integer,
  failed_because text,
  report      jsonb
);

-- Which assignments are old.
create index order_drivers_age on order_drivers (assigned_at);
