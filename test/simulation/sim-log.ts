/**
 * An order log in memory and the client that reads it for one instance. Like Kafka's: offsets count markers that nobody
 * is shown, what is in flight may arrive after the partition was taken away, and positions begin anew at each assignment.
 */
import type { FetchedRange, LogEnds, LogListener, LogRecord, LogSource } from "../../src/log/log.ts";
import type { CommandCodec } from "../../src/schemas/codec.ts";
import type { Command } from "../../src/schemas/commands.ts";

/** A command at its offset, or a transaction marker. */
export type SimRecord = Command | "marker";

export type SimLog = { readonly partitions: readonly SimRecord[][] };

export function createSimLog(partitionCount: number): SimLog {
  return { partitions: Array.from({ length: partitionCount }, () => []) };
}

/** Bytes are not what the simulation is about: JSON instead of Avro. */
export const simCodec: Pick<CommandCodec, "encode" | "decode" | "learn"> = {
  decode: (_key, value) => ({ kind: "command", command: JSON.parse(value?.toString() ?? "") as Command }),
  encode: (command) => Buffer.from(JSON.stringify(command)),
  learn: () => Promise.resolve(),
};

export function endsOf(log: SimLog): ReadonlyMap<number, LogEnds> {
  return new Map(log.partitions.map((records, partition) => [partition, { low: 0, high: records.length }]));
}

export type SimSourceOptions = {
  readonly log: SimLog;
  /** Lets others run; never resolves for an instance that has crashed. */
  readonly hop: (label: string) => Promise<void>;
  /** How many records the next fetch brings, at least 1. */
  readonly fetchSize: () => number;
};

export class SimSource implements Omit<LogSource, "start" | "stop"> {
  readonly #options: SimSourceOptions;
  readonly #paused = new Set<number>();
  readonly #positions = new Map<number, number>();
  readonly #hints = new Map<number, number>();
  #assigned: readonly number[] = [];
  #listener: LogListener | undefined;
  #pumping = false;

  constructor(options: SimSourceOptions) {
    this.#options = options;
  }

  listen(listener: LogListener): void {
    this.#listener = listener;
  }

  /** The group protocol's answer: everything begins paused, at the hint. */
  assign(partitions: readonly number[]): void {
    this.#assigned = partitions;
    for (const partition of partitions) {
      this.#paused.add(partition);
      this.#positions.set(partition, this.#hints.get(partition) ?? 0);
    }
    this.#listener?.assigned(partitions);
  }

  pause(partition: number): void {
    this.#paused.add(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.pump();
  }

  seek(partition: number, offset: number): void {
    this.#positions.set(partition, offset);
    this.pump();
  }

  reportProgress(nextOffsets: ReadonlyMap<number, number>): void {
    for (const [partition, offset] of nextOffsets) this.#hints.set(partition, offset);
  }

  /** Fetches until nothing is left that may be fetched. Called whenever that may have changed. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (let range = this.#next(); range !== undefined; range = this.#next()) {
      const { partition, from, to } = range;
      await this.#options.hop(`fetch ${partition} from ${from}`);
      // A seek or a pause in the meantime drops what was fetched; a partition that was taken away does not (KAFKAJS.md 7).
      if (this.#positions.get(partition) !== from || this.#paused.has(partition)) continue;
      this.#positions.set(partition, to);
      this.#listener?.fetched(range);
    }
    this.#pumping = false;
  }

  #next(): FetchedRange | undefined {
    const { log, fetchSize } = this.#options;
    for (const partition of this.#assigned) {
      const from = this.#positions.get(partition) ?? 0;
      const records = log.partitions[partition] ?? [];
      if (this.#paused.has(partition) || from >= records.length) continue;
      const to = Math.min(records.length, from + fetchSize());
      return {
        partition,
        from,
        to,
        records: records.slice(from, to).flatMap((record, index) => shown(record, from + index)),
      };
    }
    return undefined;
  }
}

function shown(record: SimRecord, offset: number): LogRecord[] {
  if (record === "marker") return [];
  return [{ offset, key: Buffer.from(record.productId), value: Buffer.from(JSON.stringify(record)), headers: {} }];
}
