import { lineColumns } from "../line-columns.ts";

/** Input: product ids. Result: product_id, quantity, version (0: parked without stock), parked. The locking form takes the rows in order (P5). */
export const stockSql = `
  select product_id, quantity, version, parked_because is not null as parked from stock where product_id = any($1::text[])`;
export const stockLockedSql = `${stockSql} order by product_id for update`;

/** Input: command ids. Result: their lines. The locking form takes the rows in order (P5). */
export const linesByIdSql = `select ${lineColumns} from ledger where command_id = any($1::uuid[])`;
export const linesByIdLockedSql = `${linesByIdSql} order by command_id for update`;

/** Input: partition, from, to, limit. Result: lines with from <= offset < to in the order of the log. No locks. */
export const linesBetweenSql = `
  select ${lineColumns} from ledger
  where "partition" = $1 and "offset" >= $2 and "offset" < $3 order by "offset" limit $4`;

/**
 * Input: product ids, versions. Result: product_id, version, stock_after: the units right after that version. Walks the
 * product's lines from the newest, for a stocktake names a recent version. No locks: a version's stock never changes.
 */
export const stockAtVersionSql = `
  select g.product_id, g.version, l.stock_after
  from unnest($1::text[], $2::int8[]) as g(product_id, version)
  cross join lateral (
    select stock_after from ledger t where t.product_id = g.product_id and t.version = g.version
    order by t.decided_at desc limit 1
  ) l`;
