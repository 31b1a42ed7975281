/**
 * The port to the partition map: over how many partitions our ingress spreads products, and how far a growth has come
 * (P19, docs/decisions/051-partitions-grow.md). One adapter keeps it in PostgreSQL, one in memory; both pass
 * `test/contract/partition-map-store`.
 */

/** How far a growth has come; what happens in each phase is told in `src/growth/growth-driver.ts`. */
export type Growth = {
  /** A multiple of the map's `partitionCount`. */
  readonly toCount: number;
  /** Nobody waits for the backlog before products are held. */
  readonly hurried: boolean;
} & (
  | { readonly phase: "preparing" | "holding" }
  /** By old partition: below its cut lies every command that was acknowledged there. */
  | { readonly phase: "draining"; readonly cuts: readonly number[] }
);

export type PartitionMap = {
  /** Grows by one with every change. */
  readonly version: number;
  /** A product's home is `partitionOf(productId, partitionCount)`. The topic may have more partitions. */
  readonly partitionCount: number;
  /** Null: nothing moves. */
  readonly growth: Growth | null;
  /** When this version came, in milliseconds since 1970. For people. */
  readonly changedAt: number;
};

/** What a change sets. */
export type PartitionMapChange = Pick<PartitionMap, "partitionCount" | "growth">;

/** All methods reject with `StoreUnavailable` when the store is away; a change may have happened then. */
export type PartitionMapStore = {
  /** Null: there is none yet. */
  read(): Promise<PartitionMap | null>;
  /** Makes a stable map unless there is one; returns the one that is there now. */
  create(partitionCount: number): Promise<PartitionMap>;
  /** Changes the map if it is still at this version, and returns the new one; null: it is not. */
  change(version: number, change: PartitionMapChange): Promise<PartitionMap | null>;
};
