/**
 * What processors tell every api instance after a commit: one message a commit, with all that it decided; and what apis tell each other
 * of what was changed by a request. The feed is
 * a convenience (Redis pub/sub): a message may be lost or come twice, and a waiter whose time runs out asks PostgreSQL.
 * Who follows an order or a product reads again what may have been missed (src/api/live/topics.ts).
 */
import type { LineStatus, RefusalReason, Stock, StoredLine } from "./lines.ts";

/**
 * [commandId, status, reason, stockAfter, version, partition, offset, quantity, revision]. Of a command that had been
 * decided before, it is the stored line: a waiter knows its own record by partition and offset, and compares contents when
 * they differ.
 */
export type DecisionNotice = readonly [
  commandId: string,
  status: LineStatus,
  reason: RefusalReason | null,
  stockAfter: number,
  version: number,
  partition: number,
  offset: number,
  quantity: number,
  revision: number,
];

/** For each partition: everything below the offset is decided. */
export type DecidedUpTo = readonly (readonly [partition: number, offset: number])[];

/** A product's stock after the commit; of several versions in one commit, the last one. */
export type StockNotice = readonly [productId: string, quantity: number, version: number];
/** An order that is another one now, and the revision that it has. */
export type OrderNotice = readonly [orderId: string, revision: number];

/** An order of which a step after packing is done, or that somebody else brings; the revision that its way has. */
export type WayNotice = readonly [orderId: string, revision: number];
/** A product that is described otherwise, or is new; the revision that it has. */
export type ProductNotice = readonly [productId: string, revision: number, category: string];

/** What is different for those who follow it, beside the decisions. */
export type Changes = {
  readonly stock: readonly StockNotice[];
  /** Orders that were changed by a command other than their own, such as a cancel. */
  readonly orders: readonly OrderNotice[];
  /** Told by apis, each of what a request of its own has done. */
  readonly ways?: readonly WayNotice[];
  readonly products?: readonly ProductNotice[];
};

export type DecisionMessage = {
  readonly decidedUpTo: DecidedUpTo;
  /** Milliseconds since 1970, by PostgreSQL's clock. */
  readonly decidedAt: number;
  readonly decisions: readonly DecisionNotice[];
  readonly changes: Changes;
};

export const stockNotice = (productId: string, { quantity, version }: Stock): StockNotice => [
  productId,
  quantity,
  version,
];

export function noticeOf(line: Omit<StoredLine, "decidedAt">): DecisionNotice {
  return [
    line.commandId,
    line.status,
    line.reason,
    line.stockAfter,
    line.version,
    line.partition,
    line.offset,
    line.quantity,
    line.revision,
  ];
}
