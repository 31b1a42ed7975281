import type { KeptLetter, LetterOutcome } from "../dead-letter-store.ts";
import type { DeadLetter, DeadLetterKind } from "../ledger-store.ts";

/** What a letter is read from; `letterOf` makes it. */
export const letterColumns = `
  letter_id, "partition", "offset", kind, reason, product_id, command_id, record_key, record_value,
  coalesce(value_bytes, length(record_value), 0) as value_bytes, headers,
  stored_at, outcome, settled_at, redriven_as`;

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
};

export function keptLetterOf(row: LetterRow): KeptLetter {
  return {
    ...letterOf(row),
    letterId: row.letter_id,
    storedAt: row.stored_at.getTime(),
    outcome: row.outcome,
    settledAt: row.settled_at?.getTime() ?? null,
    redrivenAs: row.redriven_as,
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
