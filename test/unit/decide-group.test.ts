import { expect, test } from "vitest";
import { decideGroup } from "../../src/processors/decide-group.ts";
import type { Entry, StockBase } from "../../src/processors/decide-group.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Line, Stock } from "../../src/schemas/lines.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";
import type { DeadLetter, Snapshot } from "../../src/stores/ledger-store.ts";
import { cancelOrder, countStock, issuedAt, logged, movementLine, orderLine } from "../support/commands.ts";
import { placeOrder, receiveStock, tombstoneLine, uuidOf } from "../support/commands.ts";

type Found = { stock?: Record<string, Stock>; lines?: Line[]; stockAtVersion?: Record<string, number> };

const snapshot = ({ stock = {}, lines = [], stockAtVersion = {} }: Found): Snapshot => ({
  stock: new Map(Object.entries(stock)),
  lines: new Map(lines.map((line) => [line.commandId, { ...line, decidedAt: issuedAt }])),
  stockAtVersion: new Map(Object.entries(stockAtVersion)),
});
const nothingInMemory: StockBase = () => undefined;
const inOrder = (...commands: Command[]): Entry[] => commands.map((command, offset) => logged(command, offset));
const decideAll = (found: Found, ...commands: Command[]) =>
  decideGroup(inOrder(...commands), nothingInMemory, snapshot(found));

const ten = { quantity: 10, version: 3 };
const secondCancel = cancelOrder({ commandId: uuidOf(9) });

test("an order that is placed and cancelled in one group is one new line, cancelled, and its units are back", () => {
  const { write, orders } = decideAll({ stock: { p1: ten } }, placeOrder({ quantity: 4 }), cancelOrder());
  expect(write.changes).toEqual([]);
  expect(write.lines).toMatchObject([
    { type: "PlaceOrder", status: "cancelled", revision: 2, delta: -4, stockAfter: 6, version: 4 },
    { type: "CancelOrder", status: "accepted", delta: 4, stockAfter: 10, version: 5 },
  ]);
  expect(write.stock).toEqual([{ productId: "p1", readVersion: 3, after: { quantity: 10, version: 5 } }]);
  expect(orders).toMatchObject([{ line: { status: "cancelled", revision: 2 } }]);
});

test("a cancel and then its order in one group leave one filled line, and the stock is not touched", () => {
  const { write } = decideAll({ stock: { p1: ten } }, cancelOrder(), placeOrder({ quantity: 4 }));
  expect(write.changes).toEqual([]);
  expect(write.lines).toMatchObject([
    { type: "CancelOrder", status: "accepted", quantity: 0, delta: 0 },
    { type: "PlaceOrder", status: "cancelled", reason: "cancelled_before_placed", quantity: 4, offset: 1, revision: 2 },
  ]);
  expect(write.stock).toEqual([{ productId: "p1", readVersion: 3, after: ten }]);
});

test("a stored order that is cancelled changes at the revision read; the refused second cancel adds no check", () => {
  const order = orderLine({ quantity: 2, delta: -2 });
  const { write } = decideAll({ stock: { p1: ten }, lines: [order] }, cancelOrder(), secondCancel);
  expect(write.changes).toMatchObject([{ readRevision: 1, line: { status: "cancelled", revision: 2 } }]);
  expect(write.lines).toMatchObject([{ status: "accepted" }, { reason: "order_already_cancelled" }]);
  expect(write.linesRead).toEqual([]);
});

test("a stored tombstone is filled at the revision read", () => {
  const { write, answers } = decideAll({ stock: { p1: ten }, lines: [tombstoneLine({ revision: 4 })] }, placeOrder());
  expect(write).toMatchObject({ lines: [], changes: [{ readRevision: 4, line: { revision: 5 } }] });
  expect(answers).toMatchObject([{ repeated: false, line: { status: "cancelled" } }]);
});

test("a cancel that is refused names the stored line that it was refused by, once", () => {
  const rejected = orderLine({ status: "rejected", reason: "insufficient_stock", delta: 0, revision: 7 });
  const { write } = decideAll({ stock: { p1: ten }, lines: [rejected] }, cancelOrder(), secondCancel);
  expect(write.linesRead).toEqual([{ commandId: rejected.commandId, revision: 7 }]);
});

test("a cancel that is refused by a line of the same group names none: the insert checks that one", () => {
  const { write } = decideAll({ stock: { p1: ten } }, placeOrder({ quantity: 11 }), cancelOrder());
  expect(write.lines).toMatchObject([{ reason: "insufficient_stock" }, { reason: "order_rejected" }]);
  expect(write.linesRead).toEqual([]);
});

test("a product that is only read to refuse is written at the version read; an absent one as absent", () => {
  const { write } = decideAll(
    { stock: { p1: ten } },
    placeOrder({ quantity: 11 }),
    placeOrder({ commandId: uuidOf(8), productId: "p2" }),
  );
  expect(write.stock).toEqual([
    { productId: "p1", readVersion: 3, after: ten },
    { productId: "p2", readVersion: 0, after: null },
  ]);
});

test("a command that comes again, in the group or from the store, is answered by its line and writes nothing", () => {
  const stored = movementLine({ commandId: uuidOf(30), quantity: 5 });
  const commands = [placeOrder(), receiveStock({ commandId: uuidOf(1) }), countStock({ commandId: uuidOf(30) })];
  const { write, answers } = decideAll({ stock: { p1: ten }, lines: [stored] }, ...commands);
  expect(write.lines).toHaveLength(1);
  expect(answers.map(({ repeated, line }) => [repeated, line.type, line.quantity])).toEqual([
    [false, "PlaceOrder", 1],
    [true, "PlaceOrder", 1],
    [true, "ReceiveStock", 5],
  ]);
});

test("what was read just now wins over memory, and memory over nothing", () => {
  const memory: StockBase = (partition, productId) => ({
    quantity: partition * 100,
    version: productId === "p1" ? 1 : 2,
  });
  const entries = [logged(placeOrder(), 0, 7), logged(placeOrder({ commandId: uuidOf(8), productId: "p2" }), 1, 7)];
  const { products } = decideGroup(entries, memory, snapshot({ stock: { p1: ten } }));
  expect(products).toEqual([
    { partitions: [7], productId: "p1", stock: { quantity: 9, version: 4 } },
    { partitions: [7], productId: "p2", stock: { quantity: 699, version: 3 } },
  ]);
});

test("a product that a producer strewed over partitions is decided in the group's order and told to all of them", () => {
  const entries = [logged(placeOrder(), 4, 7), logged(placeOrder({ commandId: uuidOf(8) }), 2, 3)];
  const { products, write } = decideGroup(entries, nothingInMemory, snapshot({ stock: { p1: ten } }));
  expect(products).toEqual([{ partitions: [7, 3], productId: "p1", stock: { quantity: 8, version: 5 } }]);
  expect(write.stock).toEqual([{ productId: "p1", readVersion: 3, after: { quantity: 8, version: 5 } }]);
});

test("a stocktake finds its version in the store or in the group", () => {
  const stock = { p1: ten };
  const later = (commandId: string, asOfVersion: number) => countStock({ commandId, quantity: 20, asOfVersion });
  const fromStore = decideAll({ stock, stockAtVersion: { [versionKey("p1", 1)]: 15 } }, later(uuidOf(4), 1));
  expect(fromStore.write.lines).toMatchObject([{ delta: 5, stockAfter: 15 }]);
  const fromGroup = decideAll({ stock }, placeOrder({ quantity: 3 }), receiveStock(), later(uuidOf(4), 4));
  expect(fromGroup.write.lines[2]).toMatchObject({ delta: 13, stockAfter: 30 });
});

test("what could not be decoded is handed on whole, and the commands around it are decided", () => {
  const letter: DeadLetter = {
    partition: 0,
    offset: 1,
    reason: "truncated",
    key: null,
    value: Buffer.from([0]),
    headers: {},
  };
  const { write, answers } = decideGroup(
    [logged(placeOrder(), 0), { letter }, logged(cancelOrder(), 2)],
    nothingInMemory,
    snapshot({ stock: { p1: ten } }),
  );
  expect(write.deadLetters).toEqual([letter]);
  expect(answers).toHaveLength(2);
});

test("deciding leaves no trace: the same group decided again comes to the same", () => {
  const found = snapshot({ stock: { p1: ten }, lines: [orderLine({ commandId: uuidOf(20) })] });
  const entries = inOrder(placeOrder(), cancelOrder({ orderId: uuidOf(20) }), receiveStock());
  const first = structuredClone(decideGroup(entries, nothingInMemory, found));
  expect(decideGroup(entries, nothingInMemory, found)).toEqual(first);
});
