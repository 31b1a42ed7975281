/** Statements of who drives and who brings which order. `assign_driver` and `set_driver_duty` are in 0014_drivers.sql. */

/** Input: id, name. Adds the driver unless the id is taken. Result: the id, where it was added. Locks: the new row. */
export const registerDriverSql = {
  name: "register_driver",
  text: `insert into drivers (driver_id, name) values ($1, $2) on conflict (driver_id) do nothing returning driver_id`,
};

/** Input: driver ids (text[]). Result: the drivers beside the order that each brings, in no order. Locks: none. */
export const driversSql = {
  name: "read_drivers",
  text: `
    select d.driver_id, d.name, d.on_duty, d.duty_since, a.order_id
    from drivers d left join active_order_drivers a on a.driver_id = d.driver_id
    where d.driver_id = any($1::text[])`,
};

/**
 * Input: the id behind which they begin (''; from the first), on duty (null: either), free (null: either), how many. Result: the drivers
 * beside the order that each brings, in the order of their ids. Locks: none.
 */
export const listDriversSql = {
  name: "list_drivers",
  text: `
    select d.driver_id, d.name, d.on_duty, d.duty_since, a.order_id
    from drivers d left join active_order_drivers a on a.driver_id = d.driver_id
    where d.driver_id > $1 and ($2::boolean is null or d.on_duty = $2)
      and ($3::boolean is null or (d.on_duty and a.order_id is null) = $3)
    order by d.driver_id limit $4`,
};

/** Input: driver, on duty. Result: one row, what became of it. Locks: the driver's row. */
export const setDriverDutySql = {
  name: "set_driver_duty",
  text: `select outcome, of_order from set_driver_duty($1, $2)`,
};

/** Input: order (uuid), driver, who assigns. Result: one row, what became of it. Locks: the driver's row, the new row. */
export const assignDriverSql = {
  name: "assign_driver",
  text: `select outcome, of_order, of_driver, by_whom, since from assign_driver($1, $2, $3)`,
};

/** Input: order (uuid). Takes it from its driver, unless that has ended. Result: the driver. Locks: the row. */
export const releaseDriverSql = {
  name: "release_driver",
  text: `
    delete from order_drivers where order_id = (select order_id from active_order_drivers where order_id = $1)
    returning driver_id`,
};

/** Input: orders (uuid[]). Result: their drivers, but not of orders that were cancelled; in no order. Locks: none. */
export const driversOfOrdersSql = {
  name: "read_drivers_of_orders",
  text: `
    select o.order_id, o.driver_id, d.name, o.assigned_by, o.assigned_at, f.done_at as ended_at
    from order_drivers o join drivers d on d.driver_id = o.driver_id
      left join fulfilment_steps f on f.order_id = o.order_id and f.step = 'delivered'
    where o.order_id = any($1::uuid[])
      and not exists (select from ledger l where l.command_id = o.order_id and l.status = 'cancelled')`,
};
