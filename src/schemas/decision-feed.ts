/**
 * What processors tell every api instance after a commit: one message a commit, with all that it decided. The feed is
 * a convenience (Redis pub/sub): a message may be lost or come twice, and a waiter whose time runs out asks PostgreSQL.
 */
import type { LineStatus, RefusalReason, StoredLine } from "./lines.ts";

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

export type DecisionMessage = {
  readonly decidedUpTo: DecidedUpTo;
  /** Milliseconds since 1970, by PostgreSQL's clock. */
  readonly decidedAt: number;
  readonly decisions: readonly DecisionNotice[];
};

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
