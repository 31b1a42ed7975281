/**
 * How far orders are on their way. An order's line, and so Redis, says whether it is packed; the later steps are in PostgreSQL alone,
 * which is asked of packed orders and of no others. Questions of one turn of the event loop share one statement.
 */
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import type { DoneStep, FulfilmentStore } from "../stores/fulfilment-store.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { createTickBatch } from "../stores/tick-batch.ts";

export type Fulfilments = Pick<FulfilmentStore, "advance"> & {
  /** Rejects with `StoreUnavailable`. */
  steps(orderId: string): Promise<readonly DoneStep[]>;
  /** The order with its last step; as it is, where PostgreSQL can't be asked. */
  told(order: OrderDocument): Promise<OrderDocument>;
};

export function createFulfilments(store: FulfilmentStore, clock: Pick<Clock, "soon">): Fulfilments {
  const steps = createTickBatch<string, readonly DoneStep[]>(
    limits.lookupIdsMax,
    (orderIds) => store.steps(orderIds),
    clock,
  );
  return {
    advance: (wanted) => store.advance(wanted),
    steps,
    told: async (order) => {
      if (order.fulfilment === null) return order;
      try {
        const done = await steps(order.orderId);
        return { ...order, fulfilment: done.at(-1)?.step ?? order.fulfilment };
      } catch (error) {
        if (error instanceof StoreUnavailable) return order;
        throw error;
      }
    },
  };
}
