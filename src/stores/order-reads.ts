/** The port through which the ingress reads what is decided, when the cache does not know or is not believed. */
import type { LineStatus, Stock, StoredLine } from "../schemas/lines.ts";

/** Where a listing by time goes on: after this line. `decidedAt` has the store's full precision, so it stays text. */
export type TimePosition = { readonly decidedAt: string; readonly partition: number; readonly offset: number };
/** Where a listing by status goes on: below these offsets, by partition. */
export type LogPosition = ReadonlyMap<number, number>;

export type Page<Position> = {
  /** PlaceOrder lines, newest first. */
  readonly lines: readonly StoredLine[];
  /** Null: there is no more. */
  readonly next: Position | null;
};

/** Whose orders to list. Indexes exist for each of the first three; further ones narrow what the first one found. */
export type OrderFilter =
  | { readonly by: "customer"; readonly customerId: string; readonly also: FurtherFilter }
  | { readonly by: "basket"; readonly basketId: string; readonly also: FurtherFilter }
  | { readonly by: "product"; readonly productId: string };

/** Null: any. */
export type FurtherFilter = {
  readonly basketId: string | null;
  readonly productId: string | null;
  readonly status: LineStatus | null;
};

/** All methods reject with `StoreUnavailable` when the store is away. */
export type OrderReads = {
  /** Lines as they are now, one result for each id, in order; null: nothing is decided under this id. */
  lines(commandIds: readonly string[]): Promise<(StoredLine | null)[]>;
  /** One result for each id, in order; null: the product has no stock row. */
  stock(productIds: readonly string[]): Promise<(Stock | null)[]>;
  /** By partition, the first offset that is not decided. A partition that was never claimed is absent: nothing is. */
  progress(): Promise<ReadonlyMap<number, number>>;
  list(filter: OrderFilter, after: TimePosition | null, limit: number): Promise<Page<TimePosition>>;
  listByStatus(status: LineStatus, after: LogPosition | null, limit: number): Promise<Page<LogPosition>>;
};
