-- Up Migration

-- The catalogue: what a product is. How many units there are is in `stock`, and no route writes that.
create table products (
  product_id    text primary key check (product_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  name          text not null,
  category      text not null,
  price_cents   integer not null check (price_cents >= 0),
  currency      text not null check (currency ~ '^[A-Z]{3}$'),
  description   text,
  initial_stock integer not null check (initial_stock >= 0),
  revision      integer not null default 1,
  created_at    timestamptz not null default now()
);

-- Units of each product. Written by commit_group alone; the version grows by one with every accepted
-- command, but not with a cancel that came before its order.
create table stock (
  product_id text collate "C" primary key,
  quantity   integer not null check (quantity >= 0),
  version    bigint not null check (version > 0)
) with (fillfactor = 70);

-- How far each partition of the log is decided, and who may go on (P4, P10). The truth about progress.
create table partitions (
  partition      integer primary key,
  epoch          bigint not null,
  owner          text not null,
  claimed_at     timestamptz not null default now(),
  next_offset    bigint not null default 0,
  effects_offset bigint not null default 0,
  check (effects_offset <= next_offset)
) with (fillfactor = 20);

-- One row for each command that was decided, whatever its kind, so that a command id is unique over all of them (P1, P2).
create table ledger (
  command_id        uuid primary key,
  type              text not null check (type in ('PlaceOrder', 'CancelOrder', 'ReceiveStock', 'CountStock')),
  product_id        text collate "C" not null,
  order_id          uuid,
  quantity          integer not null,
  status            text collate "C" not null check (status in ('accepted', 'rejected', 'cancelled')),
  reason            text,
  delta             integer not null,
  stock_after       integer not null,
  version           bigint not null,
  "partition"       integer not null,
  "offset"          bigint not null,
  revision          integer not null default 1,
  unit_price_cents  integer,
  currency          text,
  customer_id       text collate "C",
  basket_id         text collate "C",
  delivery_location jsonb,
  as_of_version     bigint,
  reference         text,
  issued_at         timestamptz not null,
  decided_at        timestamptz not null default now()
);

-- Every index here is paid by every order: measured, an index more costs a sixth of a commit. So there are three that all
-- lines pay, and the others hold few lines or are paid only by those who fill their column.

-- Effects are replayed, and the audit reads, in the order of the log (P15).
create index ledger_log on ledger ("partition", "offset");
-- A product's lines, newest first; the stock at a version (P12).
create index ledger_product on ledger (product_id, decided_at);
create index ledger_rejected on ledger ("partition", "offset") where type = 'PlaceOrder' and status = 'rejected';
create index ledger_cancelled on ledger ("partition", "offset") where status = 'cancelled';
create index ledger_customer on ledger (customer_id) where customer_id is not null;
create index ledger_basket on ledger (basket_id) where basket_id is not null;

create view orders as
  select command_id as order_id, product_id, quantity, unit_price_cents, currency, customer_id, basket_id,
         delivery_location, status, reason, delta, stock_after, version, "partition", "offset", revision,
         issued_at as placed_at, decided_at
  from ledger where type = 'PlaceOrder';

create view stock_movements as
  select command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version,
         "partition", "offset", as_of_version, reference, issued_at, decided_at
  from ledger where type <> 'PlaceOrder';

-- Records that could not be decoded: kept whole, so that the partition may go on and nothing is lost (P13).
create table dead_letters (
  "partition" integer not null,
  "offset"    bigint not null,
  reason      text not null,
  record_key  bytea,
  record_value bytea,
  headers     jsonb not null default '{}',
  stored_at   timestamptz not null default now(),
  primary key ("partition", "offset")
);
