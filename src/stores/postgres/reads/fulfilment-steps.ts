/**
 * Input: order id, step, actor, request id, the step before. Adds the step where the one before it is there and it is not. Steps are
 * never taken away, so that what allows one goes on to; of two requests at once the key lets one in. Result: the order, where it was added. Locks: the new row.
 */
export const advanceFulfilmentSql = {
  name: "advance_fulfilment",
  text: `
    insert into fulfilment_steps (order_id, step, actor, request_id)
    select $1::uuid, $2::text, $3::text, $4::uuid
    where exists (select 1 from fulfilment_steps where order_id = $1::uuid and step = $5::text)
    on conflict (order_id, step) do nothing
    returning order_id`,
};

/** Input: order ids (uuid[]). Result: their steps, each order's in their order. Locks: none. */
export const fulfilmentStepsSql = {
  name: "read_fulfilment_steps",
  text: `
    select order_id, step, actor, request_id, done_at from fulfilment_steps where order_id = any($1::uuid[])
    order by order_id, array_position(array['packed', 'out_for_delivery', 'delivered'], step)`,
};
