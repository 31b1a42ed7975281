/**
 * An order log in memory. Like Kafka's: each partition is a sequence of records numbered by offset, transaction markers take
 * an offset that nobody is shown, partitions can be added and never taken away.
 */
import type { AppendRecord, LogEnds, LogRecord } from "../log/log.ts";

/** A record at its offset, or a transaction marker. */
export type SimEntry = Pick<LogRecord, "key" | "value"> | "marker";

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
      const entry: SimEntry = "marker" in record ? "marker" : { key: bytesOf(record.key), value: record.value };
      return entries.push(entry) - 1;
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
    return entries.flatMap((entry, index) =>
      entry === "marker" ? [] : [{ offset: from + index, key: entry.key, value: entry.value, headers: {} }],
    );
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

function bytesOf(key: Buffer | string | null): Buffer | null {
  return typeof key === "string" ? Buffer.from(key) : key;
}
