-- Up Migration

-- Who drives. Where they are is in Redis and never here: positions are written thousands of times a second and are worth nothing
-- a moment later (docs/decisions/072-drivers.md).
create table drivers (
  driver_id     text collate "C" primary key check (driver_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  name          text not null,
  on_duty       boolean not null default false,
  duty_since    timestamptz not null default now(),
  registered_at timestamptz not null default now()
);

-- Who brings which order. An order has one row at most, and a driver one that has not ended: these two keys decide between
-- dispatchers. A row is removed when the driver is released, and stays when the order is delivered. What ends it is the order's own
-- delivery or cancel; `ended_at` notes that when the driver gets another order, and makes room for it in the second key.
create table order_drivers (
  order_id    uuid primary key,
  driver_id   text collate "C" not null references drivers,
  assigned_by text,
  assigned_at timestamptz not null default now(),
  ended_at    timestamptz
);
create unique index order_drivers_active on order_drivers (driver_id) where ended_at is null;

-- The active assignments: of orders that are neither delivered nor cancelled.
create view active_order_drivers as
  select o.order_id, o.driver_id, o.assigned_by, o.assigned_at from order_drivers o
  where o.ended_at is null
    and not exists (select from fulfilment_steps f where f.order_id = o.order_id and f.step = 'delivered')
    and not exists (select from ledger l where l.command_id = o.order_id and l.status = 'cancelled');

-- Gives an order to a driver. The outcome is the first of these that holds:
--   unknown_driver
--   undecided       no order with this id is decided
--   not_accepted    it was refused or cancelled
--   assigned        to this very driver: now, or before
--   ended           it was brought already
--   order_taken     another driver has it: `of_driver`
--   off_duty
--   driver_busy     the driver has another order: `of_order`
-- Locks: the driver's row, so that nothing else about the driver changes meanwhile; then the new row.
create function assign_driver(p_order uuid, p_driver text, p_by text)
returns table (outcome text, of_order uuid, of_driver text, by_whom text, since timestamptz) language plpgsql as $$
declare
  known drivers%rowtype;
  standing order_drivers%rowtype;
  order_status text;
begin
  select * into known from drivers d where d.driver_id = p_driver for no key update;
  if not found then
    return query select 'unknown_driver', p_order, p_driver, null::text, null::timestamptz;
    return;
  end if;
  select l.status into order_status from ledger l where l.command_id = p_order and l.type = 'PlaceOrder';
  if order_status is null or order_status <> 'accepted' then
    return query select case when order_status is null then 'undecided' else 'not_accepted' end,
                        p_order, p_driver, null::text, null::timestamptz;
    return;
  end if;
  -- An order that was delivered or cancelled does not keep its driver.
  update order_drivers o set ended_at = now()
    where o.driver_id = p_driver and o.ended_at is null
      and not exists (select from active_order_drivers a where a.order_id = o.order_id);
  loop
    select * into standing from order_drivers o where o.order_id = p_order;
    if found then
      return query select case when not exists (select from active_order_drivers a where a.order_id = p_order) then 'ended'
                               when standing.driver_id = p_driver then 'assigned' else 'order_taken' end,
                          p_order, standing.driver_id, standing.assigned_by, standing.assigned_at;
      return;
    end if;
    if not known.on_duty then
      return query select 'off_duty', p_order, p_driver, null::text, null::timestamptz;
      return;
    end if;
    select * into standing from order_drivers o where o.driver_id = p_driver and o.ended_at is null;
    if found then
      return query select 'driver_busy', standing.order_id, p_driver, standing.assigned_by, standing.assigned_at;
      return;
    end if;
    -- Another dispatcher may be at the same order: this waits for how that ends, and whoever comes second looks again.
    insert into order_drivers (order_id, driver_id, assigned_by) values (p_order, p_driver, p_by)
      on conflict do nothing;
  end loop;
end $$;

-- On or off duty. Who has an order stays on duty. The outcome is `done`, `unknown_driver`, or `driver_busy` with the order.
-- Locks: the driver's row.
create function set_driver_duty(p_driver text, p_on_duty boolean)
returns table (outcome text, of_order uuid) language plpgsql as $$
declare
  active uuid;
begin
  perform 1 from drivers d where d.driver_id = p_driver for no key update;
  if not found then
    return query select 'unknown_driver', null::uuid;
    return;
  end if;
  select a.order_id into active from active_order_drivers a where a.driver_id = p_driver;
  if active is not null and not p_on_duty then
    return query select 'driver_busy', active;
    return;
  end if;
  update drivers d set on_duty = p_on_duty, duty_since = now() where d.driver_id = p_driver and d.on_duty <> p_on_duty;
  return query select 'done', active;
end $$;
