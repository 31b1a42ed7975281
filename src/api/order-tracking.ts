/**
 * Where orders are on their way. An order's line says whether it is packed, which is the last thing that becomes of a line; the steps after it
 * and who brings it are asked for of packed orders, and of no others.
 *
 * Both are kept in Redis as one page, whole: whoever polls an order on its way asks PostgreSQL nothing, also where Redis has not, or has lost,
 * what processors told of the line. A step or a change of the driver marks the page before it is committed, so that none is shown
 * that is older than what anybody was told (src/stores/page-cache.ts).
 */
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { OrderDocument } from "../schemas/order-document.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { orderScope } from "../stores/page-cache.ts";
import type { Page, PageCache } from "../stores/page-cache.ts";
import { createTickBatch } from "../stores/tick-batch.ts";
import { noTracking } from "../stores/tracking-store.ts";
import type { Tracking, TrackingStore } from "../stores/tracking-store.ts";
import { createPages } from "./pages.ts";
import { trackedOrder } from "./seen-driver.ts";

export type OrderTracking = {
  /** Of an order that is not packed nothing. Rejects with `StoreUnavailable`. */
  of(order: OrderDocument): Promise<Tracking>;
  /** The order with its last step, and with its driver while that is to be seen; as it is, where nobody can be asked. */
  told(order: OrderDocument): Promise<OrderDocument>;
  /** A packed order that is kept; null: none is, or Redis is away. It is no older than what PostgreSQL has. */
  kept(orderId: string): Promise<OrderDocument | null>;
};

export type OrderTrackingOptions = {
  readonly tracking: TrackingStore;
  /** Null: PostgreSQL is always asked. */
  readonly cache: PageCache | null;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  readonly clock: Pick<Clock, "soon" | "after" | "monotonic">;
};

/** What is kept of an order on its way. */
type Kept = { readonly order: OrderDocument; readonly tracking: Tracking };

export function createOrderTracking({ tracking, cache, metrics, clock }: OrderTrackingOptions): OrderTracking {
  const ask = createTickBatch<string, Tracking>(limits.lookupIdsMax, (ids) => tracking.tracking(ids), clock);
  const complete = (kept: Kept): Promise<Kept> => Promise.resolve(kept);
  // Only Tallyman writes pages, with these very types.
  const parse = (text: string): Kept => JSON.parse(text) as Kept;
  const read = createPages<Kept, Kept>({ cache, parse, complete, metrics, clock });

  const of = async (order: OrderDocument): Promise<Tracking> => {
    if (order.fulfilment === null) return noTracking;
    const load = async (): Promise<string> =>
      JSON.stringify({ order, tracking: await ask(order.orderId) } satisfies Kept);
    const page = await read(pageOf(order.orderId), load);
    return page?.answer.tracking ?? noTracking;
  };
  return {
    of,
    told: async (order) => {
      try {
        return trackedOrder(order, await of(order));
      } catch (error) {
        if (error instanceof StoreUnavailable) return order;
        throw error;
      }
    },
    kept: async (orderId) => {
      if (cache === null) return null;
      try {
        const looked = await cache.look(pageOf(orderId), null);
        return looked.kind === "hit" ? parse(looked.text).order : null;
      } catch (error) {
        if (!(error instanceof CacheUnavailable)) throw error;
        metrics.cacheFailures.inc();
        return null;
      }
    },
  };
}

const pageOf = (orderId: string): Page => ({ key: `order-${orderId}`, scopes: [orderScope(orderId)] });
