/**
 * The port through which processors read and write what is decided. One adapter writes PostgreSQL, one keeps it in
 * memory for the simulation; both pass `test/contract/ledger-store`.
 */
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";

/** A record of a partition and the checksum of its key and value, by which a log is known again (P11). */
export type LastRecord = { readonly offset: number; readonly checksum: number };

/** What a claim gives (P10): the epoch that fences older owners, and where to go on. */
export type Claim = {
  readonly partition: number;
  readonly epoch: number;
  readonly nextOffset: number;
  readonly effectsOffset: number;
  /** How far the decisions topic has been told. */
  readonly decisionsOffset: number;
  /** The newest record below `nextOffset` that is remembered; null: none yet. */
  readonly last: LastRecord | null;
};

/** A partition that its owner lets go of. */
export type Release = Pick<Claim, "partition" | "epoch" | "effectsOffset" | "decisionsOffset">;

/** How far a partition is decided, and under which epoch. A partition that was never claimed has epoch 0. */
export type Progress = Claim;

export const neverClaimed = (partition: number): Progress => ({
  partition,
  epoch: 0,
  nextOffset: 0,
  effectsOffset: 0,
  decisionsOffset: 0,
  last: null,
});

/** One partition's step in a group: from `from` to `to`, allowed only at `epoch` and at `from` (P4). */
export type Advance = {
  readonly partition: number;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  /** Effects are done up to here; never moves backwards. */
  readonly effectsOffset: number;
  /** The last record below `to`; null keeps the one that is remembered (P11). */
  readonly last: LastRecord | null;
};

/** A product that the group read: `readVersion` 0 says that it had no row. `after` null: it has none still. */
export type StockWrite = {
  readonly productId: string;
  readonly readVersion: number;
  readonly after: Stock | null;
};

/** A line that changes: the new content, and the revision that was read. */
export type LineChange = { readonly readRevision: number; readonly line: Line };

/**
 * Why a record is kept without being decided (P13): it can't be decoded; the store refused what it would write, which parked
 * its product (P7); it waits for its product.
 */
export type DeadLetterKind = "undecodable" | "refused" | "waiting";

/** A record that its partition passes without deciding it. */
export type DeadLetter = {
  readonly partition: number;
  readonly offset: number;
  readonly kind: DeadLetterKind;
  readonly reason: string;
  /** Of a command: null for what can't be decoded. */
  readonly productId: string | null;
  readonly commandId: string | null;
  readonly key: Buffer | null;
  /** As on the log; of a command, as it would be. A very long one holds its beginning. */
  readonly value: Buffer | null;
  /** Length of the value on the log. */
  readonly valueBytes: number;
  readonly headers: Readonly<Record<string, string>>;
};

/** A product that was read as parked, or parks, or both (P13). It is in no `StockWrite` of its group. */
export type ParkedWrite = {
  readonly productId: string;
  readonly readVersion: number;
  readonly wasParked: boolean;
  /** Null: it has no stock. */
  readonly after: Stock | null;
  /** Null: it goes on. Of a product that was parked before, the first reason is kept. */
  readonly because: string | null;
};

/** A record's place in the log. */
export type Place = { readonly partition: number; readonly offset: number };

/** All that one commit writes, all or nothing. */
export type GroupWrite = {
  readonly advances: readonly Advance[];
  readonly stock: readonly StockWrite[];
  /** New lines; their command ids are unique within the group. */
  readonly lines: readonly Line[];
  readonly changes: readonly LineChange[];
  /** Lines that were read and decided by without changing them (a cancel that is refused), by id and revision. */
  readonly linesRead: readonly { readonly commandId: string; readonly revision: number }[];
  readonly deadLetters: readonly DeadLetter[];
  readonly parked: readonly ParkedWrite[];
  /** Waiting commands that this group decides: their letters are settled. */
  readonly resumed: readonly Place[];
};

/** What a group needs to know before it decides. */
export type Prefetch = {
  readonly productIds: readonly string[];
  /** Lines by command id: orders that cancels name, and ids that may have been decided before. */
  readonly commandIds: readonly string[];
  readonly versions: readonly { readonly productId: string; readonly version: number }[];
};

/** What was found; what is not there is absent from the maps. */
export type Snapshot = {
  readonly stock: ReadonlyMap<string, Stock>;
  /** Those of the products asked for that are parked, with stock or without. */
  readonly parked: ReadonlySet<string>;
  readonly lines: ReadonlyMap<string, StoredLine>;
  /** Units right after a version, by `versionKey`. */
  readonly stockAtVersion: ReadonlyMap<string, number>;
};

export function versionKey(productId: string, version: number): string {
  return `${productId}@${version}`;
}

/**
 * Why a commit was refused, with nothing written:
 * `fenced` another owner has a partition, or it stands elsewhere (P4); `stale` a product or line changed since it was
 * read (P5); `duplicate` a command id was decided before (P6).
 */
export type RefusedBecause = "fenced" | "stale" | "duplicate";

export class CommitRefused extends Error {
  override readonly name = "CommitRefused";
  readonly because: RefusedBecause;
  constructor(because: RefusedBecause, options?: ErrorOptions) {
    super(`commit refused: ${because}`, options);
    this.because = because;
  }
}

/**
 * The store refuses what the group would write, for a reason that lies in the data: the same group would be refused again
 * (P7). `code` is the store's own, of PostgreSQL the SQLSTATE.
 */
export class DataRefused extends Error {
  override readonly name = "DataRefused";
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(`${code} ${message}`, options);
    this.code = code;
  }
}

/** The store did not answer, or answered that it can't now. Of a commit: it may or may not have happened (P9). */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly retryable = true;
}

export type CommitReceipt = { readonly decidedAt: number };

/** All methods reject with `StoreUnavailable` when the store is away. */
export type LedgerStore = {
  /**
   * Takes the partitions over: raises each epoch by one and returns it (P10). Rows that are missing are made. With "free", only
   * those that nobody holds: never claimed, released, or claimed by this owner before; of the others it is noted who waits.
   */
  claim(partitions: readonly number[], owner: string, which?: "free"): Promise<Claim[]>;
  /**
   * Says that their owner has let go of them, where the epoch is still the given one, and how far it has told effects and decisions. A hint for
   * whoever claims next; the right to commit ends with the next claim, as ever.
   */
  release(held: readonly Release[]): Promise<void>;
  /** Adds to the number of commits that were refused as fenced, by partition. For people. */
  countFenced(commits: ReadonlyMap<number, number>): Promise<void>;
  /** Reads where the partitions stand (P9). */
  readProgress(partitions: readonly number[]): Promise<Progress[]>;
  prefetch(wanted: Prefetch): Promise<Snapshot>;
  /** Commands that wait for this parked product, in the order in which they came, at most `limit` (P13). */
  waiting(productId: string, limit: number): Promise<DeadLetter[]>;
  /** Writes the group in one transaction. Rejects with `CommitRefused` when a check fails, or with `DataRefused`. */
  commit(group: GroupWrite): Promise<CommitReceipt>;
  /**
   * Locks first, then decides, in one transaction: for the retry after `stale`, so that two owners who meet at a product
   * wait for each other instead of refusing each other for ever (P5). `decide` must be synchronous. Locks partitions,
   * then products, then the lines named.
   */
  commitLocked(
    partitions: readonly number[],
    wanted: Prefetch,
    decide: (found: Snapshot) => GroupWrite,
  ): Promise<CommitReceipt>;
  /** Lines of a partition with from <= offset < to, in the order of the log, at most `limit` (P15). */
  linesBetween(partition: number, from: number, to: number, limit: number): Promise<StoredLine[]>;
  /** Lines by id, as they are now. */
  linesById(commandIds: readonly string[]): Promise<ReadonlyMap<string, StoredLine>>;
  /** Remembers how far effects are done, where the epoch is still the given one; never moves backwards. */
  saveEffectsOffset(offsets: readonly { partition: number; epoch: number; effectsOffset: number }[]): Promise<void>;
  /** The same of the decisions topic. */
  saveDecisionsOffset(offsets: readonly { partition: number; epoch: number; decisionsOffset: number }[]): Promise<void>;
  close(): Promise<void>;
};
