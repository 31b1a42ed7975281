/**
 * The log against the ledger, place by place (A1 to A5): a merge of three streams in the order of the log, so that a page of
 * each is all that is held. Repeated commands are looked up together, a page at a time.
 */
import { limits } from "../limits.ts";
import type { LogReader } from "../log/log-reader.ts";
import type { FetchedRange, LogRecord } from "../log/log.ts";
import type { CancelOrder, Command } from "../schemas/commands.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Line } from "../schemas/lines.ts";
import type { AuditSnapshot, KeptRecord } from "../stores/audit-store.ts";
import type { Findings } from "./findings.ts";
import { contentDifferences, tombstoneDifferences } from "./record-content.ts";
import { Rows } from "./rows.ts";

/** The part of a partition that is decided, and of which the log still has [low, end). */
export type DecidedRange = { readonly partition: number; readonly low: number; readonly end: number };

export type PlacesDeps = {
  readonly snapshot: Pick<AuditSnapshot, "linesByPlace" | "keptByPlace" | "linesById">;
  readonly reader: Pick<LogReader, "read">;
  readonly codec: Pick<CommandCodec, "decode" | "learn">;
  readonly findings: Findings;
  /** Told of every record whose command was decided at another place. */
  readonly repeated: (commandId: string) => void;
};

export type PlacesCounts = { records: number; lines: number; kept: number; repeats: number; trimmed: number };

type Place = { readonly partition: number; readonly offset: number };
type Repeat = Place & { readonly commandId: string };

/** `ranges` in the order of their partitions. */
export async function auditPlaces(deps: PlacesDeps, ranges: readonly DecidedRange[]): Promise<PlacesCounts> {
  return new PlacesAudit(deps).run(ranges);
}

class PlacesAudit {
  readonly #deps: PlacesDeps;
  readonly #lines: Rows<Line>;
  readonly #kept: Rows<KeptRecord>;
  readonly #counts: PlacesCounts = { records: 0, lines: 0, kept: 0, repeats: 0, trimmed: 0 };
  #repeats: Repeat[] = [];

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
    this.#lines = new Rows(deps.snapshot.linesByPlace());
    this.#kept = new Rows(deps.snapshot.keptByPlace());
  }

  async run(ranges: readonly DecidedRange[]): Promise<PlacesCounts> {
    const wanted = ranges.map(({ partition, low, end }) => ({ partition, from: low, to: end }));
    const read = new Rows(batched(this.#deps.reader.read(wanted)));
    for (const range of ranges) await this.#partition(range, read);
    await this.#without({ partition: Infinity, offset: 0 }, "its partition has no progress");
    await this.#lookUpRepeats();
    this.#counts.lines = this.#lines.taken;
    this.#counts.kept = this.#kept.taken;
    return this.#counts;
  }

  async #partition({ partition, low }: DecidedRange, read: Rows<FetchedRange>): Promise<void> {
    await this.#without({ partition, offset: 0 }, "its partition has no progress");
    await this.#trimmed({ partition, offset: low });
    let at = low;
    for await (const range of read.takeWhile((other) => other.partition === partition)) {
      if (range.from > at) await this.#trimmed({ partition, offset: range.from });
      for (const record of range.records) {
        await this.#without({ partition, offset: record.offset }, "the log has no record there");
        await this.#record({ partition, offset: record.offset }, record);
        this.#counts.records += 1;
      }
      at = range.to;
      await this.#without({ partition, offset: at }, "the log has no record there");
    }
    await this.#without({ partition: partition + 1, offset: 0 }, "its place is not decided so far");
  }

  async #record(place: Place, record: LogRecord): Promise<void> {
    const { findings, codec } = this.#deps;
    const isHere = (row: Place): boolean => row.partition === place.partition && row.offset === place.offset;
    const lines = await this.#lines.takeAll(isHere);
    const [kept] = await this.#kept.takeAll(isHere);
    let decoded = codec.decode(record.key, record.value);
    if (decoded.kind === "unknown_schema") {
      await codec.learn(decoded.schemaId);
      decoded = codec.decode(record.key, record.value);
    }
    if (kept !== undefined) this.#keptRecord(place, kept, record, decoded.kind === "command" ? decoded.command : null);
    if (decoded.kind !== "command") {
      const reason = decoded.kind === "undecodable" ? decoded.reason : decoded.kind;
      for (const { commandId } of lines) {
        findings.add("A5", { ...place, commandId }, `the record can't be read now (${reason})`);
      }
      if (lines.length === 0 && kept === undefined) {
        findings.add("A1", place, `the record can't be read (${reason}), and there is no dead letter of it`);
      }
      return;
    }
    this.#command(place, decoded.command, lines, kept);
  }

  #command(place: Place, command: Command, lines: readonly Line[], kept: KeptRecord | undefined): void {
    const { findings } = this.#deps;
    const { commandId } = command;
    const own = lines.find((line) => line.commandId === commandId);
    for (const line of lines) {
      if (line === own) continue;
      if (command.type === "CancelOrder" && isTombstoneOf(command, line)) {
        for (const each of tombstoneDifferences(command, line)) {
          findings.add("A3", { ...place, commandId: line.commandId }, each);
        }
        continue;
      }
      findings.add("A2", { ...place, commandId: line.commandId }, `the record there is of command ${commandId}`);
    }
    if (own === undefined) {
      if (kept === undefined) this.#repeats.push({ ...place, commandId });
      return;
    }
    if (kept !== undefined && kept.outcome !== "resumed") {
      findings.add("A4", { ...place, commandId }, "the record has a line and a dead letter");
    }
    for (const difference of contentDifferences(command, own)) findings.add("A3", { ...place, commandId }, difference);
  }

  #keptRecord(place: Place, kept: KeptRecord, record: LogRecord, command: Command | null): void {
    const { findings } = this.#deps;
    if (kept.kind === "undecodable") {
      if (!sameBytes(kept.key, record.key)) findings.add("A3", place, "the dead letter's key is not the record's");
      if (!sameBytes(kept.value, record.value))
        findings.add("A3", place, "the dead letter's value is not the record's");
    } else if (command !== null && kept.commandId !== command.commandId) {
      findings.add("A3", place, `the dead letter is of ${String(kept.commandId)}, the record of ${command.commandId}`);
    }
  }

  /** Rows below `end` that no record stands for. */
  async #without(end: Place, why: string): Promise<void> {
    for await (const { partition, offset, commandId } of this.#lines.takeWhile((row) => isBelow(row, end))) {
      this.#deps.findings.add("A2", { partition, offset, commandId }, `a line without a record: ${why}`);
    }
    for await (const { partition, offset } of this.#kept.takeWhile((row) => isBelow(row, end))) {
      this.#deps.findings.add("A2", { partition, offset }, `a dead letter without a record: ${why}`);
    }
    if (this.#repeats.length >= limits.auditPageRows) await this.#lookUpRepeats();
  }

  /** Rows below `end` whose records the log does not keep any more. */
  async #trimmed(end: Place): Promise<void> {
    for await (const _row of this.#lines.takeWhile((row) => isBelow(row, end))) this.#counts.trimmed += 1;
    for await (const _row of this.#kept.takeWhile((row) => isBelow(row, end))) this.#counts.trimmed += 1;
  }

  async #lookUpRepeats(): Promise<void> {
    const repeats = this.#repeats;
    this.#repeats = [];
    if (repeats.length === 0) return;
    const { snapshot, findings, repeated } = this.#deps;
    const lines = await snapshot.linesById([...new Set(repeats.map(({ commandId }) => commandId))]);
    for (const { commandId, ...place } of repeats) {
      const line = lines.get(commandId);
      if (line === undefined) {
        findings.add("A1", { ...place, commandId }, "the record is below next_offset, and nothing was stored of it");
        continue;
      }
      this.#counts.repeats += 1;
      repeated(commandId);
      // An order that was cancelled before it came has moved to its record, behind others of its id with another product.
      const isLater = line.partition === place.partition && line.offset > place.offset;
      if (isLater && line.reason !== "cancelled_before_placed") {
        findings.add("A4", { ...place, commandId }, `an earlier record than the one decided, at offset ${line.offset}`);
      }
    }
  }
}

/** Each by itself: a range is large, and one is looked at after the other. */
async function* batched<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  for await (const item of items) yield [item];
}

function isBelow(row: Place, end: Place): boolean {
  return row.partition < end.partition || (row.partition === end.partition && row.offset < end.offset);
}

/** A cancel that came before its order has a second line beside its own: the order, without content. */
function isTombstoneOf(cancel: CancelOrder, line: Line): boolean {
  return line.commandId === cancel.orderId && line.reason === "cancelled_before_placed";
}

function sameBytes(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
