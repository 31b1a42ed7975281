/** The audit's own rules, as tables: what must become of a command, given the stock at that moment. */
import { describe, expect, it } from "vitest";
import { Findings } from "../../src/audit/findings.ts";
import { OrderLife } from "../../src/audit/order-lives.ts";
import { contentDifferences } from "../../src/audit/record-content.ts";
import { ProductTally } from "../../src/audit/tallies.ts";
import {
  disagreement,
  statusFault,
  verdictOnCount,
  verdictOnDelivery,
  verdictOnOrder,
} from "../../src/audit/verdicts.ts";
import type { Verdict } from "../../src/audit/verdicts.ts";
import { limits } from "../../src/limits.ts";
import type { Line } from "../../src/schemas/lines.ts";
import type { LifeRow, TallyRow } from "../../src/stores/audit-store.ts";
import { movementLine, orderLine, placeOrder, uuidOf } from "../support/commands.ts";

const { quantityMax, stockMax } = limits;
const at = (quantity: number, version = 1) => ({ quantity, version });
const none = at(0, 0);
const told = ({ reason, delta }: Verdict): string => reason ?? String(delta);

describe("an order", () => {
  it.each([
    [1, at(1), "-1"],
    [3, at(10), "-3"],
    [quantityMax, at(stockMax), `-${quantityMax}`],
    [2, at(1), "insufficient_stock"],
    [1, at(0), "insufficient_stock"],
    [1, none, "unknown_product"],
    [0, none, "quantity_out_of_range"],
    [0, at(5), "quantity_out_of_range"],
    [-1, at(5), "quantity_out_of_range"],
    [quantityMax + 1, at(stockMax), "quantity_out_of_range"],
  ])("of %d with %o is %s", (quantity, stock, expected) => {
    expect(told(verdictOnOrder(orderLine({ quantity }), stock))).toBe(expected);
  });
});

describe("a delivery", () => {
  it.each([
    [0, none, "0"],
    [5, none, "5"],
    [5, at(stockMax - 5), "5"],
    [6, at(stockMax - 5), "stock_limit_exceeded"],
    [-1, at(stockMax), "quantity_out_of_range"],
    [quantityMax + 1, at(stockMax), "quantity_out_of_range"],
  ])("of %d with %o is %s", (quantity, stock, expected) => {
    expect(told(verdictOnDelivery(movementLine({ quantity }), stock))).toBe(expected);
  });
});

describe("a stocktake", () => {
  it.each([
    [7, at(10), 10, "-3"],
    [7, none, 0, "7"],
    [7, at(4), 10, "-3"],
    [7, at(2), 10, "count_conflict"],
    [stockMax, at(1), 0, "stock_limit_exceeded"],
    [stockMax, at(0), 0, String(stockMax)],
    [7, at(10), undefined, "unknown_version"],
    [-1, at(10), undefined, "quantity_out_of_range"],
    [stockMax + 1, at(10), 10, "quantity_out_of_range"],
  ])("of %d with %o, counted at %s, is %s", (quantity, stock, counted, expected) => {
    const line = movementLine({ type: "CountStock", quantity });
    expect(told(verdictOnCount(line, stock, counted))).toBe(expected);
  });
});

describe("a line", () => {
  it("differs from its verdict by reason or by delta", () => {
    expect(disagreement(orderLine(), { reason: null, delta: -1 })).toBeUndefined();
    expect(disagreement(orderLine(), { reason: null, delta: -2 })).toBe("its delta is -1, the rules say -2");
    expect(disagreement(orderLine(), { reason: "insufficient_stock", delta: 0 })).toBe(
      "it is accepted, the rules say insufficient_stock",
    );
  });

  it.each<[Partial<Line>, boolean]>([
    [{}, true],
    [{ status: "cancelled" }, true],
    [{ status: "cancelled", reason: "cancelled_before_placed" }, true],
    [{ status: "rejected", reason: "insufficient_stock" }, true],
    [{ status: "rejected" }, false],
    [{ status: "rejected", reason: "cancelled_before_placed" }, false],
    [{ reason: "insufficient_stock" }, false],
    [{ status: "cancelled", reason: "insufficient_stock" }, false],
    [{ reason: "cancelled_before_placed" }, false],
    [{ type: "ReceiveStock", status: "cancelled" }, false],
  ])("with %o has a status and a reason that agree: %s", (fields, agree) => {
    expect(statusFault(orderLine(fields)) === undefined).toBe(agree);
  });

  it("says what its record says, whatever the order of an address's fields", () => {
    const deliveryLocation = { latitude: 1, longitude: 2, address: "x" };
    const command = placeOrder({ deliveryLocation });
    expect(
      contentDifferences(command, orderLine({ deliveryLocation: { ...deliveryLocation, floor: 3 } as never })),
    ).toHaveLength(1);
    const line = orderLine({ deliveryLocation: { address: "x", longitude: 2, latitude: 1 } });
    expect(contentDifferences(command, line)).toEqual([]);
    expect(contentDifferences(command, orderLine())).toEqual([
      'deliveryLocation is null, the record says {"latitude":1,"longitude":2,"address":"x"}',
    ]);
    expect(contentDifferences(placeOrder(), { ...line, deliveryLocation: null, status: "cancelled" })).toEqual([
      "revision is 1, the record says 2",
    ]);
  });
});

/** The kinds that a product's history is told under. */
function tallied(lines: readonly Partial<TallyRow>[], stored = { quantity: 10, version: 1 }): string[] {
  const findings = new Findings(100);
  const tally = new ProductTally("p1", findings);
  for (const [offset, fields] of lines.entries()) {
    const line = { ...movementLine({ offset }), ...fields };
    const booked = line.reason === null && (line.type !== "CancelOrder" || line.quantity > 0);
    tally.add({ ...line, booked, lookedBack: false, wasResumed: false, ...fields });
  }
  tally.end({ productId: "p1", ...stored });
  return findings.differences.map(({ kind }) => kind);
}

describe("a product's history", () => {
  const order = (fields: Partial<TallyRow>): Partial<TallyRow> => ({
    type: "PlaceOrder",
    quantity: 1,
    delta: -1,
    version: 2,
    stockAfter: 9,
    ...fields,
  });
  const refused = order({
    status: "rejected",
    reason: "insufficient_stock",
    delta: 0,
    quantity: 11,
    stockAfter: 10,
    version: 1,
  });

  it("that is right is told under nothing", () => {
    expect(tallied([{}, order({})], { quantity: 9, version: 2 })).toEqual([]);
    expect(tallied([{}, refused])).toEqual([]);
  });

  it("is told once where one line is wrong, for it goes on from what is stored", () => {
    const wrong = order({ stockAfter: 8 });
    const next = order({ version: 3, stockAfter: 7 });
    expect(tallied([{}, wrong, next], { quantity: 7, version: 3 })).toEqual(["A7"]);
    expect(tallied([{}, order({ version: 3 })], { quantity: 9, version: 3 })).toEqual(["A6"]);
  });

  it("that goes below nothing, or above all bounds, is A7", () => {
    expect(tallied([{}, order({ quantity: 11, delta: -11, stockAfter: -1 })], { quantity: -1, version: 2 })).toEqual([
      "A8",
      "A7",
    ]);
    const lots = { version: 2, quantity: 1, delta: stockMax, stockAfter: stockMax + 10 };
    expect(tallied([{}, lots], { quantity: stockMax + 10, version: 2 })).toContain("A7");
  });

  it("in which a refused command met a stock that was not there, or a version that nothing made, is told", () => {
    expect(tallied([{}, { ...refused, stockAfter: 9 }])).toEqual(["A7"]);
    expect(tallied([{}, { ...refused, delta: -1 }])).toEqual(["A8", "A7"]);
    expect(tallied([{}, { ...refused, version: 2 }])).toEqual(["A6"]);
  });

  it("in which a later record was decided first is A9, in the same partition alone, and not of what had waited", () => {
    const late = order({ offset: 5 });
    const early = order({ version: 3, stockAfter: 8, offset: 4 });
    const end = { quantity: 8, version: 3 };
    expect(tallied([{}, late, early], end)).toEqual(["A9"]);
    expect(tallied([{}, late, { ...early, partition: 1 }], end)).toEqual([]);
    expect(tallied([{}, late, { ...early, wasResumed: true }], end)).toEqual([]);
  });

  it("whose end is not what stock says is A11", () => {
    expect(tallied([{}], { quantity: 11, version: 1 })).toEqual(["A11"]);
    expect(tallied([{}], { quantity: 10, version: 2 })).toEqual(["A11"]);
  });
});

describe("an order's life", () => {
  const order = (fields: Partial<LifeRow> = {}): LifeRow => ({
    ...orderLine({ status: "cancelled" }),
    life: uuidOf(1),
    role: "order",
    ...fields,
  });
  const cancel = (fields: Partial<LifeRow> = {}): LifeRow => ({
    ...movementLine({ commandId: uuidOf(2), type: "CancelOrder", orderId: uuidOf(1) }),
    life: uuidOf(1),
    role: "cancel",
    ...{ quantity: 1, delta: 1, version: 3, stockAfter: 11 },
    ...fields,
  });
  const refusal = (reason: Line["reason"], fields: Partial<LifeRow> = {}): LifeRow =>
    cancel({ commandId: uuidOf(3), reason, status: "rejected", delta: 0, ...fields });
  const early = { quantity: 0, delta: 0, version: 2, stockAfter: 10 };
  const tombstone = order({ reason: "cancelled_before_placed", delta: 0, version: 2 });

  const said = (...rows: LifeRow[]): string[] => {
    const findings = new Findings(100);
    const life = new OrderLife(findings);
    for (const row of rows) life.add(row);
    life.end();
    return findings.differences.map(({ says }) => says);
  };

  it.each<[string, LifeRow[]]>([
    ["cancelled once", [order(), cancel()]],
    ["cancelled before it came", [tombstone, cancel(early)]],
    ["refused once more", [order(), cancel(), refusal("order_already_cancelled")]],
    [
      "refused and come later",
      [{ ...tombstone, quantity: 4, version: 5 }, cancel(early), refusal("order_already_cancelled", { quantity: 0 })],
    ],
    [
      "refused for another product",
      [order({ status: "accepted" }), refusal("product_mismatch", { productId: "p2", quantity: 0 })],
    ],
    [
      "refused because the order was",
      [order({ status: "rejected", reason: "insufficient_stock" }), refusal("order_rejected")],
    ],
    [
      "refused because it names a delivery",
      [order({ type: "ReceiveStock", status: "accepted" }), refusal("not_an_order", { quantity: 0 })],
    ],
    [
      "refused for want of room",
      [order({ status: "accepted" }), refusal("stock_limit_exceeded", { stockAfter: stockMax })],
    ],
    [
      "refused for want of room, then cancelled",
      [order(), cancel({ version: 9 }), refusal("stock_limit_exceeded", { stockAfter: stockMax, version: 8 })],
    ],
  ])("%s is right", (_name, rows) => {
    expect(said(...rows)).toEqual([]);
  });

  it.each<[string, LifeRow[]]>([
    ["the order is cancelled, and no cancel was accepted", [order()]],
    ["it is accepted, and the order is accepted", [order({ status: "accepted" }), cancel()]],
    ["it is accepted, and there is no such order", [cancel()]],
    ["it is accepted, and names a ReceiveStock", [order({ type: "ReceiveStock" }), cancel()]],
    ["it is accepted, and the order is one of p2", [order({ productId: "p2" }), cancel()]],
    ["it names no order", [cancel({ life: null })]],
    [`the order was cancelled by ${uuidOf(2)} already`, [order(), cancel(), cancel({ commandId: uuidOf(4) })]],
    ["it gave back 2 (2 units), and the order took 1", [order(), cancel({ quantity: 2, delta: 2 })]],
    ["it gave back 2 (1 units), and the order took 1", [order(), cancel({ delta: 2 })]],
    ["it is at version 2, the order at version 2", [order(), cancel({ version: 2 })]],
    [`the stock is ${stockMax + 1} after it`, [order(), cancel({ stockAfter: stockMax + 1 })]],
    ["the order had not come, and it gave back 1", [tombstone, cancel({ ...early, delta: 1 })]],
    ["the order came before it", [tombstone, cancel({ ...early, version: 3 })]],
    ['it is order_rejected, the rules say "order_already_cancelled"', [order(), cancel(), refusal("order_rejected")]],
    [
      'it is order_already_cancelled, the rules say "accepted"',
      [order(), cancel(), refusal("order_already_cancelled", { version: 2 })],
    ],
    [
      'it is order_already_cancelled, the rules say "accepted"',
      [order({ status: "accepted" }), refusal("order_already_cancelled")],
    ],
    ['it is product_mismatch, the rules say "accepted"', [refusal("product_mismatch")]],
    ['it is order_rejected, the rules say "not_an_order"', [refusal("order_rejected", { life: uuidOf(3) })]],
    ["it names 2 units, and the order 1", [order(), cancel(), refusal("order_already_cancelled", { quantity: 2 })]],
    ["it names 0 units, and the order 1", [order(), cancel(), refusal("order_already_cancelled", { quantity: 0 })]],
    [
      "it names 1 units, and the order 0",
      [order({ productId: "p2", status: "accepted" }), refusal("product_mismatch")],
    ],
  ])("%s", (says, rows) => {
    expect(said(...rows)).toContain(says);
  });
});
