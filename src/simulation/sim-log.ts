/**
 * An order log in memory. Like Kafka's: each partition is a sequence of records numbered by offset, transaction markers take
 * an offset that nobody is shown, partitions can be added and never taken away.
 */
import type { AppendRecord, LogEnds, LogHeaders, LogRecord } from "../log/log.ts";

/** A record at its offset, or a transaction marker. */
export type SimEntry = Omit<LogRecord, "offset"> | "marker";

export class SimLog {
  readonly #partitions: SimEntry[][];
  readonly #whenAppended = new Set<() => void>();

  constructor(partitionCount: number) {
    this.#partitions = Array.from({ length: partitionCount }, () => []);
  }

  get partitions(): readonly (readonly SimEntry[])[] {
    return this.#partitions;
  }

  /** The offsets of the records, in order. */
  append(records: readonly (AppendRecord | { readonly partition: number; readonly marker: true })[]): number[] {
    const offsets = records.map((record) => {
      const entries = this.#partitions[record.partition];
      if (entries === undefined) throw new Error(`there is no partition ${record.partition}`);
      return entries.push(entryOf(record)) - 1;
    });
    for (const tell of this.#whenAppended) tell();
    return offsets;
  }

  /** Adds partitions until there are so many; never takes any away. */
  grow(partitionCount: number): void {
    while (this.#partitions.length < partitionCount) this.#partitions.push([]);
  }

  ends(): Map<number, LogEnds> {
    return new Map(this.#partitions.map((entries, partition) => [partition, { low: 0, high: entries.length }]));
  }

  /** The records in [from, to) that a reader is shown. */
  read(partition: number, from: number, to: number): LogRecord[] {
    const entries = this.#partitions[partition]?.slice(from, to) ?? [];
    return entries.flatMap((entry, index) => (entry === "marker" ? [] : [{ offset: from + index, ...entry }]));
  }

  end(partition: number): number {
    return this.#partitions[partition]?.length ?? 0;
  }

  /** Calls back after each append; returns how to stop. */
  subscribe(tell: () => void): () => void {
    this.#whenAppended.add(tell);
    return () => void this.#whenAppended.delete(tell);
  }
}

function entryOf(record: AppendRecord | { readonly marker: true }): SimEntry {
  if ("marker" in record) return "marker";
  const { key, value, headers } = record;
  return { key: typeof key === "string" ? Buffer.from(key) : key, value, headers: headersOf(headers ?? {}) };
}

/** Whatever was given, bytes come back. */
function headersOf(headers: LogHeaders): LogRecord["headers"] {
  const bytes = (value: string | Buffer): Buffer => Buffer.from(value);
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(bytes) : bytes(value)]),
  );
}
