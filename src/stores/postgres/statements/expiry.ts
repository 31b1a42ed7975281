/** Statements of what expires. Each takes days and rows, removes so many of the oldest, and returns a row for each; it locks those. */
import type { ExpiringKind } from "../../expiry-store.ts";
import type { Statement } from "../reads/query.ts";

const before = "now() - $1::int4 * interval '1 day'";

export const expireSql: Readonly<Record<ExpiringKind, Statement>> = {
  deliveries: {
    name: "expire_deliveries",
    text: `
      delete from webhook_deliveries where delivery_id in (
        select delivery_id from webhook_deliveries where settled_at < ${before} order by settled_at limit $2)
      returning 1`,
  },
  alerts: {
    name: "expire_alerts",
    text: `
      delete from low_stock_alerts where alert_id in (
        select alert_id from low_stock_alerts where acknowledged_at < ${before} order by acknowledged_at limit $2)
      returning 1`,
  },
  assignments: {
    name: "expire_assignments",
    text: `
      delete from order_drivers where order_id in (
        select o.order_id from order_drivers o where o.assigned_at < ${before}
          and (exists (select from fulfilment_steps f where f.order_id = o.order_id and f.step = 'delivered')
            or exists (select from ledger l where l.command_id = o.order_id and l.status = 'cancelled'))
        order by o.assigned_at limit $2)
      returning 1`,
  },
  audits: {
    name: "expire_audits",
    text: `
      delete from audits where audit_id in (
        select audit_id from audits where ended_at < ${before} and audit_id < (select max(audit_id) from audits)
        order by audit_id limit $2)
      returning 1`,
  },
};

export const giveUpDeliveriesSql: Statement = {
  name: "give_up_deliveries",
  text: `
    update webhook_deliveries set state = 'failed', settled_at = now() where delivery_id in (
      select delivery_id from webhook_deliveries where state = 'pending' and created_at < ${before} limit $2)
    returning 1`,
};
