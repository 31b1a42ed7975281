/**
 * The port through which an audit reads what is stored. All of it is read in pages and in one order, so that an audit holds
 * no more than a page of each; nothing is written.
 */
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";

export type Pages<Row> = AsyncIterable<readonly Row[]>;

export type AuditedPartition = {
  readonly partition: number;
  readonly epoch: number;
  readonly nextOffset: number;
  readonly effectsOffset: number;
};

/** A record that is kept without having been decided. */
export type KeptRecord = {
  readonly partition: number;
  readonly offset: number;
  /** `undecodable`, or why a command was kept. */
  readonly kind: string;
  /** What became of it since; null: nothing yet. */
  readonly outcome: string | null;
  /** Of a command. */
  readonly commandId: string | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
};

/** What a product's tally needs of a line. */
export type TallyLine = Pick<
  Line,
  | "commandId"
  | "type"
  | "productId"
  | "quantity"
  | "status"
  | "reason"
  | "delta"
  | "stockAfter"
  | "version"
  | "partition"
  | "offset"
  | "asOfVersion"
>;

/**
 * A line at its place in its product's history. One that moved the stock (`booked`) comes before those that met that
 * version. A stocktake as of a version comes once more (`lookedBack`), after the line of that version.
 */
export type TallyRow = TallyLine & {
  readonly booked: boolean;
  readonly lookedBack: boolean;
  /** Its record was kept first and decided later. */
  readonly wasKept: boolean;
};

/** A line that belongs to the life of one order: the order itself first, then accepted cancels, then refused ones. */
export type LifeRow = TallyLine &
  Pick<Line, "orderId"> & {
    /** The order's id; null for a cancel that names none. */
    readonly life: string | null;
    readonly role: "order" | "cancel";
  };

export type StockRow = Stock & { readonly productId: string };

/** Everything as it was at one moment, however long reading takes. */
export type AuditSnapshot = {
  partitions(): Promise<AuditedPartition[]>;
  /** All lines by partition, offset. */
  linesByPlace(): Pages<Line>;
  /** All dead letters by partition, offset. */
  keptByPlace(): Pages<KeptRecord>;
  /** Lines by id, for ids that a page holds. */
  linesById(commandIds: readonly string[]): Promise<ReadonlyMap<string, Line>>;
  /** By product, version. */
  linesByProduct(): Pages<TallyRow>;
  stockByProduct(): Pages<StockRow>;
  /** Orders that were cancelled or that a cancel names, and all cancels, by order. */
  linesByOrder(): Pages<LifeRow>;
  catalogue(): Pages<{ readonly productId: string; readonly initialStock: number }>;
  /** Command ids that a view shows otherwise than the ledger, or not, or that it alone shows. */
  viewDifferences(): Pages<{ readonly view: string; readonly commandId: string }>;
};

/** Everything as it is when it is asked. */
export type AuditReads = {
  partitions(): Promise<AuditedPartition[]>;
  stock(productIds: readonly string[]): Promise<ReadonlyMap<string, Stock>>;
  /** The lines that made these versions, by `versionKey`. */
  linesOfVersions(
    versions: readonly { readonly productId: string; readonly version: number }[],
  ): Promise<ReadonlyMap<string, Pick<Line, "stockAfter" | "partition" | "offset">>>;
  lines(commandIds: readonly string[]): Promise<ReadonlyMap<string, StoredLine>>;
};

/** All of it rejects with `StoreUnavailable` when the store is away, and with `StoreUnfit` where Tallyman never ran. */
export type AuditStore = {
  atOneMoment<Result>(work: (snapshot: AuditSnapshot) => Promise<Result>): Promise<Result>;
  readonly now: AuditReads;
  close(): Promise<void>;
};

/** It is there, and not Tallyman's, or of another version. */
export class StoreUnfit extends Error {
  override readonly name = "StoreUnfit";
}
