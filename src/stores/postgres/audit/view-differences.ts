const order = `command_id, product_id, quantity, unit_price_cents, currency, customer_id, basket_id, delivery_location, status,
  reason, delta, stock_after, version, "partition", "offset", revision, issued_at, decided_at,
  fulfilment`;
const movement = `command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version, "partition",
  "offset", as_of_version, reference, issued_at, decided_at, actor`;

/** Ids that one has and the other has not, or has otherwise. Sorts or hashes both. No locks. */
function differences(view: string, viewColumns: string, where: string, ledgerColumns: string): string {
  const shown = `select ${viewColumns} from ${view}`;
  const stored = `select ${ledgerColumns} from ledger where ${where}`;
  const ids = `select command_id from ((${shown} except all ${stored}) union all (${stored} except all ${shown})) as d`;
  return `select '${view}' as view, command_id as "commandId" from (${ids}) as ids group by command_id`;
}

export const viewDifferencesSql = `
  ${differences("orders", order.replace("command_id", "order_id as command_id").replace("issued_at", "placed_at"), "type = 'PlaceOrder'", order)}
  union all
  ${differences("stock_movements", movement, "type <> 'PlaceOrder'", movement)}`;
