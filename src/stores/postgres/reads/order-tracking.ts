/**
 * Input: order ids (uuid[]). Result: of those that are packed or have a driver, the revision of their way, the last step and who has
 * them, all of one moment; in no order. Locks: none.
 */
export const orderTrackingSql = {
  name: "read_order_tracking",
  text: `
    select w.order_id, coalesce(t.revision, 0) as revision, s.step, o.driver_id, d.name
    from unnest($1::uuid[]) as w(order_id)
      left join order_tracking t on t.order_id = w.order_id
      left join order_drivers o on o.order_id = w.order_id
      left join drivers d on d.driver_id = o.driver_id
      left join lateral (
        select f.step from fulfilment_steps f where f.order_id = w.order_id
        order by array_position(array['packed', 'out_for_delivery', 'delivered'], f.step) desc limit 1
      ) s on true
    where t.order_id is not null or s.step is not null`,
};
