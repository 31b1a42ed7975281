/**
 * Where orders are on their way. An order's line, and so Redis, says whether it is packed; the later steps and who brings it are asked
 * for of packed orders and of no others. Questions of one turn of the event loop share one statement.
 */
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { createTickBatch } from "../stores/tick-batch.ts";
import type { Tracking, TrackingStore } from "../stores/tracking-store.ts";
import { trackedOrder } from "./seen-driver.ts";

export type OrderTracking = {
  /** Rejects with `StoreUnavailable`. */
  of(orderId: string): Promise<Tracking>;
  /** The order with its last step, and with its driver while that is to be seen; as it is, where nobody can be asked. */
  told(order: OrderDocument): Promise<OrderDocument>;
};

export function createOrderTracking(store: TrackingStore, clock: Pick<Clock, "soon">): OrderTracking {
  const of = createTickBatch<string, Tracking>(limits.lookupIdsMax, (ids) => store.tracking(ids), clock);
  return {
    of,
    told: async (order) => {
      if (order.fulfilment === null) return order;
      try {
        return trackedOrder(order, await of(order.orderId));
      } catch (error) {
        if (error instanceof StoreUnavailable) return order;
        throw error;
      }
    },
  };
}
