/**
 * Input: product ids (text[]). Result: the catalogue's rows of them, in no order. Locks: none.
 */
export const productsSql = {
  name: "read_products",
  text: `
    select product_id, name, category, price_cents, currency, description, initial_stock, revision
    from products where product_id = any($1::text[])`,
};
