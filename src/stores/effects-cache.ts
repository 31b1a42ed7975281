/**
 * The port through which an owner tells the world, after a commit, what it decided (P15, P16). Redis stands behind it;
 * the simulation has one in memory. A lost cache loses no order and no stock.
 */
import type { DecisionMessage } from "../schemas/decision-feed.ts";
import type { OrderDocument } from "../schemas/order-document.ts";

/**
 * `isHome`: the partition is the product's home, and its owner writes the quantity. Any other owner revokes it: it is taken
 * away where it is older, and readers fill the place from the store of truth.
 */
export type StockEffect = {
  readonly productId: string;
  readonly quantity: number;
  readonly version: number;
  readonly isHome: boolean;
};

/**
 * What the cache was at a moment. Noted before something is decided or read, and handed in with it, it tells the cache whether
 * anything has happened since by which that may be out of date.
 */
export type CacheMoment = {
  /** Another one after everything was lost. */
  readonly incarnation: string;
  /** The highest count of partitions that an owner has told homes apart by. */
  readonly partitionCount: number;
  /** How many revocations there have been in this incarnation. */
  readonly revocations: number;
};

/** Before the first look: whatever is written under it is revoked instead. */
export const nothingNoted: CacheMoment = { incarnation: "", partitionCount: 0, revocations: 0 };

/** `document` is asked only when it is needed: most orders of a batch are not in the cache. */
export type OrderEffect = { readonly orderId: string; readonly document: () => OrderDocument };

/** What one partition's owner writes; `epoch` is that of its lease. */
export type PartitionEffects = {
  readonly partition: number;
  readonly epoch: number;
  /** By which this owner tells homes apart: that of the partition map as it knows it. */
  readonly partitionCount: number;
  /** Noted before any of it was decided, or read to be told again. */
  readonly noted: CacheMoment;
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
   * never by an owner whose epoch is not the latest (P16). An order that nobody marked is not put in: nobody polls it.
   *
   * A quantity is revoked instead of written where the partition is not the product's home, or may not be: a higher count of
   * partitions is known; and where it may be out of date: since `noted` the cache was emptied, the count grew, or the
   * product was revoked.
   *
   * Returns the partitions whose epoch turned out to be old, of which nothing was written; and what the cache is now. Where
   * its incarnation or count is not the one noted, quantities were revoked that may be written when they are read again.
   * Applying the same twice changes nothing.
   */
  apply(
    effects: readonly PartitionEffects[],
  ): Promise<{ readonly fenced: readonly number[]; readonly now: CacheMoment }>;
  /** Tells all api instances. */
  publish(message: DecisionMessage): Promise<void>;
};

/** Asks the store of truth whether a partition is still held at this epoch; needed when the cache has lost its epochs. */
export type OwnershipProof = (partition: number, epoch: number) => Promise<boolean>;
