/** Letters: what a partition passes without deciding it, kept as rows in the same commit (P13). */
import { crc32 } from "node:zlib";
import { limits } from "../limits.ts";
import type { LogRecord } from "../log/log.ts";
import type { Command, LoggedCommand } from "../schemas/commands.ts";
import type { DeadLetter, LastRecord } from "../stores/ledger-store.ts";

/** Of a record that can't be decoded. Shares no memory with it (KAFKAJS.md 13). */
export function letterOfRecord(partition: number, record: LogRecord, reason: string): DeadLetter {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    // Headers are anybody's bytes: base64 keeps them whole, and out of the way of what JSON and PostgreSQL refuse.
    // One without a value is kept as one with an empty value.
    const values = [value ?? null].flat().map((each) => Buffer.from(each ?? "").toString("base64"));
    headers[Buffer.from(name).toString("base64")] = values.join(",");
  }
  const { key, value, offset } = record;
  return {
    partition,
    offset,
    kind: "undecodable",
    reason,
    productId: null,
    commandId: null,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value.subarray(0, limits.letterValueBytesMax)),
    valueBytes: value?.length ?? 0,
    headers,
  };
}

/** Of a command that is kept without being decided. `encode` gives its bytes as they would be on the log. */
export function letterOfCommand(
  { command, partition, offset }: LoggedCommand,
  kind: "refused" | "waiting",
  reason: string,
  encode: (command: Command) => Buffer,
): DeadLetter {
  const { productId, commandId } = command;
  const [key, value] = [Buffer.from(productId), encode(command)];
  return {
    partition,
    offset,
    kind,
    reason,
    productId,
    commandId,
    key,
    value,
    valueBytes: value.length,
    headers: {},
  };
}

/** By which the record is known again (P11). */
export function checksumOf({ key, value }: Pick<LogRecord, "key" | "value">): number {
  return crc32(value ?? "", crc32(key ?? ""));
}

export function lastRecordOf(records: readonly LogRecord[]): LastRecord | null {
  const last = records.at(-1);
  return last === undefined ? null : { offset: last.offset, checksum: checksumOf(last) };
}
