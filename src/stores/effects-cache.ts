/**
 * The port through which an owner tells the world, after a commit, what it decided (P15, P16). Redis stands behind it;
 * the simulation has one in memory. A lost cache loses no order and no stock.
 */
import type { DecisionMessage } from "../schemas/decision-feed.ts";
import type { OrderDocument } from "../schemas/order-document.ts";

export type StockEffect = { readonly productId: string; readonly quantity: number; readonly version: number };

/** `document` is asked only when it is needed: most orders of a batch are not in the cache. */
export type OrderEffect = { readonly orderId: string; readonly document: () => OrderDocument };

/** What one partition's owner writes; `epoch` is that of its lease. */
export type PartitionEffects = {
  readonly partition: number;
  readonly epoch: number;
  readonly stock: readonly StockEffect[];
  readonly orders: readonly OrderEffect[];
};

/** The cache did not answer in time or is away; what was asked may or may not have happened, and may be asked again. */
export class CacheUnavailable extends Error {
  override readonly name = "CacheUnavailable";
  readonly retryable = true;
}

export type EffectsCache = {
  /**
   * Writes each product's quantity by version, and each order that the cache has by revision: never an older over a newer,
   * never by an owner whose epoch is not the latest (P16). An order that nobody marked is not put in: nobody polls it. Returns the partitions whose epoch turned out to be old: nothing of theirs was
   * written. Applying the same twice changes nothing.
   */
  apply(effects: readonly PartitionEffects[]): Promise<{ readonly fenced: readonly number[] }>;
  /** Tells all api instances. */
  publish(message: DecisionMessage): Promise<void>;
};

/** Asks the store of truth whether a partition is still held at this epoch; needed when the cache has lost its epochs. */
export type OwnershipProof = (partition: number, epoch: number) => Promise<boolean>;
