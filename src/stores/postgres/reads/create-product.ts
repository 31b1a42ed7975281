/**
 * Input: id, name, category, price_cents, currency, description, image_url, initial_stock, low_stock_at. Adds the product unless its id is taken.
 * Result: its id as added; none when that was taken, also by a transaction that ended while this one waited for it.
 * Locks: the new row.
 */
export const createProductSql = {
  name: "create_product",
  text: `
    insert into products (product_id, name, category, price_cents, currency, description, image_url, initial_stock, low_stock_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (product_id) do nothing
    returning product_id`,
};
