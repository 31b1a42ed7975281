/** The port to where orders are on their way, and who brings them: what readers are told beside the order's own line. */
import type { FulfilmentStep, SeenDriver } from "../schemas/order-document.ts";

/** One state of it, all of one moment. */
export type Tracking = {
  /** Grows with each step after packing, and whenever somebody else brings the order; 0: neither has been. */
  readonly revision: number;
  /** The last step that is done; null: it is not packed. */
  readonly fulfilment: FulfilmentStep | null;
  /** Who has the order, before it leaves and afterwards too: who sees it is up to others. */
  readonly driver: SeenDriver | null;
};

export type TrackingStore = {
  /** One result for each order, in order. Rejects with `StoreUnavailable` when the store is away. */
  tracking(orderIds: readonly string[]): Promise<Tracking[]>;
};

export const noTracking: Tracking = { revision: 0, fulfilment: null, driver: null };
