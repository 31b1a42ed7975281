/**
 * Input: product ids (text[]). Result: units and version of those that have stock, in no order: a row of version 0 only says
 * that a product is parked. Locks: none.
 */
export const stockSql = {
  name: "read_stock",
  text: `select product_id, quantity, version from stock where product_id = any($1::text[]) and version > 0`,
};
