/** Every column of a line, by name: a column that a later migration adds must not change what older processes prepared. */
export const lineColumns = `
  command_id, type, product_id, order_id, quantity, status, reason, delta, stock_after, version, "partition", "offset",
  revision, unit_price_cents, currency, customer_id, basket_id, delivery_location, as_of_version, reference, issued_at,
  decided_at, actor, fulfilment`;
