/** Statements of products that are low. `look_at_stock` is in 0015_background_work.sql. */

/** Input: the product behind which to begin, watches, lines. Result: one row. Locks: the watches of products that have changed. */
export const lookAtStockSql = {
  name: "look_at_stock",
  text: `select looked_up_to, alerts, is_more from look_at_stock($1, $2, $3)`,
};

const columns =
  "alert_id, product_id, low_stock_at, quantity, version, decided_at, raised_at, acknowledged_at, acknowledged_by";

/** Input: product (null: any), whether acknowledged (null: either), the alert to stay below (null: none), rows. Result: alerts, newest first. Locks: none. */
export const lowStockAlertsSql = {
  name: "read_low_stock_alerts",
  text: `
    select ${columns} from low_stock_alerts
    where ($1::text is null or product_id = $1) and ($2::boolean is null or (acknowledged_at is not null) = $2)
      and ($3::int8 is null or alert_id < $3)
    order by alert_id desc limit $4`,
};

/** Input: alert, by whom. Result: the alert, acknowledged now or before. Locks: its row. */
export const acknowledgeAlertSql = {
  name: "acknowledge_low_stock_alert",
  text: `
    update low_stock_alerts set acknowledged_by = case when acknowledged_at is null then $2 else acknowledged_by end,
      acknowledged_at = coalesce(acknowledged_at, now())
    where alert_id = $1 returning ${columns}`,
};
