const columns = `
  l.command_id as "commandId", l.type, l.product_id as "productId", l.order_id as "orderId", l.quantity, l.status, l.reason,
  l.delta, l.stock_after as "stockAfter", l.version, l."partition", l."offset", l.as_of_version as "asOfVersion", l.fulfilment`;

/**
 * The lives of orders with cancels and packings: every line that is a cancelled or packed order or that one of them names, and
 * each of them, order by order; in each the line named comes first, then what was accepted, then what was refused. No locks.
 */
export const linesByOrderSql = `
  with named as (select distinct order_id from ledger where type in ('CancelOrder', 'PackOrder'))
  select ${columns}, l.command_id as life, 'order' as role, 0 as rank from ledger l
  where (l.type = 'PlaceOrder' and (l.status = 'cancelled' or l.fulfilment is not null)) or exists (select from named where named.order_id = l.command_id)
  union all
  select ${columns}, l.order_id, case l.type when 'PackOrder' then 'pack' else 'cancel' end,
    case when l.reason is null then 1 else 2 end
  from ledger l where l.type in ('CancelOrder', 'PackOrder')
  order by life, rank`;
