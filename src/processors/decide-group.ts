/**
 * Decides all commands of one group, in the order of the log, on a working copy: the committed base is read through it
 * and changed only in it, so that a group that is refused leaves nothing behind (P8). Pure and synchronous.
 */
import type { LoggedCommand } from "../schemas/commands.ts";
import type { Line, Stock, StoredLine } from "../schemas/lines.ts";
import { versionKey } from "../stores/ledger-store.ts";
import type { DeadLetter, GroupWrite, LineChange, Snapshot, StockWrite } from "../stores/ledger-store.ts";
import { decide, evolve } from "./stock.ts";

export type Entry = LoggedCommand | { readonly letter: DeadLetter };

/** The base that is in memory; undefined: not in memory, the snapshot says. */
export type StockBase = (partition: number, productId: string) => Stock | undefined;

export type DecidedGroup = {
  readonly write: Omit<GroupWrite, "advances">;
  /** What each command came to, in the order decided; repeated ones carry the line that was stored before. */
  readonly answers: readonly { readonly partition: number; readonly line: Line; readonly repeated: boolean }[];
  /** Orders that are new, changed or repeated, with the partition whose command did it. */
  readonly orders: readonly { readonly partition: number; readonly line: Line | StoredLine }[];
  /** Every product that was read, after the group, with the partitions that read it: one, unless a producer strews. */
  readonly products: readonly {
    readonly partitions: readonly number[];
    readonly productId: string;
    readonly stock: Stock | undefined;
  }[];
};

type WorkingStock = { readonly partitions: number[]; readonly readVersion: number; stock: Stock | undefined };

class Working {
  readonly stock = new Map<string, WorkingStock>();
  readonly newLines = new Map<string, Line>();
  readonly changes = new Map<string, LineChange>();
  readonly linesRead = new Map<string, number>();
  readonly #base: StockBase;
  readonly #found: Snapshot;

  constructor(base: StockBase, found: Snapshot) {
    this.#base = base;
    this.#found = found;
  }

  stockOf(partition: number, productId: string): WorkingStock {
    const seen = this.stock.get(productId);
    if (seen !== undefined) {
      if (!seen.partitions.includes(partition)) seen.partitions.push(partition);
      return seen;
    }
    // What was read just now is younger than memory: a locked retry reads what memory had wrong (P5).
    const stock = this.#found.stock.get(productId) ?? this.#base(partition, productId);
    const working = { partitions: [partition], readVersion: stock?.version ?? 0, stock };
    this.stock.set(productId, working);
    return working;
  }

  line(commandId: string): Line | undefined {
    return this.newLines.get(commandId) ?? this.changes.get(commandId)?.line ?? this.#found.lines.get(commandId);
  }

  stockAtVersion(productId: string, version: number | null): number | undefined {
    if (version === null) return undefined;
    const stored = this.#found.stockAtVersion.get(versionKey(productId, version));
    if (stored !== undefined) return stored;
    for (const line of this.newLines.values()) {
      if (line.productId === productId && line.version === version) return line.stockAfter;
    }
    return undefined;
  }

  /** A line of this group that changes again is still new; one of the store keeps the revision that was read first. */
  change(change: LineChange): void {
    const { commandId } = change.line;
    if (this.newLines.has(commandId)) {
      this.newLines.set(commandId, change.line);
      return;
    }
    const readRevision = this.changes.get(commandId)?.readRevision ?? change.readRevision;
    this.changes.set(commandId, { readRevision, line: change.line });
  }
}

export function decideGroup(entries: readonly Entry[], base: StockBase, found: Snapshot): DecidedGroup {
  const working = new Working(base, found);
  const answers: { partition: number; line: Line; repeated: boolean }[] = [];
  const orders = new Map<string, { partition: number; line: Line }>();
  const deadLetters: DeadLetter[] = [];
  for (const entry of entries) {
    if ("letter" in entry) {
      deadLetters.push(entry.letter);
      continue;
    }
    const { command, partition } = entry;
    const working_ = working.stockOf(partition, command.productId);
    const order = command.type === "CancelOrder" ? working.line(command.orderId) : undefined;
    const decision = decide(
      {
        stock: working_.stock,
        line: working.line(command.commandId),
        order,
        stockAtVersion:
          command.type === "CountStock" ? working.stockAtVersion(command.productId, command.asOfVersion) : undefined,
      },
      entry,
    );
    answers.push({ partition, line: decision.answer, repeated: decision.kind === "repeated" });
    if (decision.kind === "repeated") {
      // Told again, for the caller who sent it again has marked it pending in the cache again.
      if (decision.answer.type === "PlaceOrder") {
        orders.set(decision.answer.commandId, { partition, line: decision.answer });
      }
      continue;
    }
    if (order !== undefined && decision.changes.length === 0) working.linesRead.set(order.commandId, order.revision);
    for (const line of decision.lines) {
      working.newLines.set(line.commandId, line);
      if (line.type === "PlaceOrder") orders.set(line.commandId, { partition, line });
    }
    for (const change of decision.changes) {
      working.change(change);
      orders.set(change.line.commandId, { partition, line: change.line });
    }
    if (decision.answer.status === "accepted") working_.stock = evolve(decision.answer);
  }
  return {
    write: {
      stock: stockWrites(working),
      lines: [...working.newLines.values()],
      changes: [...working.changes.values()],
      linesRead: linesRead(working, found),
      deadLetters,
    },
    answers,
    orders: [...orders.values()],
    products: [...working.stock].map(([productId, { partitions, stock }]) => ({ partitions, productId, stock })),
  };
}

function stockWrites(working: Working): StockWrite[] {
  return [...working.stock].map(([productId, { readVersion, stock }]) => ({
    productId,
    readVersion,
    after: stock ?? null,
  }));
}

/** Lines of the store that a refusal rests on; lines that the group itself writes are checked as such. */
function linesRead(working: Working, found: Snapshot): { commandId: string; revision: number }[] {
  const read: { commandId: string; revision: number }[] = [];
  for (const commandId of working.linesRead.keys()) {
    const stored = found.lines.get(commandId);
    if (stored !== undefined && !working.changes.has(commandId)) read.push({ commandId, revision: stored.revision });
  }
  return read;
}
