const columns = `
  l.command_id as "commandId", l.type, l.product_id as "productId", l.order_id as "orderId", l.quantity, l.status, l.reason,
  l.delta, l.stock_after as "stockAfter", l.version, l."partition", l."offset", l.as_of_version as "asOfVersion"`;

/**
 * The lives of orders with cancels: every line that is a cancelled order or that a cancel names, and every cancel, order by
 * order; in each the line named comes first, then accepted cancels, then refused ones. No locks.
 */
export const linesByOrderSql = `
  with named as (select distinct order_id from ledger where type = 'CancelOrder')
  select ${columns}, l.command_id as life, 'order' as role, 0 as rank from ledger l
  where (l.type = 'PlaceOrder' and l.status = 'cancelled') or exists (select from named where named.order_id = l.command_id)
  union all
  select ${columns}, l.order_id, 'cancel', case when l.reason is null then 1 else 2 end from ledger l
  where l.type = 'CancelOrder'
  order by life, rank`;
