/** What an audit has found: differences, counted by kind, the first ones kept to be shown. */

/** Every kind of difference, and the invariant that it breaks. docs/audit.md explains each one. */
export const differenceKinds = {
  A1: "every record below next_offset has a fate: a line, a dead letter, or an earlier record with its command id",
  A2: "every line and every dead letter has its record, below next_offset",
  A3: "a line, and a dead letter, says what its record says",
  A4: "a record has one fate: no line beside a dead letter, no line for the later of two records with one id",
  A5: "the record of a line can be read",
  A6: "a product's versions are 1, 2, 3 …, each of them once",
  A7: "at every version the stock is the sum of the ledger, and within its bounds",
  A8: "every decision is the one that the rules ask for, given the stock at that moment",
  A9: "in one partition a product's commands are decided in the order of the log",
  A10: "an order is cancelled by one cancel, and only when it was accepted or had not come yet, or packed by one packing, never both",
  A11: "stock is the last version of the ledger",
  A12: "effects_offset <= next_offset, and next_offset is within the log",
  A13: "a product's first delivery brings its initial stock",
  A14: "the views show the ledger",
  A15: "a quantity in Redis is that of its version",
  A16: "an order in Redis is what the ledger says of that revision",
  A17: "Redis knows no later epoch than PostgreSQL",
  A18: "at rest everything is decided and told",
  A19: "commands wait for parked products alone, and are resumed in the order in which they came",
  A20: "a dead letter that was redriven has its command",
  A21: "the steps of an order are done one after another, from its packing on",
} as const satisfies Record<string, string>;

export type DifferenceKind = keyof typeof differenceKinds;

export type Difference = {
  readonly kind: DifferenceKind;
  /** What it is about: `partition`, `offset`, `commandId`, `productId`, `key`. */
  readonly at: Readonly<Record<string, string | number>>;
  /** One sentence without a full stop. */
  readonly says: string;
};

export class Findings {
  readonly differences: Difference[] = [];
  readonly counts = new Map<DifferenceKind, number>();
  total = 0;
  readonly #shownMax: number;

  constructor(shownMax: number) {
    this.#shownMax = shownMax;
  }

  add(kind: DifferenceKind, at: Difference["at"], says: string): void {
    this.total += 1;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    if (this.differences.length < this.#shownMax) this.differences.push({ kind, at, says });
  }
}
