import type pg from "pg";
import type { LowStockAlert, LowStockStore } from "../low-stock-store.ts";
import { storeError } from "./errors.ts";
import { createQuery } from "./reads/query.ts";
import { acknowledgeAlertSql, lookAtStockSql, lowStockAlertsSql } from "./statements/low-stock.ts";

type LookRow = { looked_up_to: string | null; alerts: number; is_more: boolean };
type AlertRow = {
  alert_id: number;
  product_id: string;
  low_stock_at: number;
  quantity: number;
  version: number;
  decided_at: Date;
  raised_at: Date;
  acknowledged_at: Date | null;
  acknowledged_by: string | null;
};

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. A look has the pool's own time limit, not that of requests. */
export function createPostgresLowStockStore(pool: pg.Pool): LowStockStore {
  const query = createQuery(pool);
  return {
    look: async (after, watchesMax, linesMax) => {
      try {
        const { rows } = await pool.query<LookRow>({ ...lookAtStockSql, values: [after, watchesMax, linesMax] });
        const [row] = rows;
        if (row === undefined) throw new TypeError("the function must return a row");
        return { lookedUpTo: row.looked_up_to, alerts: row.alerts, isMore: row.is_more };
      } catch (error) {
        throw storeError(error);
      }
    },
    alerts: async ({ productId, acknowledged }, before, limit) => {
      const values = [productId ?? null, acknowledged ?? null, before, limit];
      return (await query<AlertRow>(lowStockAlertsSql, values)).map(alertOf);
    },
    acknowledge: async (alertId, by) => {
      const [row] = await query<AlertRow>(acknowledgeAlertSql, [alertId, by]);
      return row === undefined ? null : alertOf(row);
    },
  };
}

const alertOf = (row: AlertRow): LowStockAlert => ({
  id: row.alert_id,
  productId: row.product_id,
  lowStockAt: row.low_stock_at,
  quantity: row.quantity,
  version: row.version,
  decidedAt: row.decided_at.getTime(),
  raisedAt: row.raised_at.getTime(),
  acknowledgedAt: row.acknowledged_at?.getTime() ?? null,
  acknowledgedBy: row.acknowledged_by,
});
