-- What people look for in the catalogue: pictures, listings in several orders, search.

-- Typing errors. Trusted: whoever may create in the database may add it.
create extension if not exists pg_trgm;

alter table products
  add column image_url text,
  -- Of no language, for nobody says in which one products are called.
  add column search tsvector not null generated always as (
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', category), 'B')
      || setweight(to_tsvector('simple', coalesce(description, '')), 'C')
  ) stored;

-- Each order of a listing, of all products and of a category's.
create index products_by_name on products (lower(name), product_id);
create index products_by_price on products (price_cents, product_id);
create index products_by_age on products (created_at, product_id);
create index products_by_category on products (category, product_id);
create index products_by_category_name on products (category, lower(name), product_id);
create index products_by_category_price on products (category, price_cents, product_id);
create index products_by_category_age on products (category, created_at, product_id);
create index products_by_words on products using gin (search);
create index products_by_letters on products using gin (lower(name) gin_trgm_ops);

-- Input: words that must all begin a word of the product; the same as it was typed, in small letters.
-- Result: products that have them, ranked above 1; and those whose names look like it, ranked below. Locks: none.
create function search_products(words tsquery, typed text) returns table (product_id text, rank double precision)
language sql stable
-- Two letters of five that changed places are still found.
set pg_trgm.word_similarity_threshold = 0.3
as $$
  select p.product_id, case when p.search @@ words then 1 + ts_rank(p.search, words) else word_similarity(typed, lower(p.name)) end
  from products p
  where p.search @@ words or lower(p.name) %> typed
$$;
