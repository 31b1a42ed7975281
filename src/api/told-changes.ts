/** What requests have changed is told to all instances. Nobody waits for that, and what is lost is read again by those who follow it. */
import type { Metrics } from "../ops/metrics.ts";
import type { ChangeTeller } from "../stores/change-teller.ts";
import type { Product } from "../stores/catalogue-store.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { TrackingStore } from "../stores/tracking-store.ts";

export type ToldChanges = {
  /** A step of the order is done, or somebody else brings it. */
  way(orderId: string): void;
  /** These are other products than before, or new. */
  products(products: readonly Pick<Product, "id" | "revision" | "category">[]): void;
};

export type ToldChangesOptions = {
  readonly teller: ChangeTeller;
  readonly tracking: TrackingStore;
  readonly metrics: Pick<Metrics, "cacheFailures">;
  /** Told of what is no service that is away. */
  readonly onError: (error: unknown) => void;
};

export function createToldChanges({ teller, tracking, metrics, onError }: ToldChangesOptions): ToldChanges {
  const failed = (error: unknown): void => {
    if (error instanceof CacheUnavailable) metrics.cacheFailures.inc();
    else if (!(error instanceof StoreUnavailable)) onError(error);
  };
  const tellWay = async (orderId: string): Promise<void> => {
    const [way] = await tracking.tracking([orderId]);
    if (way !== undefined) await teller.tell({ ways: [[orderId, way.revision]] });
  };
  return {
    way: (orderId) => void tellWay(orderId).catch(failed),
    products: (products) => {
      if (products.length === 0) return;
      teller.tell({ products: products.map(({ id, revision, category }) => [id, revision, category]) }).catch(failed);
    },
  };
}
