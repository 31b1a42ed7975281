/**
 * Judges a world that has come to rest. It shares no code with the decider: it replays the log with a model of its own and
 * compares what is stored, line by line.
 */
import assert from "node:assert/strict";
import type { Command } from "../../src/schemas/commands.ts";
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

/** Everything but the order in which two partitions came: for worlds in which a product has one partition. */
export function auditAgainstLog(log: SimLog, ledger: MemoryLedger): void {
  const expected = new Map<string, Verdict>();
  const stock = new Map<string, { quantity: number; version: number }>();
  for (const [partition, records] of log.partitions.entries()) {
    for (const [offset, record] of records.entries()) {
      if (record !== "marker") judge(record, { partition, offset }, expected, stock);
    }
    assert.equal(
      ledger.progressOf(partition).nextOffset,
      records.length,
      `partition ${partition} is decided to its end`,
    );
    assert.equal(ledger.progressOf(partition).effectsOffset <= records.length, true);
  }
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
  stock: Map<string, { quantity: number; version: number }>,
): void {
  const now = stock.get(command.productId);
  const here = { stockAfter: now?.quantity ?? 0, version: now?.version ?? 0, ...at };
  const book = (delta: number): void => {
    const after = { quantity: (now?.quantity ?? 0) + delta, version: (now?.version ?? 0) + 1 };
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
    case "ReceiveStock":
      book(command.quantity);
      return;
    case "CountStock":
      book(command.quantity - (now?.quantity ?? 0));
      return;
    case "PlaceOrder":
      if (now === undefined || now.quantity < command.quantity) refuse();
      else book(-command.quantity);
      return;
    case "CancelOrder": {
      const order = expected.get(command.orderId);
      if (order === undefined) {
        expected.set(command.commandId, { status: "accepted", delta: 0, ...here });
        expected.set(command.orderId, { status: "cancelled", delta: 0, ...here });
      } else if (order.status === "accepted") {
        expected.set(command.orderId, { ...order, status: "cancelled" });
        book(-order.delta);
      } else refuse();
    }
  }
}

const filled = new WeakSet<Verdict>();

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
  if (line.type === "CancelOrder") return line.status === "accepted" && line.delta > 0;
  return line.status === "accepted" || (line.status === "cancelled" && line.delta < 0);
}

/**
 * After quiet the cache says what the ledger says, for everything it has. A mark may outlive the decision only where an order
 * was sent again: what repeats has no line to tell it from after a crash, and readers don't believe an old mark.
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
    if (cached.status === "pending" && (sent.get(line.commandId) ?? 0) > 1) continue;
    assert.equal(cached.status, line.status, `the cached order ${line.commandId}`);
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
