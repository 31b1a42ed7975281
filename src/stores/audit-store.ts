/**
 * The port through which an audit reads what is stored. All of it is read in pages and in one order, so that an audit holds
 * no more than a page of each; nothing is written.
 */
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";
import type { LetterOutcome } from "./dead-letter-store.ts";
import type { DeadLetter } from "./ledger-store.ts";

export type Pages<Row> = AsyncIterable<readonly Row[]>;

export type AuditedPartition = {
  readonly partition: number;
  readonly epoch: number;
  readonly nextOffset: number;
  readonly effectsOffset: number;
};

/** A record that was kept without being decided (P13). Its bytes may be many: digests stand for them. */
export type KeptRecord = Pick<DeadLetter, "partition" | "offset" | "kind" | "commandId" | "valueBytes"> & {
  /** What became of it since; null: nothing yet. */
  readonly outcome: LetterOutcome | null;
  /** SHA-256 in hex; null: the record has none. */
  readonly keyDigest: string | null;
  /** Of as many bytes as were kept. */
  readonly valueDigest: string | null;
  readonly keptBytes: number;
};

/** A command that waited and was decided. */
export type ResumedLetter = Pick<DeadLetter, "productId" | "commandId" | "key" | "value"> & {
  /** The order in which they came. */
  readonly letterId: number;
};

/** Where a ResumeProduct decided what waited for its product. */
export type ResumePlace = Pick<Line, "productId" | "partition" | "offset">;

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
  /** It waited for its product: its place is that of the ResumeProduct that decided it. */
  readonly wasResumed: boolean;
};

/** A line that belongs to the life of one order: the order itself first, then accepted cancels and packings, then refused ones. */
export type LifeRow = TallyLine &
  Pick<Line, "orderId" | "fulfilment"> & {
    /** The order's id; null for a cancel or packing that names none. */
    readonly life: string | null;
    readonly role: "order" | "cancel" | "pack";
  };

export type StockRow = Pick<Stock, "quantity" | "version"> & {
  readonly productId: string;
  readonly archived?: boolean;
};

/** Everything as it was at one moment, however long reading takes. */
export type AuditSnapshot = {
  partitions(): Promise<AuditedPartition[]>;
  /** All lines by partition, offset. */
  linesByPlace(): Pages<Line>;
  /** All dead letters by partition, offset. */
  keptByPlace(): Pages<KeptRecord>;
  /** Lines by id, for ids that a page holds. */
  linesById(commandIds: readonly string[]): Promise<ReadonlyMap<string, Line>>;
  /** Dead letters of resumed commands by the command's id, in the order in which they came; for ids that a page holds. */
  resumedById(commandIds: readonly string[]): Promise<ReadonlyMap<string, readonly ResumedLetter[]>>;
  /** By product, where it was resumed; for products that a page names. */
  resumesOf(productIds: readonly string[]): Promise<ReadonlyMap<string, readonly ResumePlace[]>>;
  /** Products of which commands wait that nobody resumes, for they are not parked. */
  forgotten(): Pages<{ readonly productId: string; readonly letters: number }>;
  /** Commands that wait, though one of their product that came later was resumed. */
  overtaken(): Pages<Pick<DeadLetter, "productId" | "commandId" | "partition" | "offset">>;
  /** Redriven dead letters whose command has neither a line nor a dead letter. */
  unsent(): Pages<{ readonly partition: number; readonly offset: number; readonly redrivenAs: string }>;
  /** By product, version. */
  linesByProduct(): Pages<TallyRow>;
  stockByProduct(): Pages<StockRow>;
  /** Orders that were cancelled or packed, or that a cancel or packing names, and all cancels and packings, by order. */
  linesByOrder(): Pages<LifeRow>;
  /** Orders whose steps are not those of their packing, or not one after another. */
  stepFaults(): Pages<{ readonly orderId: string; readonly says: string }>;
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
