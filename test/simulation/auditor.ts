/**
 * Judges a world that has come to rest. It shares no code with the decider: it replays the log with a model of its own and
 * compares what is stored, line by line.
 */
import assert from "node:assert/strict";
import type { Command, ResumeProduct } from "../../src/schemas/commands.ts";
import type { MemoryLedger } from "../../src/stores/memory/ledger-store.ts";
import type { MemoryCache } from "../../src/stores/memory/effects-cache.ts";
import type { SimLog } from "./sim-log.ts";

type Verdict = {
  status: string;
  delta: number;
  stockAfter: number;
  version: number;
  offset: number;
  partition: number;
};

type ModelStock = { quantity: number; version: number; archived?: true };

/** Everything but the order in which two partitions came: for worlds in which a product has one partition. */
export function auditAgainstLog(log: SimLog, ledger: MemoryLedger): void {
  const expected = new Map<string, Verdict>();
  const stock = new Map<string, ModelStock>();
  const parking = new Parking(
    ledger,
    (command, at) => judge(command, at, expected, stock),
    (command, at, status) => {
      const now = stock.get(command.productId);
      const here = { stockAfter: now?.quantity ?? 0, version: now?.version ?? 0 };
      expected.set(command.commandId, { status, delta: 0, ...here, ...at });
    },
  );
  for (const [partition, records] of log.partitions.entries()) {
    for (const [offset, record] of records.entries()) {
      if (record !== "marker") parking.take(record, { partition, offset });
    }
    assert.equal(
      ledger.progressOf(partition).nextOffset,
      records.length,
      `partition ${partition} is decided to its end`,
    );
    assert.equal(ledger.progressOf(partition).effectsOffset <= records.length, true);
  }
  parking.end();
  const stored = new Map(
    [...ledger.lines].map(([id, { status, delta, stockAfter, version, offset, partition }]) => [
      id,
      { status, delta, stockAfter, version, offset, partition },
    ]),
  );
  assert.deepEqual(sorted(stored), sorted(expected), "every command is decided once, in the order of the log");
  assert.deepEqual(sorted(new Map(ledger.stock)), sorted(stock), "the stock is what the log says");
}

function judge(
  command: Command,
  at: { partition: number; offset: number },
  expected: Map<string, Verdict>,
  stock: Map<string, ModelStock>,
): void {
  const now = stock.get(command.productId);
  const here = { stockAfter: now?.quantity ?? 0, version: now?.version ?? 0, ...at };
  const book = (delta: number, archived = now?.archived === true): void => {
    const after: ModelStock = { quantity: (now?.quantity ?? 0) + delta, version: (now?.version ?? 0) + 1 };
    if (archived) after.archived = true;
    stock.set(command.productId, after);
    expected.set(command.commandId, {
      status: "accepted",
      delta,
      stockAfter: after.quantity,
      version: after.version,
      ...at,
    });
  };
  const refuse = (): void => void expected.set(command.commandId, { status: "rejected", delta: 0, ...here });
  const before = expected.get(command.commandId);
  if (before !== undefined) {
    // Cancelled before it was placed: the placement gives the line its place in the log, once.
    const isTombstone = command.type === "PlaceOrder" && before.status === "cancelled" && before.delta === 0;
    if (isTombstone && !filled.has(before)) {
      const line = { ...before, ...here };
      filled.add(line);
      expected.set(command.commandId, line);
    }
    return;
  }
  switch (command.type) {
    case "ResumeProduct":
      throw new Error("the parking judges these");
    case "ReceiveStock":
      book(command.quantity);
      return;
    case "CountStock":
      book(command.quantity - (now?.quantity ?? 0));
      return;
    case "PlaceOrder":
      if (now === undefined || now.archived === true || now.quantity < command.quantity) refuse();
      else book(-command.quantity);
      return;
    case "PackOrder": {
      const order = expected.get(command.orderId);
      if (order?.status !== "accepted" || packed.has(order)) refuse();
      else {
        packed.add(order);
        book(0);
      }
      return;
    }
    case "ArchiveProduct":
    case "RestoreProduct":
      if (now === undefined || (now.archived === true) === (command.type === "ArchiveProduct")) refuse();
      else book(0, command.type === "ArchiveProduct");
      return;
    case "CancelOrder": {
      const order = expected.get(command.orderId);
      if (order === undefined) {
        expected.set(command.commandId, { status: "accepted", delta: 0, ...here });
        expected.set(command.orderId, { status: "cancelled", delta: 0, ...here });
      } else if (order.status === "accepted" && !packed.has(order)) {
        expected.set(command.orderId, { ...order, status: "cancelled" });
        book(-order.delta);
      } else refuse();
    }
  }
}

const filled = new WeakSet<Verdict>();
const packed = new WeakSet<Verdict>();

type At = { readonly partition: number; readonly offset: number };
type Placed = { readonly command: Command; readonly at: At };

/**
 * Which commands were kept without being decided is for the store to say; that the right ones were, and that they are decided
 * in the order in which they came once their product goes on, is judged here (P7, P13).
 */
class Parking {
  /** By product: what waits, and what the group of the resume itself brought before it. */
  readonly #parked = new Map<string, { waits: Placed[]; own: Placed[] }>();
  readonly #resumes = new Set<string>();
  readonly #ledger: MemoryLedger;
  readonly #judge: (command: Command, at: At) => void;
  readonly #answer: (command: Command, at: At, status: string) => void;

  constructor(
    ledger: MemoryLedger,
    judge: (command: Command, at: At) => void,
    answer: (command: Command, at: At, status: string) => void,
  ) {
    this.#ledger = ledger;
    this.#judge = judge;
    this.#answer = answer;
  }

  take(command: Command, at: At): void {
    const letter = this.#letterAt(at);
    const parked = this.#parked.get(command.productId);
    if (command.type === "ResumeProduct") {
      assert.equal(letter, undefined, "a resume is never kept");
      this.#resume(command, at);
    } else if (letter !== undefined) {
      assert.equal(
        letter.kind,
        parked === undefined ? "refused" : "waiting",
        `${command.commandId} is kept for a reason`,
      );
      assert.deepEqual(parked?.own ?? [], [], "what is kept does not wait behind what is decided");
      assert.deepEqual(letter.commandId, command.commandId);
      if (parked === undefined) this.#parked.set(command.productId, { waits: [{ command, at }], own: [] });
      else parked.waits.push({ command, at });
    } else if (parked !== undefined) parked.own.push({ command, at });
    else this.#judge(command, at);
  }

  #letterAt({ partition, offset }: At) {
    return this.#ledger.deadLetters.find((each) => each.partition === partition && each.offset === offset);
  }

  #resume(command: ResumeProduct, at: At): void {
    if (this.#resumes.has(command.commandId)) return;
    this.#resumes.add(command.commandId);
    const parked = this.#parked.get(command.productId);
    const line = this.#ledger.lines.get(command.commandId);
    if (parked === undefined || line?.status === "rejected") {
      assert.equal(line?.reason, parked === undefined ? "not_parked" : "still_refused");
      this.#answer(command, at, "rejected");
      return;
    }
    const some = parked.waits.splice(0, command.commandsMax);
    for (const each of some) {
      this.#judge(each.command, at);
      assert.equal(this.#letterAt(each.at)?.outcome, "resumed", "what is decided waits no more");
    }
    let count = some.length;
    if (parked.waits.length === 0) {
      for (const own of parked.own) this.#judge(own.command, own.at);
      count += parked.own.length;
      this.#parked.delete(command.productId);
    }
    assert.equal(line?.quantity, count, "a resume tells how many it decided");
    this.#answer(command, at, "accepted");
  }

  end(): void {
    assert.deepEqual([...this.#ledger.parked.keys()].toSorted(), [...this.#parked.keys()].toSorted(), "who is parked");
    for (const { waits, own } of this.#parked.values()) {
      assert.deepEqual(own, [], "what is neither kept nor decided is lost");
      for (const { at } of waits) assert.equal(this.#letterAt(at)?.outcome, null, "what waits is not settled");
    }
  }
}

/** Whatever the order was: nothing waits for a product that is not parked. */
export function auditWaiting(ledger: MemoryLedger): void {
  for (const { productId, outcome, commandId } of ledger.deadLetters) {
    if (productId === null || outcome !== null) continue;
    assert(ledger.parked.has(productId), `${commandId} waits for ${productId}, which is not parked`);
  }
}

/** Holds whatever the order was: no unit is sold twice or lost. */
export function auditTally(ledger: MemoryLedger): void {
  for (const [productId, { quantity, version }] of ledger.stock) {
    const moves = [...ledger.lines.values()]
      .filter((line) => line.productId === productId && isBooked(line))
      .toSorted((a, b) => a.version - b.version);
    let sum = 0;
    for (const [index, line] of moves.entries()) {
      assert.equal(line.version, index + 1, `${productId}: each version once`);
      sum += line.delta;
      assert.equal(line.stockAfter, sum, `${productId}: the ledger sums at version ${line.version}`);
      assert(sum >= 0, `${productId}: never negative`);
    }
    assert.equal(quantity, sum, `${productId}: the stock is the ledger's sum`);
    assert.equal(version, moves.length, `${productId}: the version counts the moves`);
  }
}

/** Lines that moved the version: accepted ones, and orders that were cancelled after they had been accepted. */
function isBooked(line: {
  status: string;
  type: string;
  delta: number;
  version: number;
  orderId: string | null;
}): boolean {
  if (line.type === "ResumeProduct") return false;
  if (line.type === "CancelOrder") return line.status === "accepted" && line.delta > 0;
  return line.status === "accepted" || (line.status === "cancelled" && line.delta < 0);
}

/**
 * After quiet the cache says what the ledger says, for everything it has. A mark may outlive the decision only where an order
 * waits for its product, or was sent again: what repeats has no line to tell it from after a crash, and readers don't believe an old mark.
 */
export function auditCache(log: SimLog, ledger: MemoryLedger, cache: MemoryCache): void {
  const sent = new Map<string, number>();
  for (const record of log.partitions.flat()) {
    if (record !== "marker") sent.set(record.commandId, (sent.get(record.commandId) ?? 0) + 1);
  }
  for (const [productId, { quantity }] of ledger.stock) {
    const cached = cache.quantityOf(productId);
    if (cached !== undefined) assert.equal(cached, quantity, `${productId}: the cached quantity`);
  }
  for (const line of ledger.lines.values()) {
    const cached = cache.orderOf(line.commandId);
    if (line.type !== "PlaceOrder" || cached === undefined) continue;
    const waits = ledger.deadLetters.some(({ commandId, outcome }) => commandId === line.commandId && outcome === null);
    if (cached.status === "pending" && (waits || (sent.get(line.commandId) ?? 0) > 1)) continue;
    assert.equal(cached.status, line.status, `the cached order ${line.commandId}`);
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
