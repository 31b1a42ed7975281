/**
 * The port to the order log: all that Tallyman asks of it. Offsets are plain numbers: 2^53 records in one partition
 * are out of reach. The adapter for Kafka is in `kafka/`, the one for the simulation in `../simulation/`; test/contract/log.contract.ts
 * holds both to what is said here.
 */

export type LogHeaders = Readonly<Record<string, string | Buffer | (string | Buffer)[]>>;

/** A record to append. The partition is computed by the caller (`partitioning/`), never by the client library. */
export type AppendRecord = {
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: LogHeaders;
};

/** Appends to the log. One call in flight at a time (P18): callers gather the next batch meanwhile. */
export type LogAppender = {
  /**
   * Resolves, after the log has acknowledged all records (acks=all), with the offset of each record, in order; of a record that
   * had to be sent again and is there twice, with one of the two.
   * Rejects with `LogUnavailable` when any record's fate is unknown: it may or may not be stored.
   */
  append(records: readonly AppendRecord[]): Promise<number[]>;
  close(): Promise<void>;
};

/** The fate of the records of an append is unknown; the same command ids may be sent again. */
export class LogUnavailable extends Error {
  override readonly name = "LogUnavailable";
  readonly retryable = true;
}

type HeaderValue = Buffer | string | null;

export type LogRecord = {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Null: a header without a value. */
  readonly headers: Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>;
};

/**
 * The range [from, to) of one partition that was fetched, with the records in it. The range may be wider than its
 * records: transaction markers take an offset and are never shown (P4).
 */
export type FetchedRange = {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly records: readonly LogRecord[];
};

/** A partition, and the epoch at which it is held: of two who say that they hold it, the higher one is right. */
export type HeldPartition = { readonly partition: number; readonly epoch: number };

/** What a reader of the log is told. Every call is synchronous: the source awaits nothing between them. */
export type LogListener = {
  /**
   * The group protocol has given these partitions to this instance; all others are gone. All of them are paused: the
   * listener seeks and resumes each one when it has claimed it. A later call replaces an earlier one.
   */
  assigned(partitions: readonly number[]): void;
  /** Records of an assigned partition. May still come for a partition that was taken away: the listener checks. */
  fetched(range: FetchedRange): void;
  /** The client died and is being replaced; no partition is assigned until the next `assigned`. */
  lost(reason: Error): void;
  /** What the instance holds now; asked, synchronously, whenever the group is joined. Who holds nothing leaves it out. */
  held?(): readonly HeldPartition[];
};

export type LogSource = {
  start(listener: LogListener): Promise<void>;
  pause(partition: number): void;
  resume(partition: number): void;
  /** The next fetch of the partition starts at `offset`; ranges already on their way are not delivered any more. */
  seek(partition: number, offset: number): void;
  /** Tells lag tools how far the partition is decided: a hint only, the truth is in PostgreSQL. Never throws. */
  reportProgress(nextOffsets: ReadonlyMap<number, number>): void;
  /** Leaves the group and closes the connections. */
  stop(): Promise<void>;
};

/** First offset still kept, and the offset that the next record will get. */
export type LogEnds = { readonly low: number; readonly high: number };

export type LogInspector = {
  /** By partition. Rejects with `LogUnavailable`. */
  ends(): Promise<ReadonlyMap<number, LogEnds>>;
  close(): Promise<void>;
};
