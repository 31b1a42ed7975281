import type { KeptLetter, LetterHead, LetterOutcome } from "../dead-letter-store.ts";
import type { DeadLetter, DeadLetterKind } from "../ledger-store.ts";

/** What a letter is read from; `letterOf` makes it. */
export const letterColumns = `
  letter_id, "partition", "offset", kind, reason, product_id, command_id, record_key, record_value,
  coalesce(value_bytes, length(record_value), 0) as value_bytes, headers,
  stored_at, outcome, settled_at, redriven_as, settled_because`;

/** The same without bytes; `letterHeadOf` makes it. */
export const letterHeadColumns = `
  letter_id, "partition", "offset", kind, reason, product_id, command_id,
  coalesce(value_bytes, length(record_value), 0) as value_bytes, stored_at, outcome, settled_at, redriven_as, settled_because`;

export type LetterRow = {
  readonly letter_id: number;
  readonly partition: number;
  readonly offset: number;
  readonly kind: DeadLetterKind;
  readonly reason: string;
  readonly product_id: string | null;
  readonly command_id: string | null;
  readonly record_key: Buffer | null;
  readonly record_value: Buffer | null;
  readonly value_bytes: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly stored_at: Date;
  readonly outcome: LetterOutcome | null;
  readonly settled_at: Date | null;
  readonly redriven_as: string | null;
  readonly settled_because: string | null;
};
export type LetterHeadRow = Omit<LetterRow, "record_key" | "record_value" | "headers">;

export function keptLetterOf(row: LetterRow): KeptLetter {
  return { ...letterHeadOf(row), ...letterOf(row) };
}

export function letterHeadOf(row: LetterHeadRow): LetterHead {
  return {
    letterId: row.letter_id,
    partition: row.partition,
    offset: row.offset,
    kind: row.kind,
    reason: row.reason,
    productId: row.product_id,
    commandId: row.command_id,
    valueBytes: row.value_bytes,
    storedAt: row.stored_at.getTime(),
    outcome: row.outcome,
    settledAt: row.settled_at?.getTime() ?? null,
    redrivenAs: row.redriven_as,
    settledBecause: row.settled_because,
  };
}

export function letterOf(row: LetterRow): DeadLetter {
  return {
    partition: row.partition,
    offset: row.offset,
    kind: row.kind,
    reason: row.reason,
    productId: row.product_id,
    commandId: row.command_id,
    key: row.record_key,
    value: row.record_value,
    valueBytes: row.value_bytes,
    headers: row.headers,
  };
}
