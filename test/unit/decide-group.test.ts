import { expect, test } from "vitest";
import { decideGroup } from "../../src/processors/decide-group.ts";
import type { Entry, GroupKnowledge } from "../../src/processors/decide-group.ts";
import type { StockBase } from "../../src/processors/working.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Line, Stock } from "../../src/schemas/lines.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";
import type { DeadLetter, Snapshot } from "../../src/stores/ledger-store.ts";
import { cancelOrder, countStock, issuedAt, logged, movementLine, orderLine } from "../support/commands.ts";
import { placeOrder, receiveStock, resumeProduct, tombstoneLine, uuidOf } from "../support/commands.ts";

type Found = {
  stock?: Record<string, Stock>;
  parked?: string[];
  lines?: Line[];
  stockAtVersion?: Record<string, number>;
};

const snapshot = ({ stock = {}, parked = [], lines = [], stockAtVersion = {} }: Found): Snapshot => ({
  stock: new Map(Object.entries(stock)),
  parked: new Set(parked),
  lines: new Map(lines.map((line) => [line.commandId, { ...line, decidedAt: issuedAt }])),
  stockAtVersion: new Map(Object.entries(stockAtVersion)),
});
const nothingInMemory: StockBase = () => undefined;
const bytesOf = (command: Command): Buffer => Buffer.from(JSON.stringify(command));
const decideOn = (
  entries: readonly Entry[],
  base: StockBase,
  found: Snapshot,
  waiting: GroupKnowledge["waiting"] = new Map(),
) => decideGroup(entries, { base, found, waiting, encode: bytesOf });
const inOrder = (...commands: Command[]): Entry[] => commands.map((command, offset) => logged(command, offset));
const decideAll = (found: Found, ...commands: Command[]) =>
  decideOn(inOrder(...commands), nothingInMemory, snapshot(found));

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
  const { products } = decideOn(entries, memory, snapshot({ stock: { p1: ten } }));
  expect(products).toEqual([
    { partitions: [7], productId: "p1", stock: { quantity: 9, version: 4 }, parked: false },
    { partitions: [7], productId: "p2", stock: { quantity: 699, version: 3 }, parked: false },
  ]);
});

test("a product that a producer strewed over partitions is decided in the group's order and told to all of them", () => {
  const entries = [logged(placeOrder(), 4, 7), logged(placeOrder({ commandId: uuidOf(8) }), 2, 3)];
  const { products, write } = decideOn(entries, nothingInMemory, snapshot({ stock: { p1: ten } }));
  expect(products).toEqual([
    { partitions: [7, 3], productId: "p1", stock: { quantity: 8, version: 5 }, parked: false },
  ]);
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
    kind: "undecodable",
    productId: null,
    commandId: null,
    valueBytes: 1,
    reason: "truncated",
    key: null,
    value: Buffer.from([0]),
    headers: {},
  };
  const { write, answers } = decideOn(
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
  const first = structuredClone(decideOn(entries, nothingInMemory, found));
  expect(decideOn(entries, nothingInMemory, found)).toEqual(first);
});

const waits = (...commands: Command[]) => ({
  commands: commands.map((command, offset) => ({ command, place: { partition: 3, offset } })),
  more: false,
});
const parked = { stock: { p1: ten }, parked: ["p1"] };

test("a parked product decides nothing: its commands wait, and its neighbours go on", () => {
  const neighbour = placeOrder({ commandId: uuidOf(8), productId: "p2" });
  const found = snapshot({ stock: { p1: ten, p2: ten }, parked: ["p1"] });
  const { write, answers, products } = decideOn(
    inOrder(placeOrder(), neighbour, receiveStock()),
    nothingInMemory,
    found,
  );
  expect(answers.map(({ line }) => line.commandId)).toEqual([uuidOf(8)]);
  expect(write.deadLetters.map(({ kind, offset, commandId }) => [kind, offset, commandId])).toEqual([
    ["waiting", 0, placeOrder().commandId],
    ["waiting", 2, receiveStock().commandId],
  ]);
  expect(write.deadLetters[0]?.value).toEqual(bytesOf(placeOrder()));
  expect(write.parked).toEqual([{ productId: "p1", readVersion: 3, wasParked: true, after: ten, because: "" }]);
  expect(write.stock).toEqual([{ productId: "p2", readVersion: 3, after: { quantity: 9, version: 4 } }]);
  expect(products).toContainEqual({ partitions: [0], productId: "p1", stock: ten, parked: true });
});

test("what the store refuses parks its product, stock or no stock", () => {
  const refused = logged(placeOrder(), 7);
  for (const found of [{ stock: { p1: ten } }, {}]) {
    const { write, answers } = decideOn([{ refused, reason: "23514 no" }], nothingInMemory, snapshot(found));
    expect([answers, write.lines]).toEqual([[], []]);
    expect(write.deadLetters).toMatchObject([{ kind: "refused", reason: "23514 no", offset: 7, productId: "p1" }]);
    const after = "stock" in found ? ten : null;
    const readVersion = after?.version ?? 0;
    expect(write.parked).toEqual([{ productId: "p1", readVersion, wasParked: false, after, because: "23514 no" }]);
  }
});

test("a resume decides what waits, in its order and at its own place, and then what came before it in the group", () => {
  const own = placeOrder({ commandId: uuidOf(9), quantity: 8 });
  const waiting = new Map([["p1", waits(placeOrder({ quantity: 4 }), cancelOrder(), receiveStock({ quantity: 1 }))]]);
  const { write, answers } = decideOn(inOrder(own, resumeProduct()), nothingInMemory, snapshot(parked), waiting);
  expect(answers.map(({ line }) => [line.type, line.status, line.offset, line.stockAfter])).toEqual([
    ["PlaceOrder", "accepted", 1, 6],
    ["CancelOrder", "accepted", 1, 10],
    ["ReceiveStock", "accepted", 1, 11],
    ["PlaceOrder", "accepted", 0, 3],
    ["ResumeProduct", "accepted", 1, 3],
  ]);
  expect(answers.at(-1)?.line).toMatchObject({ quantity: 4, delta: 0, version: 7 });
  expect(write.resumed).toEqual([0, 1, 2].map((offset) => ({ partition: 3, offset })));
  expect(write.deadLetters).toEqual([]);
  expect(write.parked).toMatchObject([{ wasParked: true, because: null, after: { quantity: 3, version: 7 } }]);
});

test("a resume that leaves some waiting leaves the product parked, and later ones go on from there", () => {
  const waiting = new Map([["p1", waits(placeOrder(), placeOrder({ commandId: uuidOf(8) }), receiveStock())]]);
  const some = resumeProduct({ commandsMax: 2 });
  const first = decideOn(
    inOrder(receiveStock({ commandId: uuidOf(7) }), some),
    nothingInMemory,
    snapshot(parked),
    waiting,
  );
  expect(first.write.resumed).toHaveLength(2);
  expect(first.write.parked).toMatchObject([{ because: "" }]);
  expect(first.write.deadLetters).toMatchObject([{ kind: "waiting", commandId: uuidOf(7) }]);
  const rest = resumeProduct({ commandId: uuidOf(6) });
  const both = decideOn(inOrder(some, rest), nothingInMemory, snapshot(parked), waiting);
  expect(both.write.resumed.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  expect(both.write.parked).toMatchObject([{ because: null }]);
  const more = new Map([["p1", { ...waits(placeOrder()), more: true }]]);
  const unread = decideOn(inOrder(resumeProduct()), nothingInMemory, snapshot(parked), more);
  expect(unread.write.parked).toMatchObject([{ because: "" }]);
});

test("a resume is refused where nothing is parked, where what waits can't be read, and where the store refuses it", () => {
  const reasonOf = ({ answers, write }: ReturnType<typeof decideOn>) => {
    expect(write.resumed).toEqual([]);
    return answers[0]?.line.reason;
  };
  const stock = snapshot({ stock: { p1: ten } });
  expect(reasonOf(decideOn(inOrder(resumeProduct()), nothingInMemory, stock))).toBe("not_parked");
  expect(reasonOf(decideOn(inOrder(resumeProduct()), nothingInMemory, snapshot(parked)))).toBe("still_refused");
  const refused = { refused: logged(resumeProduct()), reason: "23514 no" };
  const waiting = new Map([["p1", waits(placeOrder())]]);
  const kept = decideOn([refused], nothingInMemory, snapshot(parked), waiting);
  expect(reasonOf(kept)).toBe("still_refused");
  expect([kept.write.deadLetters, kept.write.parked]).toMatchObject([[], [{ wasParked: true, because: "" }]]);
});

test("a resume that was decided before is only answered again", () => {
  const stored = movementLine({ commandId: resumeProduct().commandId, type: "ResumeProduct" });
  const found = snapshot({ ...parked, lines: [stored] });
  const { write, answers } = decideOn(
    inOrder(resumeProduct()),
    nothingInMemory,
    found,
    new Map([["p1", waits(placeOrder())]]),
  );
  expect(answers).toMatchObject([{ repeated: true, line: stored }]);
  expect([write.resumed, write.lines]).toEqual([[], []]);
});
