/** The author's two models, Product and Order, as Django's migrations would make them. */
export const createTables = `
  create table products (
    id text primary key,
    name text not null,
    quantity integer not null check (quantity >= 0)
  );
  create table orders (
    id bigint generated always as identity primary key,
    product_id text not null references products (id),
    quantity integer not null check (quantity >= 1),
    created_at timestamptz not null default now()
  );
  create index on orders (product_id)`;
