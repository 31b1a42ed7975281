import { stockSql as stockRowsSql } from "../statements/prefetch.ts";

/**
 * Input: product ids (text[]). Result: units and version of those that have a stock row, in no order. Locks: none.
 */
export const stockSql = {
  name: "read_stock",
  text: stockRowsSql,
};
