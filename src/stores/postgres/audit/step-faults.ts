/**
 * Orders whose steps are not what they should be: each that a PackOrder was accepted of has the step packed, of that command, and no
 * other has any; each step comes after the one before it. No locks.
 */
export const stepFaultsSql = `
  with steps as (
    select order_id, max(request_id::text) filter (where step = 'packed') as packed_by,
      max(done_at) filter (where step = 'packed') as packed,
      max(done_at) filter (where step = 'out_for_delivery') as out_for_delivery,
      max(done_at) filter (where step = 'delivered') as delivered
    from fulfilment_steps group by order_id
  ), packings as (
    select order_id, min(command_id::text) as command_id from ledger where type = 'PackOrder' and reason is null group by order_id
  ), faults as (
    select coalesce(s.order_id, p.order_id) as "orderId", case
      when p.command_id is null then 'it has steps, and no packing was accepted'
      when s.packed_by is distinct from p.command_id then 'its step packed is not of its packing'
      when s.delivered is not null and s.out_for_delivery is null then 'it is delivered, and was not out for delivery'
      when s.out_for_delivery < s.packed then 'it was out for delivery before it was packed'
      when s.delivered < s.out_for_delivery then 'it was delivered before it was out for delivery'
    end as says
    from steps s full join packings p on p.order_id = s.order_id
  )
  select "orderId", says from faults where says is not null order by "orderId"`;
