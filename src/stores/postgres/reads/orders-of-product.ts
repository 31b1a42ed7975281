import { lineColumns } from "../line-columns.ts";

/**
 * Input: product id, limit, then the line to go on after: decided_at, partition, offset (all null: from the newest).
 * Result: the product's PlaceOrder lines, newest decision first, and decided_at as text in full precision. Walks the index
 * ledger_product; lines of one commit share their time, and only those are sorted. Locks: none.
 */
export const ordersOfProductSql = {
  name: "read_orders_of_product",
  text: `
    select ${lineColumns}, decided_at::text as decided_text from ledger
    where product_id = $1 and type = 'PlaceOrder'
      and decided_at <= coalesce($3::timestamptz, 'infinity')
      and (decided_at, "partition", "offset") <
          (coalesce($3::timestamptz, 'infinity'), coalesce($4::int4, 0), coalesce($5::int8, 0))
    order by decided_at desc, "partition" desc, "offset" desc limit $2`,
};
