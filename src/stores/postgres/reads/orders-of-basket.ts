import { lineColumns } from "../line-columns.ts";

/**
 * Input: basket id, limit, then the line to go on after (decided_at, partition, offset; all null: from the newest), then
 * product id, status (each null: any). Result: the basket's PlaceOrder lines, newest decision first, and decided_at as text
 * in full precision. Finds all of the basket's lines by ledger_basket and sorts them: they are few. Locks: none.
 */
export const ordersOfBasketSql = {
  name: "read_orders_of_basket",
  text: `
    select ${lineColumns}, decided_at::text as decided_text from ledger
    where basket_id = $1 and type = 'PlaceOrder'
      and (decided_at, "partition", "offset") <
          (coalesce($3::timestamptz, 'infinity'), coalesce($4::int4, 0), coalesce($5::int8, 0))
      and ($6::text is null or product_id = $6)
      and ($7::text is null or status = $7)
    order by decided_at desc, "partition" desc, "offset" desc limit $2`,
};
