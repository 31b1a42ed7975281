/**
 * The log against the ledger, place by place (A1 to A5): a merge of three streams in the order of the log, so that a page of
 * each is all that is held. What is decided elsewhere than at its own place is looked up together, a page at a time.
 */
import { limits } from "../limits.ts";
import type { LogReader } from "../log/log-reader.ts";
import type { FetchedRange, LogRecord } from "../log/log.ts";
import type { Command } from "../schemas/commands.ts";
import type { CommandCodec } from "../schemas/codec.ts";
import type { Line } from "../schemas/lines.ts";
import type { AuditSnapshot, KeptRecord } from "../stores/audit-store.ts";
import { Elsewhere } from "./elsewhere.ts";
import type { Findings } from "./findings.ts";
import { decode } from "./reading.ts";
import { contentDifferences, isTombstoneOf, keptDifferences, tombstoneDifferences } from "./record-content.ts";
import { ResumedLines } from "./resumed-lines.ts";
import { Rows } from "./rows.ts";

/** The part of a partition that is decided, and of which the log still has [low, end). */
export type DecidedRange = { readonly partition: number; readonly low: number; readonly end: number };

export type PlacesDeps = {
  readonly snapshot: Pick<AuditSnapshot, "linesByPlace" | "keptByPlace" | "linesById" | "resumedById" | "resumesOf">;
  readonly reader: Pick<LogReader, "read">;
  readonly codec: Pick<CommandCodec, "decode" | "learn">;
  readonly findings: Findings;
  /** Told of every record whose command was decided before. */
  readonly repeated: (commandId: string) => void;
};

export type PlacesCounts = { records: number; lines: number; kept: number; repeats: number; trimmed: number };

type Place = { readonly partition: number; readonly offset: number };

/** `ranges` in the order of their partitions. */
export async function auditPlaces(deps: PlacesDeps, ranges: readonly DecidedRange[]): Promise<PlacesCounts> {
  return new PlacesAudit(deps).run(ranges);
}

class PlacesAudit {
  readonly #deps: PlacesDeps;
  readonly #lines: Rows<Line>;
  readonly #kept: Rows<KeptRecord>;
  readonly #elsewhere: Elsewhere;
  readonly #resumed: ResumedLines;
  readonly #counts = { records: 0, trimmed: 0 };

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
    this.#lines = new Rows(deps.snapshot.linesByPlace());
    this.#kept = new Rows(deps.snapshot.keptByPlace());
    this.#elsewhere = new Elsewhere(deps);
    this.#resumed = new ResumedLines(deps);
  }

  async run(ranges: readonly DecidedRange[]): Promise<PlacesCounts> {
    const wanted = ranges.map(({ partition, low, end }) => ({ partition, from: low, to: end }));
    const read = new Rows(oneByOne(this.#deps.reader.read(wanted)));
    for (const range of ranges) await this.#partition(range, read);
    await this.#without({ partition: Infinity, offset: 0 }, "its partition has no progress");
    await this.#lookUp(1);
    const [lines, kept, repeats] = [this.#lines.taken, this.#kept.taken, this.#elsewhere.repeats];
    return { ...this.#counts, lines, kept, repeats };
  }

  async #partition({ partition, low }: DecidedRange, read: Rows<FetchedRange>): Promise<void> {
    await this.#without({ partition, offset: -Infinity }, "its partition has no progress");
    await this.#former(partition);
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
      await this.#lookUp(limits.auditPageRows);
    }
    await this.#without({ partition: partition + 1, offset: 0 }, "its place is not decided so far");
  }

  async #record(place: Place, record: LogRecord): Promise<void> {
    const { findings, codec } = this.#deps;
    const isHere = (row: Place): boolean => row.partition === place.partition && row.offset === place.offset;
    const lines = await this.#lines.takeAll(isHere);
    const [kept] = await this.#kept.takeAll(isHere);
    const decoded = await decode(codec, record.key, record.value);
    const command = decoded.kind === "command" ? decoded.command : undefined;
    if (kept !== undefined) {
      for (const difference of keptDifferences(kept, record, command)) findings.add("A3", place, difference);
    }
    if (command !== undefined) {
      this.#command(place, command, lines, kept);
      return;
    }
    const reason = decoded.kind === "undecodable" ? decoded.reason : decoded.kind;
    for (const { commandId } of lines) {
      findings.add("A5", { ...place, commandId }, `the record can't be read now (${reason})`);
    }
    if (lines.length === 0 && kept === undefined) {
      findings.add("A1", place, `the record can't be read (${reason}), and there is no dead letter of it`);
    }
  }

  #command(place: Place, command: Command, lines: readonly Line[], kept: KeptRecord | undefined): void {
    const { findings } = this.#deps;
    const { commandId } = command;
    const own = lines.find((line) => line.commandId === commandId);
    const others = lines.filter((line) => line !== own);
    if (own !== undefined && command.type === "ResumeProduct") this.#resumed.take(place, own, others);
    else for (const line of others) this.#beside(place, command, own, line);
    if (own === undefined) {
      if (kept === undefined) this.#elsewhere.take({ ...place, command, isResumed: false });
      else if (kept.outcome === "resumed") this.#elsewhere.take({ ...place, command, isResumed: true });
      return;
    }
    if (kept !== undefined) findings.add("A4", { ...place, commandId }, "the record has a line and a dead letter");
    for (const difference of contentDifferences(command, own)) findings.add("A3", { ...place, commandId }, difference);
  }

  /** A line that is not the record's own: right for an order that has not come, beside the cancel that came before it. */
  #beside(place: Place, command: Command, own: Line | undefined, line: Line): void {
    const { findings } = this.#deps;
    const at = { ...place, commandId: line.commandId };
    const isEarly = command.type === "CancelOrder" && own?.reason === null;
    if (!isEarly || !isTombstoneOf(command, line)) {
      findings.add("A2", at, `the record there is of command ${command.commandId}`);
      return;
    }
    for (const difference of tombstoneDifferences(command, line)) findings.add("A3", at, difference);
  }

  /** Rows below `end` that no record stands for. */
  async #without(end: Place, why: string): Promise<void> {
    for await (const { partition, offset, commandId } of this.#lines.takeWhile((row) => isBelow(row, end))) {
      this.#deps.findings.add("A2", { partition, offset, commandId }, `a line without a record: ${why}`);
    }
    for await (const { partition, offset } of this.#kept.takeWhile((row) => isBelow(row, end))) {
      this.#deps.findings.add("A2", { partition, offset }, `a dead letter without a record: ${why}`);
    }
  }

  /** Below offset 0 are dead letters of a log that was exchanged, as docs/operations.md moves them, and nothing else. */
  async #former(partition: number): Promise<void> {
    const end = { partition, offset: 0 };
    for await (const _letter of this.#kept.takeWhile((row) => isBelow(row, end))) this.#counts.trimmed += 1;
    await this.#without(end, "there is no such offset");
  }

  /** Rows below `end` whose records the log does not keep any more. */
  async #trimmed(end: Place): Promise<void> {
    for await (const _row of this.#lines.takeWhile((row) => isBelow(row, end))) this.#counts.trimmed += 1;
    for await (const _row of this.#kept.takeWhile((row) => isBelow(row, end))) this.#counts.trimmed += 1;
  }

  /** Where at least so many are to be looked up. A range of the log adds no more than it has records. */
  async #lookUp(atLeast: number): Promise<void> {
    if (this.#elsewhere.size >= atLeast) await this.#elsewhere.lookUp();
    if (this.#resumed.size >= atLeast) await this.#resumed.lookUp();
  }
}

/** A range is large, and one is looked at after the other. */
async function* oneByOne<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  for await (const item of items) yield [item];
}

function isBelow(row: Place, end: Place): boolean {
  return row.partition < end.partition || (row.partition === end.partition && row.offset < end.offset);
}
