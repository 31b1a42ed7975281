// The judge of the tests in which services go away (test/support/books.ts) sees what would be wrong: a judge that can't is worth nothing.
import { expect, test } from "vitest";
import { wrongInBooks } from "../support/books.ts";
import type { Books } from "../support/books.ts";
import type { PlacedOrder } from "../support/order-load.ts";

type Line = Books["lines"][number];
const delivery: Line = line({ command_id: "d", type: "ReceiveStock", delta: 5, stock_after: 5, version: 1 });
const sold: Line = line({ command_id: "a", delta: -2, stock_after: 3, version: 2 });
const refused: Line = line({ command_id: "b", status: "rejected", stock_after: 3, version: 2 });
const stock = [{ product_id: "p", quantity: 3, version: 2 }];
const orders = [order("a", 2, 201), order("b", 9, 409), order("c", 1, undefined)];

function line(fields: Partial<Line>): Line {
  const common = { type: "PlaceOrder", product_id: "p", status: "accepted", delta: 0, stock_after: 0, version: 0 };
  return { command_id: "?", ...common, ...fields };
}
function order(orderId: string, quantity: number, acknowledged: number | undefined): PlacedOrder {
  return { orderId, productId: "p", quantity, answers: [], acknowledged };
}
const judge = (lines: readonly Line[], of = orders, rows = stock) => wrongInBooks({ lines, stock: rows }, of);

test("right books are right, also with an order that nobody acknowledged", () => {
  expect(judge([delivery, sold, refused])).toEqual([]);
});

test.each<[string, readonly Line[], string]>([
  ["an acknowledged order that is lost", [delivery, sold], "order b, answered 409, has 0 rows"],
  ["one that has two rows", [delivery, sold, refused, refused], "order b, answered 409, has 2 rows"],
  [
    "one that was told accepted, and is not",
    [delivery, { ...sold, status: "rejected", delta: 0 }, refused],
    "told accepted",
  ],
  ["one of another product", [delivery, sold, { ...refused, product_id: "q" }], "is of q"],
  ["one that took another quantity", [delivery, { ...sold, delta: -1, stock_after: 4 }, refused], "took 1"],
  ["a version that is left out", [delivery, { ...sold, version: 3 }, refused], "version 3 follows 1"],
  [
    "one that was applied twice",
    [delivery, sold, { ...sold, command_id: "x", stock_after: 3, version: 3 }, refused],
    "3 after 3 and -2",
  ],
  [
    "stock below zero",
    [{ ...delivery, delta: 1, stock_after: 1 }, { ...sold, stock_after: -1 }, refused],
    "-1 after 1",
  ],
])("%s is seen", (_what, lines, sentence) => {
  expect(judge(lines).join("\n")).toContain(sentence);
});

test("told refused, and accepted after all", () => {
  expect(judge([delivery, sold], [order("a", 2, 409)]).join()).toContain("was told refused, and is accepted");
});

test("a stock that is not the ledger's sum", () => {
  const rows = [{ product_id: "p", quantity: 4, version: 2 }];
  expect(judge([delivery, sold, refused], orders, rows)).toEqual(["p: 4@2 in stock, 3@2 by the ledger"]);
});
