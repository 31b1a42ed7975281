/** The columns of a line under the names of `Line`. */
export const auditLineColumns = `
  command_id as "commandId", type, product_id as "productId", order_id as "orderId", quantity, status, reason, delta,
  stock_after as "stockAfter", version, "partition", "offset", revision, unit_price_cents as "unitPriceCents", currency,
  customer_id as "customerId", basket_id as "basketId", delivery_location as "deliveryLocation",
  as_of_version as "asOfVersion", reference, actor, fulfilment, (extract(epoch from issued_at) * 1000)::float8 as "issuedAt"`;

/** All lines by their place in the log: the order of an index. No locks. */
export const linesByPlaceSql = `select ${auditLineColumns} from ledger order by "partition", "offset"`;

/**
 * Input: product ids. Result: where their ResumeProducts decided what waited. Reads all lines of these products. No locks.
 */
export const resumesOfSql = `
  select product_id as "productId", "partition", "offset" from ledger
  where product_id = any($1::text[]) and type = 'ResumeProduct' and reason is null`;

/** Input: command ids. Result: their lines. No locks. */
export const linesByIdSql = `select ${auditLineColumns} from ledger where command_id = any($1::uuid[])`;
