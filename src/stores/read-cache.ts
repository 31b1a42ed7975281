/**
 * The port through which the ingress reads what owners have told (P16, P17), and marks what the log has acknowledged.
 * Redis stands behind it; the tests have one in memory. All methods reject with `CacheUnavailable`, soon: the caller
 * goes on without.
 */
import type { Stock } from "../schemas/lines.ts";
import type { OrderDocument } from "../schemas/order-document.ts";

/**
 * A miss carries the token with which its reader may refill what it then finds in PostgreSQL; null when another reader is
 * at it, or when the value has come meanwhile.
 */
export type CachedStock =
  { readonly kind: "hit"; readonly stock: Stock } | { readonly kind: "miss"; readonly token: string | null };

export type Refill = { readonly productId: string; readonly token: string; readonly stock: Stock };

export type ReadCache = {
  readStock(productId: string): Promise<CachedStock>;
  /** What is there of many at once; null: a miss, for which `readStock` gives the token. Lists that are asked for within one turn go out together. */
  peekStocks(productIds: readonly string[]): Promise<readonly (Stock | null)[]>;
  /** Puts in what was read from PostgreSQL after the miss that gave the token; silently not, when an owner wrote since. */
  refillStock(refill: Refill): Promise<void>;
  /** Null: not here, which says nothing about the order. Orders are never refilled by readers, so none is stale. */
  readOrder(orderId: string): Promise<OrderDocument | null>;
  /** Keeps `json`, a pending OrderDocument, where the order is not known yet. */
  markPending(orderId: string, json: string): Promise<void>;
};
