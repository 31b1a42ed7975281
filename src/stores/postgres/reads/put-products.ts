/** Input: product ids (text[]). Result: the categories of those that are there. Locks: their rows, in the order of their ids. */
export const lockCategoriesSql = {
  name: "lock_products_categories",
  text: `select product_id, category from products where product_id = any($1::text[]) order by product_id for update`,
};

/**
 * Input: products as JSON, each with another id. Adds those that are not there and changes those that differ; their `initial_stock` stays.
 * Result: the ids of those that were written, and whether they are new. Locks: their rows, in the order of their ids.
 */
export const putProductsSql = {
  name: "put_products",
  text: `
    insert into products as p (product_id, name, category, price_cents, currency, description, image_url, initial_stock, low_stock_at)
    select id, name, category, "priceCents", currency, description, "imageUrl", "initialStock", "lowStockAt"
    from jsonb_to_recordset($1::jsonb) as wanted (
      id text, name text, category text, "priceCents" int4, currency text, description text, "imageUrl" text, "initialStock" int4, "lowStockAt" int4)
    order by id
    on conflict (product_id) do update set
      name = excluded.name, category = excluded.category, price_cents = excluded.price_cents, currency = excluded.currency,
      description = excluded.description, image_url = excluded.image_url,
      low_stock_at = excluded.low_stock_at, revision = p.revision + 1
    where (p.name, p.category, p.price_cents, p.currency, p.description, p.image_url, p.low_stock_at)
      is distinct from (excluded.name, excluded.category, excluded.price_cents, excluded.currency, excluded.description, excluded.image_url,
        excluded.low_stock_at)
    returning p.product_id, p.revision = 1 as is_new`,
};

/** Input: product ids (text[]). Result: those that have stock. Locks: none. */
export const withStockSql = {
  name: "read_products_with_stock",
  text: `select product_id from stock where product_id = any($1::text[]) and version > 0`,
};
