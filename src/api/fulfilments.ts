/** The steps of orders on their way. Questions of one turn of the event loop share one statement. */
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { DoneStep, FulfilmentStore } from "../stores/fulfilment-store.ts";
import { createTickBatch } from "../stores/tick-batch.ts";

export type Fulfilments = Pick<FulfilmentStore, "advance"> & {
  /** Rejects with `StoreUnavailable`. */
  steps(orderId: string): Promise<readonly DoneStep[]>;
};

export function createFulfilments(store: FulfilmentStore, clock: Pick<Clock, "soon">): Fulfilments {
  const ask = (orderIds: readonly string[]) => store.steps(orderIds);
  return {
    advance: (wanted) => store.advance(wanted),
    steps: createTickBatch<string, readonly DoneStep[]>(limits.lookupIdsMax, ask, clock),
  };
}
