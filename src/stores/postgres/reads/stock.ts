/**
 * Input: product ids (text[]). Result: units and version of those that have a stock row, in no order. Locks: none.
 */
export const stockSql = {
  name: "read_stock",
  text: `select product_id, quantity, version from stock where product_id = any($1::text[])`,
};
