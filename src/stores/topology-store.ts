/** The port through which operators see who has which partition, and how far it is. Written by processors, read by people. */

/** A partition that was ever claimed. */
export type PartitionRow = {
  readonly partition: number;
  /** Who claimed it last. */
  readonly owner: string;
  readonly epoch: number;
  readonly claimedAt: number;
  /** Its owner has let go of it since. */
  readonly released: boolean;
  /** Who waits for its owner to let go of it; null: nobody. */
  readonly awaitedBy: string | null;
  readonly nextOffset: number;
  readonly effectsOffset: number;
  /** When the last of its commands was decided; null: none was. */
  readonly lastDecisionAt: number | null;
  /** Commits that were refused to owners who were out of date. */
  readonly fencedCommits: number;
};

export type TopologyStore = {
  /** In order. Rejects with `StoreUnavailable` when the store is away, and with `StoreUnfit` where Tallyman never ran. */
  partitions(): Promise<PartitionRow[]>;
  close(): Promise<void>;
};
