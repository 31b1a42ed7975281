/** The port through which partitions are added to the log, and through which the brokers are asked how many there are. */

/** The log does not allow it; the same again would be refused again. The message says why. */
export class LogRefused extends Error {
  override readonly name = "LogRefused";
}

/** All methods reject with `LogUnavailable` when the log is away. */
export type LogAdmin = {
  /**
   * How many partitions the topic has as each broker says it, asked anew: one number for each broker that the cluster names.
   * Rejects with `LogUnavailable` also when one of them does not answer.
   */
  partitionCounts(): Promise<readonly number[]>;
  /** Makes it so many partitions, unless it has them. Rejects with `LogRefused`. */
  addPartitions(toCount: number): Promise<void>;
  /** As `addPartitions`, and changes nothing: whether the log would allow it. */
  checkPartitions(toCount: number): Promise<void>;
  close(): Promise<void>;
};
