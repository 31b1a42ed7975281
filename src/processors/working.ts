/** The working copy of one group: what is committed, read through it, and what the group has decided on top of it (P8). */
import type { LoggedCommand } from "../schemas/commands.ts";
import type { Line, Stock } from "../schemas/lines.ts";
import { versionKey } from "../stores/ledger-store.ts";
import type { GroupWrite, LineChange, ParkedWrite, Snapshot, StockWrite } from "../stores/ledger-store.ts";

/** The base that is in memory; undefined: not in memory, the snapshot says. What is parked is never in memory. */
export type StockBase = (partition: number, productId: string) => Stock | undefined;

export type WorkingProduct = {
  readonly partitions: number[];
  readonly readVersion: number;
  readonly wasParked: boolean;
  stock: Stock | undefined;
  /** Null: not parked. Empty: parked before, for a reason that is stored. */
  parkedBecause: string | null;
  /** Commands of this group that wait, in the order of the log. */
  readonly waiting: LoggedCommand[];
};

export class Working {
  readonly products = new Map<string, WorkingProduct>();
  readonly newLines = new Map<string, Line>();
  readonly linesRead = new Map<string, number>();
  readonly #changes = new Map<string, LineChange>();
  readonly #base: StockBase;
  readonly #found: Snapshot;

  constructor(base: StockBase, found: Snapshot) {
    this.#base = base;
    this.#found = found;
  }

  productOf(partition: number, productId: string): WorkingProduct {
    const seen = this.products.get(productId);
    if (seen !== undefined) {
      if (!seen.partitions.includes(partition)) seen.partitions.push(partition);
      return seen;
    }
    // What was read just now is younger than memory: a locked retry reads what memory had wrong (P5).
    const wasParked = this.#found.parked.has(productId);
    const stock = this.#found.stock.get(productId) ?? (wasParked ? undefined : this.#base(partition, productId));
    const product: WorkingProduct = {
      partitions: [partition],
      readVersion: stock?.version ?? 0,
      wasParked,
      stock,
      parkedBecause: wasParked ? "" : null,
      waiting: [],
    };
    this.products.set(productId, product);
    return product;
  }

  line(commandId: string): Line | undefined {
    return this.newLines.get(commandId) ?? this.#changes.get(commandId)?.line ?? this.#found.lines.get(commandId);
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
    const readRevision = this.#changes.get(commandId)?.readRevision ?? change.readRevision;
    this.#changes.set(commandId, { readRevision, line: change.line });
  }

  writes(): Pick<GroupWrite, "stock" | "parked" | "lines" | "changes" | "linesRead"> {
    const stock: StockWrite[] = [];
    const parked: ParkedWrite[] = [];
    for (const [productId, { readVersion, wasParked, stock: after = null, parkedBecause: because }] of this.products) {
      if (wasParked || because !== null) parked.push({ productId, readVersion, wasParked, after, because });
      else stock.push({ productId, readVersion, after });
    }
    const [lines, changes] = [[...this.newLines.values()], [...this.#changes.values()]];
    return { stock, parked, lines, changes, linesRead: this.#linesRead() };
  }

  /** Lines of the store that a refusal rests on; lines that the group itself writes are checked as such. */
  #linesRead(): { commandId: string; revision: number }[] {
    const read: { commandId: string; revision: number }[] = [];
    for (const commandId of this.linesRead.keys()) {
      const stored = this.#found.lines.get(commandId);
      if (stored !== undefined && !this.#changes.has(commandId)) read.push({ commandId, revision: stored.revision });
    }
    return read;
  }
}
