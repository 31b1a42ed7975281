/**
 * What the peers (a) and (b) keep: a product's quantity, and a row for each order, accepted or refused, with what Tallyman keeps of one.
 * The index is what a shop needs to list a product's orders; Tallyman has the same.
 */
export const createTables = `
  create table products (
    product_id       text collate "C" primary key,
    quantity         integer not null check (quantity >= 0),
    units            integer not null,
    unit_price_cents integer not null,
    currency         text not null
  ) with (fillfactor = 70);
  create table orders (
    order_id         uuid primary key,
    product_id       text collate "C" not null,
    quantity         integer not null,
    status           text collate "C" not null,
    stock_after      integer not null,
    unit_price_cents integer not null,
    currency         text not null,
    customer_id      text collate "C",
    placed_at        timestamptz not null,
    decided_at       timestamptz not null default now()
  );
  create index orders_product on orders (product_id, decided_at);`;
