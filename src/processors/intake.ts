/**
 * From a fetched range to a chunk: decodes, skips what the lease has taken already, and notes what deciding will need to
 * know. A record that can't be decoded becomes a row in the same commit, so that nothing is lost and the partition goes on.
 */
import type { FetchedRange, LogRecord } from "../log/log.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Entry } from "./decide-group.ts";
import { makeChunk } from "./chunks.ts";
import type { Chunk, Lease } from "./lease.ts";
import { lastRecordOf, letterOfRecord } from "./letters.ts";
import type { LastRecord } from "../stores/ledger-store.ts";

/** A record whose schema is not known yet, copied out of the fetch, at its place among the entries. */
type Unlearned = { readonly index: number; readonly schemaId: number; readonly record: LogRecord };

export type Intake = {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly entries: (Entry | undefined)[];
  readonly unlearned: Unlearned[];
  /** Null: the range has no record. */
  readonly last: LastRecord | null;
};

/** Decodes what lies at or above `tail`. Synchronous: values are slices of a whole fetch (KAFKAJS.md 13). */
export function takeIn(codec: Pick<CommandCodec, "decode">, range: FetchedRange, tail: number): Intake {
  const entries: (Entry | undefined)[] = [];
  const unlearned: Unlearned[] = [];
  let bytes = 0;
  for (const record of range.records) {
    if (record.offset < tail) continue;
    bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
    const decoded = codec.decode(record.key, record.value);
    switch (decoded.kind) {
      case "command":
        entries.push({ command: decoded.command, partition: range.partition, offset: record.offset });
        break;
      case "undecodable":
        entries.push({ letter: letterOfRecord(range.partition, record, decoded.reason) });
        break;
      case "unknown_schema":
        unlearned.push({ index: entries.length, schemaId: decoded.schemaId, record: copyOf(record) });
        entries.push(undefined);
        break;
    }
  }
  const last = lastRecordOf(range.records);
  return { from: Math.max(range.from, tail), to: range.to, bytes, entries, unlearned, last };
}

/** Asks for the schemas that are missing and decodes what waited for them. Rejects when they can't be asked for now. */
export async function learnSchemas(
  codec: Pick<CommandCodec, "decode" | "learn">,
  partition: number,
  intake: Intake,
): Promise<void> {
  for (const { index, schemaId, record } of intake.unlearned) {
    await codec.learn(schemaId);
    const decoded = codec.decode(record.key, record.value);
    intake.entries[index] =
      decoded.kind === "command"
        ? { command: decoded.command, partition, offset: record.offset }
        : { letter: letterOfRecord(partition, record, decoded.kind === "undecodable" ? decoded.reason : decoded.kind) };
  }
  intake.unlearned.length = 0;
}

export function chunkOf(lease: Lease, intake: Intake): Chunk {
  const { from, to, bytes, last } = intake;
  return makeChunk({ lease, from, to, entries: intake.entries.filter((entry) => entry !== undefined), bytes, last });
}

function copyOf(record: LogRecord): LogRecord {
  const copy = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
  return { ...record, key: copy(record.key), value: copy(record.value) };
}
