const columns = `
  l.command_id as "commandId", l.type, l.product_id as "productId", l.quantity, l.status, l.reason, l.delta,
  l.stock_after as "stockAfter", l.version, l."partition", l."offset", l.as_of_version as "asOfVersion",
  l.reason is null and l.type <> 'ResumeProduct' and (l.type <> 'CancelOrder' or l.quantity > 0) as booked,
  r.command_id is not null as "wasResumed"`;
const from = `
  ledger l left join ledger r
    on r.type = 'ResumeProduct' and r."partition" = l."partition" and r."offset" = l."offset" and r.command_id <> l.command_id`;

/**
 * All lines, product by product, version by version: the line that made a version first, then those that met it, in the order
 * of the log. A stocktake as of a version comes twice, the second time beside that version. A cancel without units is one that
 * came before its order, and made no version. Sorts the whole ledger. No locks.
 */
export const linesByProductSql = `
  select ${columns}, false as "lookedBack", l.version as "atVersion" from ${from}
  union all
  select ${columns}, true, l.as_of_version from ${from} where l.type = 'CountStock' and l.as_of_version is not null
  order by "productId", "atVersion", "lookedBack", booked desc, "partition", "offset"`;

/** All of `stock`, in the same order. No locks. */
export const stockByProductSql = `select product_id as "productId", quantity, version, archived from stock order by product_id`;

/** The catalogue. No locks. */
export const catalogueSql = `select product_id as "productId", initial_stock as "initialStock" from products`;
