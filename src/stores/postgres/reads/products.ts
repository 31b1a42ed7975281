import { productColumns } from "./product-columns.ts";

/**
 * Input: product ids (text[]). Result: the catalogue's rows of them, and whether they are archived, in no order. Locks: none.
 */
export const productsSql = {
  name: "read_products",
  text: `
    select ${productColumns}
    from products p left join stock s on s.product_id = p.product_id
    where p.product_id = any($1::text[])`,
};
