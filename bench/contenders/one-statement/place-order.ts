/**
 * Input: order_id, product_id, quantity, customer_id, placed_at. Takes the units if there are enough, and stores the order in either case.
 * Result: status, and the units that are left; none when there is no such product. Raises a unique violation, and takes nothing, when the
 * order is known: whether it was stored before or in another transaction meanwhile.
 * Locks: the product's row, until the commit.
 */
export const placeOrderSql = {
  name: "place-order",
  text: `
    with taken as (
      update products set quantity = quantity - $3::integer where product_id = $2 and quantity >= $3::integer
      returning product_id, quantity
    )
    insert into orders (order_id, product_id, quantity, status, stock_after, unit_price_cents, currency, customer_id, placed_at)
    select $1, p.product_id, $3::integer, case when t.product_id is null then 'rejected' else 'accepted' end,
           coalesce(t.quantity, p.quantity), p.unit_price_cents, p.currency, $4, $5
    from products p left join taken t on t.product_id = p.product_id
    where p.product_id = $2
    returning status, stock_after`,
};

/** Input: order_id. Result: the order as it was decided. */
export const readOrderSql = {
  name: "read-order",
  text: "select product_id, quantity, status, stock_after from orders where order_id = $1",
};
