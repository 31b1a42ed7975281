/**
 * From a fetched range to a chunk: decodes, skips what the lease has taken already, and notes what deciding will need to
 * know. A record that can't be decoded becomes a row in the same commit, so that nothing is lost and the partition goes on.
 */
import type { FetchedRange, LogRecord } from "../log/log.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Entry } from "./decide-group.ts";
import type { Chunk, Lease } from "./lease.ts";

/** A record whose schema is not known yet, copied out of the fetch, at its place among the entries. */
type Unlearned = { readonly index: number; readonly schemaId: number; readonly record: LogRecord };

export type Intake = {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly entries: (Entry | undefined)[];
  readonly unlearned: Unlearned[];
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
        entries.push(letterOf(range.partition, record, decoded.reason));
        break;
      case "unknown_schema":
        unlearned.push({ index: entries.length, schemaId: decoded.schemaId, record: copyOf(record) });
        entries.push(undefined);
        break;
    }
  }
  return { from: Math.max(range.from, tail), to: range.to, bytes, entries, unlearned };
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
        : letterOf(partition, record, decoded.kind === "undecodable" ? decoded.reason : decoded.kind);
  }
  intake.unlearned.length = 0;
}

export function chunkOf(lease: Lease, intake: Intake): Chunk {
  const entries = intake.entries.filter((entry) => entry !== undefined);
  return makeChunk(lease, intake.from, intake.to, entries, intake.bytes);
}

/** Cuts a chunk in two, the first with `count` entries, so that a group keeps its bound. */
export function splitChunk(chunk: Chunk, count: number): [Chunk, Chunk] {
  const next = chunk.entries[count];
  const cut = next === undefined ? chunk.to : offsetOf(next);
  const bytes = Math.floor((chunk.bytes * count) / chunk.entries.length);
  return [
    makeChunk(chunk.lease, chunk.from, cut, chunk.entries.slice(0, count), bytes),
    makeChunk(chunk.lease, cut, chunk.to, chunk.entries.slice(count), chunk.bytes - bytes),
  ];
}

function makeChunk(lease: Lease, from: number, to: number, entries: readonly Entry[], bytes: number): Chunk {
  const productIds = new Set<string>();
  const orderIds = new Set<string>();
  const versions: { productId: string; version: number }[] = [];
  for (const entry of entries) {
    if ("letter" in entry) continue;
    const { command } = entry;
    productIds.add(command.productId);
    if (command.type === "CancelOrder") orderIds.add(command.orderId);
    if (command.type === "CountStock" && command.asOfVersion !== null) {
      versions.push({ productId: command.productId, version: command.asOfVersion });
    }
  }
  return { lease, from, to, entries, bytes, productIds: [...productIds], orderIds: [...orderIds], versions };
}

function offsetOf(entry: Entry): number {
  return "letter" in entry ? entry.letter.offset : entry.offset;
}

function letterOf(partition: number, record: LogRecord, reason: string): Entry {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    // Headers are anybody's bytes: base64 keeps them whole, and out of the way of what JSON and PostgreSQL refuse.
    const values = (Array.isArray(value) ? value : [value ?? ""]).map((each) => Buffer.from(each).toString("base64"));
    headers[Buffer.from(name).toString("base64")] = values.join(",");
  }
  const { key, value, offset } = copyOf(record);
  return { letter: { partition, offset, reason, key, value, headers } };
}

function copyOf(record: LogRecord): LogRecord {
  const copy = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
  return { ...record, key: copy(record.key), value: copy(record.value) };
}
