import { lineColumns } from "../line-columns.ts";

/**
 * Input: product ids. Result: product_id, quantity, version (0: parked without stock), archived, parked. The locking form takes
 * the rows in order (P5).
 */
export const stockSql = `
  select product_id, quantity, version, archived, parked_because is not null as parked
  from stock where product_id = any($1::text[])`;
export const stockLockedSql = `${stockSql} order by product_id for update`;

/** Input: command ids. Result: their lines. The locking form takes the rows in order (P5). */
export const linesByIdSql = `select ${lineColumns} from ledger where command_id = any($1::uuid[])`;
export const linesByIdLockedSql = `${linesByIdSql} order by command_id for update`;

/** Input: partition, from, to, limit. Result: lines with from <= offset < to in the order of the log. No locks. */
export const linesBetweenSql = `
  select ${lineColumns} from ledger
  where "partition" = $1 and "offset" >= $2 and "offset" < $3 order by "offset" limit $4`;

/**
 * Input: product ids, versions. Result: product_id, version, stock_after: the units right after that version, each asked for once.
 * Versions that the product has not had are not looked for. Between the two anchors around it (migration 0006) the product's
 * lines are walked from the newest; the minute on both sides is for transactions that began in another order than they
 * committed. No locks: a version's stock never changes.
 */
export const stockAtVersionSql = `
  select g.product_id, g.version, l.stock_after
  from (select distinct product_id, version from unnest($1::text[], $2::int8[]) as u(product_id, version)) g
  join stock s on s.product_id = g.product_id and g.version between 1 and s.version
  left join lateral (
    select decided_at from ledger a
    where a.product_id = g.product_id and a.version % 64 = 0 and a.reason is null and a.version < g.version
    order by a.version desc limit 1
  ) older on true
  left join lateral (
    select decided_at from ledger a
    where a.product_id = g.product_id and a.version % 64 = 0 and a.reason is null and a.version >= g.version
    order by a.version limit 1
  ) newer on true
  cross join lateral (
    select stock_after from ledger t
    where t.product_id = g.product_id and t.version = g.version
      and t.decided_at >= coalesce(older.decided_at - interval '1 minute', '-infinity')
      and t.decided_at <= coalesce(newer.decided_at + interval '1 minute', 'infinity')
    order by t.decided_at desc limit 1
  ) l`;
