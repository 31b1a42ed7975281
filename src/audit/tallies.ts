/**
 * Each product's history, replayed version by version (A6 to A9), and its end against `stock` (A11). Versions are the order
 * of decisions, also where a producer strews a product over partitions. After a difference it goes on from what is stored, so
 * that one wrong line is told once.
 */
import { limits } from "../limits.ts";
import type { Stock } from "../schemas/lines.ts";
import type { AuditSnapshot, StockRow, TallyRow } from "../stores/audit-store.ts";
import type { Findings } from "./findings.ts";
import { Rows } from "./rows.ts";
import { disagreement, statusFault, verdictOnArchive, verdictOnCount } from "./verdicts.ts";
import { verdictOnDelivery, verdictOnOrder, verdictOnRestore } from "./verdicts.ts";
import type { Verdict } from "./verdicts.ts";

export type TalliesDeps = {
  readonly snapshot: Pick<AuditSnapshot, "linesByProduct" | "stockByProduct">;
  readonly findings: Findings;
};

/** Resolves with the number of products that have lines. */
export async function auditTallies({ snapshot, findings }: TalliesDeps): Promise<number> {
  const rows = new Rows(snapshot.linesByProduct());
  const stock = new Rows(snapshot.stockByProduct());
  let products = 0;
  for (let row = await rows.peek(); row !== undefined; row = await rows.peek()) {
    const { productId } = row;
    for await (const each of stock.takeWhile((other) => other.productId < productId)) onlyStock(each, findings);
    const tally = new ProductTally(productId, findings);
    for await (const each of rows.takeWhile((other) => other.productId === productId)) tally.add(each);
    const [stored] = await stock.takeAll((other) => other.productId === productId);
    tally.end(stored);
    products += 1;
  }
  for await (const each of stock.takeWhile(() => true)) onlyStock(each, findings);
  return products;
}

function onlyStock({ productId, quantity, version }: StockRow, findings: Findings): void {
  if (version > 0) findings.add("A11", { productId }, `stock is ${quantity} at version ${version}, without a line`);
}

/** One product's history: its lines by version. */
export class ProductTally {
  readonly #productId: string;
  readonly #findings: Findings;
  /** By partition, the last offset seen: as many as the product has partitions. */
  readonly #offsets = new Map<number, number>();
  #quantity = 0;
  #version = 0;
  #archived = false;

  constructor(productId: string, findings: Findings) {
    this.#productId = productId;
    this.#findings = findings;
  }

  add(row: TallyRow): void {
    if (row.lookedBack) {
      this.#count(row);
      return;
    }
    const fault = statusFault(row);
    if (fault !== undefined) this.#say("A8", row, fault);
    this.#offset(row);
    this.#decision(row);
    if (row.booked) this.#book(row);
    else this.#meet(row);
  }

  end(stored: StockRow | undefined): void {
    const { quantity, version, archived = false } = stored ?? { quantity: 0, version: 0 };
    const productId = this.#productId;
    if (quantity !== this.#quantity || version !== this.#version) {
      const says = `stock is ${quantity} at version ${version}, the ledger says ${this.#quantity} at version ${this.#version}`;
      this.#findings.add("A11", { productId }, says);
    } else if (archived !== this.#archived) {
      const told = (is: boolean): string => (is ? "archived" : "not archived");
      this.#findings.add("A11", { productId }, `it is ${told(archived)}, the ledger says ${told(this.#archived)}`);
    }
  }

  /**
   * What waited was decided before what its ResumeProduct's own group had brought in front of it; and a ResumeProduct that
   * leaves some waiting comes before those, too.
   */
  #offset(row: TallyRow): void {
    if (row.wasResumed || row.type === "ResumeProduct") return;
    const last = this.#offsets.get(row.partition) ?? -1;
    if (row.offset < last) {
      this.#say("A9", row, `version ${row.version} is decided after the record at offset ${last}`);
      return;
    }
    this.#offsets.set(row.partition, row.offset);
  }

  #decision(row: TallyRow): void {
    if (row.reason === "cancelled_before_placed") return;
    const stock: Stock = {
      quantity: this.#quantity,
      version: this.#version,
      ...(this.#archived && { archived: true }),
    };
    if (row.type === "ResumeProduct") {
      const isRefused = row.reason === "not_parked" || row.reason === "still_refused";
      if (row.reason !== null && (!isRefused || row.quantity !== 0)) {
        this.#say("A8", row, `it decided ${row.quantity} commands, and is ${row.reason}`);
      }
      return;
    }
    const verdict = verdictOn(row, stock);
    const wrong = verdict === undefined ? undefined : disagreement(row, verdict);
    if (wrong !== undefined) this.#say("A8", row, `${wrong}, with ${stock.quantity} at version ${stock.version}`);
  }

  /** A stocktake as of the version that the tally stands at. What it met is taken from its own line, judged at its own place. */
  #count(row: TallyRow): void {
    const asOf = row.asOfVersion ?? 0;
    const before = row.booked
      ? { quantity: row.stockAfter - row.delta, version: row.version - 1 }
      : { quantity: row.stockAfter, version: row.version };
    const isPast = asOf >= 1 && asOf <= before.version;
    if (isPast && asOf !== this.#version) return; // That version is missing: said already.
    const wrong = disagreement(row, verdictOnCount(row, before, isPast ? this.#quantity : undefined));
    if (wrong !== undefined) this.#say("A8", row, `${wrong}, counted as of version ${asOf}`);
  }

  #book(row: TallyRow): void {
    if (row.version !== this.#version + 1) {
      this.#say("A6", row, `version ${row.version} comes after version ${this.#version}`);
    } else if (row.stockAfter !== this.#quantity + row.delta) {
      this.#say("A7", row, `${this.#quantity} and ${row.delta} make ${row.stockAfter} at version ${row.version}`);
    }
    if (row.stockAfter < 0 || row.stockAfter > limits.stockMax) {
      this.#say("A7", row, `the stock is ${row.stockAfter} at version ${row.version}`);
    }
    this.#quantity = row.stockAfter;
    this.#version = row.version;
    if (row.type === "ArchiveProduct" || row.type === "RestoreProduct") this.#archived = row.type === "ArchiveProduct";
  }

  #meet(row: TallyRow): void {
    if (row.delta !== 0) this.#say("A7", row, `it moved nothing, and its delta is ${row.delta}`);
    if (row.version !== this.#version) {
      this.#say("A6", row, `it met version ${row.version}, which nothing made`);
    } else if (row.stockAfter !== this.#quantity) {
      this.#say("A7", row, `it met ${row.stockAfter} at version ${row.version}, and there were ${this.#quantity}`);
    }
  }

  #say(kind: "A6" | "A7" | "A8" | "A9", { productId, commandId, partition, offset }: TallyRow, says: string): void {
    this.#findings.add(kind, { productId, commandId, partition, offset }, says);
  }
}

/** Undefined: judged elsewhere. */
function verdictOn(row: TallyRow, stock: Stock): Verdict | undefined {
  switch (row.type) {
    case "PlaceOrder":
      return verdictOnOrder(row, stock);
    case "ReceiveStock":
      return verdictOnDelivery(row, stock);
    case "CountStock":
      return row.asOfVersion === null ? verdictOnCount(row, stock, stock.quantity) : undefined;
    case "ArchiveProduct":
      return verdictOnArchive(stock);
    case "RestoreProduct":
      return verdictOnRestore(stock);
    case "CancelOrder":
    case "PackOrder":
    case "ResumeProduct":
      return undefined;
  }
}
