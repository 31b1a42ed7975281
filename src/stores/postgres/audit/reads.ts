import { lineColumns } from "../line-columns.ts";

/** How far the partitions are, and under which epoch. No locks. */
export const auditedPartitionsSql = `
  select partition, epoch, next_offset as "nextOffset", effects_offset as "effectsOffset" from partitions order by partition`;

/** Input: product ids. No locks. */
export const auditedStockSql = `
  select product_id as "productId", quantity, version from stock where product_id = any($1::text[])`;

/** Input: product ids, versions, pairwise. Result: the line that made each version. No locks. */
export const linesOfVersionsSql = `
  select l.product_id as "productId", l.version, l.stock_after as "stockAfter", l."partition", l."offset"
  from unnest($1::text[], $2::int8[]) as g(product_id, version)
  join ledger l on l.product_id = g.product_id and l.version = g.version
  where l.reason is null and (l.type <> 'CancelOrder' or l.quantity > 0)`;

/** Input: command ids. Result: whole rows. No locks. */
export const auditedLinesSql = `select ${lineColumns} from ledger where command_id = any($1::uuid[])`;
