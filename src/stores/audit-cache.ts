/** The port through which an audit reads the cache. */
export type CachedProduct = {
  readonly kind: "product";
  readonly productId: string;
  /** As they are stored; null: not there. Read together. */
  readonly quantity: string | null;
  readonly version: string | null;
};
export type CachedOrder = { readonly kind: "order"; readonly orderId: string; readonly json: string };
export type CacheEntry = CachedProduct | CachedOrder;

/** Rejects with `CacheUnavailable`. */
export type AuditCache = {
  /** The highest epoch known of each partition. */
  owners(): Promise<ReadonlyMap<number, number>>;
  /** All products and orders, in pages; one that comes or goes meanwhile may be missed, one may come twice. */
  entries(): AsyncIterable<readonly CacheEntry[]>;
  close(): void;
};
