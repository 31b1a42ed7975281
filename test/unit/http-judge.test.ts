// The judge of the HTTP property can say no: one history that is right, and what it says when a single thing of it is not.
import { describe, expect, test } from "vitest";
import type { Call, Exchange, Names } from "../support/http-calls.ts";
import { judge } from "../support/http-judge.ts";
import type { Afterwards, LedgerRow } from "../support/http-judge.ts";

const names: Names = {
  products: ["p"],
  orders: ["o"],
  home: () => "p",
  named: ({ names: which }) => (which === "nothing" ? null : which === "own" ? "p" : "q"),
};

const create: Call = { kind: "create", product: 0, stock: 3, priceCents: 100 };
const place: Call = { kind: "place", order: 0, quantity: 2, byKey: false };
const cancel: Call = { kind: "cancel", order: 0, names: "nothing" };
const count: Call = { kind: "count", product: 0, quantity: 4, asOfVersion: 1, key: null };

const said = (call: Call, at: number, status: number, body: Exchange["body"]): Exchange => ({
  call,
  startedAt: at,
  endedAt: at + 1,
  status,
  body,
});

/** Created with 3; 2 sold; 4 were counted as of version 1, so one more; the order cancelled, twice. */
const history: readonly Exchange[] = [
  said(create, 0, 201, {
    quantity: 3,
    version: 1,
    initialStock: { commandId: "c1", quantity: 3, status: "accepted" },
  }),
  said(place, 10, 201, { orderId: "o", status: "accepted", stockAfter: 1, version: 2 }),
  said(count, 20, 200, { commandId: "c3", status: "accepted", stockAfter: 2, version: 3 }),
  ...[30, 40].map((at) =>
    said(cancel, at, 200, { status: "cancelled", quantity: 2, stockAfter: 1, version: 2, unitPriceCents: 100 }),
  ),
];

const line = (offset: number, row: Partial<LedgerRow>): LedgerRow => ({
  command_id: `c${offset}`,
  type: "ReceiveStock",
  product_id: "p",
  order_id: null,
  quantity: 0,
  as_of_version: null,
  status: "accepted",
  reason: null,
  delta: 0,
  stock_after: 0,
  version: offset,
  offset,
  unit_price_cents: null,
  ...row,
});

const placed = { command_id: "o", type: "PlaceOrder", quantity: 2, unit_price_cents: 100 } as const;
const rows: readonly LedgerRow[] = [
  line(1, { quantity: 3, delta: 3, stock_after: 3 }),
  line(2, { ...placed, status: "cancelled", delta: -2, stock_after: 1 }),
  line(3, { type: "CountStock", quantity: 4, as_of_version: 1, delta: 1, stock_after: 2 }),
  line(4, { type: "CancelOrder", order_id: "o", quantity: 2, delta: 2, stock_after: 4 }),
];

const product = { quantity: 4, version: 4, priceCents: 100 };
const order = { status: "cancelled", reason: null, quantity: 2, stockAfter: 1, version: 2, productId: "p" };
const afterwards: Afterwards = { products: new Map([["p", product]]), orders: new Map([["o", order]]) };

const changedRow = (index: number, change: Partial<LedgerRow>): LedgerRow[] =>
  rows.map((row, at) => (at === index ? { ...row, ...change } : row));
const changedAnswer = (index: number, change: Partial<Exchange>): Exchange[] =>
  history.map((exchange, at) => (at === index ? { ...exchange, ...change } : exchange));
const rulesBroken = (complaints: readonly string[]): string[] => [
  ...new Set(complaints.map((each) => each.slice(0, 2))),
];

describe("a history", () => {
  test("that one order of decisions explains is right", () => {
    expect(judge(names, history, rows, afterwards)).toEqual([]);
  });

  test.each<[string, string, readonly Exchange[], readonly LedgerRow[], Afterwards]>([
    ["J1", "content that nobody sent", history, changedRow(2, { quantity: 5 }), afterwards],
    ["J2", "units given back twice", history, [...rows, line(5, { ...rows[3], offset: 5 })], afterwards],
    ["J2", "a count that forgets its version", history, changedRow(2, { delta: 3, stock_after: 4 }), afterwards],
    [
      "J3",
      "another version than the ledger's",
      changedAnswer(1, { body: { stockAfter: 1, version: 3 } }),
      rows,
      afterwards,
    ],
    ["J3", "an answer without a line", history, rows.toSpliced(2, 1), afterwards],
    [
      "J3",
      "refused, and the ledger says otherwise",
      changedAnswer(2, { status: 409, body: { code: "count_conflict", commandId: "c3" } }),
      rows,
      afterwards,
    ],
    [
      "J4",
      "decided before what was answered before it began",
      changedAnswer(1, { startedAt: 25, endedAt: 26 }),
      rows,
      afterwards,
    ],
    [
      "J5",
      "unknown, and its creation had been answered",
      changedAnswer(2, { status: 404, body: { code: "unknown_product" } }),
      rows,
      afterwards,
    ],
    [
      "J5",
      "unknown, and its acceptance had been answered",
      changedAnswer(3, { status: 404, body: { code: "unknown_order" } }),
      rows,
      afterwards,
    ],
    [
      "J5",
      "accepted, and its cancel had been answered",
      [...history, said(place, 50, 201, { stockAfter: 1, version: 2 })],
      rows,
      afterwards,
    ],
    [
      "J5",
      "other content, and there is none",
      [...history, said(place, 50, 422, { code: "order_id_reused" })],
      rows,
      afterwards,
    ],
    [
      "J6",
      "units that are not the last",
      history,
      rows,
      { ...afterwards, products: new Map([["p", { ...product, quantity: 3 }]]) },
    ],
    [
      "J6",
      "an order that is not as stored",
      history,
      rows,
      { ...afterwards, orders: new Map([["o", { ...order, status: "accepted" }]]) },
    ],
  ])("breaks %s: %s", (rule, _what, changedHistory, changedRows, changedAfterwards) => {
    expect(rulesBroken(judge(names, changedHistory, changedRows, changedAfterwards))).toContain(rule);
  });
});
