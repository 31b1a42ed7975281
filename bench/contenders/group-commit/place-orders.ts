/**
 * Takes a whole group of orders in one call. Input: of each product its id, the quantity that was decided upon and the one that is left; of
 * each order its id, product, quantity, whether it is accepted, what is left after it, and when it came. Raises `stale` when a quantity is
 * not the one that was decided upon any more, and a unique violation when an order is known: then nothing is stored.
 */
export const createPlaceOrders = `
  create function place_orders(
    products text[], before integer[], after integer[],
    ids uuid[], of_products text[], quantities integer[], statuses text[], stock integer[], customers text[], placed timestamptz[]
  ) returns void language plpgsql as $$
  declare
    found_rows integer;
  begin
    update products p set quantity = g.after
    from unnest(place_orders.products, place_orders.before, place_orders.after) as g (id, before, after)
    where p.product_id = g.id and p.quantity = g.before;
    get diagnostics found_rows = row_count;
    if found_rows <> cardinality(place_orders.products) then raise exception 'stale' using errcode = 'TB001'; end if;
    insert into orders (order_id, product_id, quantity, status, stock_after, unit_price_cents, currency, customer_id, placed_at)
    select g.id, g.product_id, g.quantity, g.status, g.stock, 250, 'EUR', g.customer, g.placed
    from unnest(ids, of_products, quantities, statuses, stock, customers, placed)
      as g (id, product_id, quantity, status, stock, customer, placed);
  end $$;`;

export const placeOrdersSql = {
  name: "place-orders",
  text: "select place_orders($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};

/** Input: product ids. Result: the quantity of each that there is. */
export const readQuantitiesSql = {
  name: "read-quantities",
  text: "select product_id, quantity from products where product_id = any($1)",
};

/** Input: order ids. Result: those that are known, as they were decided. */
export const readOrdersSql = {
  name: "read-orders",
  text: "select order_id, product_id, quantity, status, stock_after from orders where order_id = any($1)",
};

/** PostgreSQL's unique_violation: an order is known. And the function's own. */
export const known = "23505";
export const stale = "TB001";
