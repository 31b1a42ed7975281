/** Alerts in memory: for the simulation and for tests of what is behind the port. They are raised from outside. */
import type { LowStockAlert, LowStockStore } from "../low-stock-store.ts";

/** `alerts` may be filled from outside, the oldest first. */
export function createMemoryLowStockStore(
  alerts: LowStockAlert[] = [],
  now: () => number = () => 0,
): Pick<LowStockStore, "alerts" | "acknowledge"> {
  return {
    alerts: ({ productId, acknowledged }, before, limit) =>
      Promise.resolve(
        alerts
          .filter(
            (alert) =>
              (productId === undefined || alert.productId === productId) &&
              (acknowledged === undefined || (alert.acknowledgedAt !== null) === acknowledged) &&
              (before === null || alert.id < before),
          )
          .toReversed()
          .slice(0, limit),
      ),
    acknowledge: (alertId, by) => {
      const at = alerts.findIndex(({ id }) => id === alertId);
      const alert = alerts[at];
      if (alert === undefined) return Promise.resolve(null);
      const done = alert.acknowledgedAt === null ? { ...alert, acknowledgedAt: now(), acknowledgedBy: by } : alert;
      alerts[at] = done;
      return Promise.resolve(done);
    },
  };
}
