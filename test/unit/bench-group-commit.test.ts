/** The bench's peer (b) must be right to be a fair one: it decides a group as one order after another would be. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideGroup } from "../../bench/contenders/group-commit/decide.ts";
import { readOrderLine } from "../../bench/contenders/order-http.ts";

const order = (orderId: string, productId: string, quantity: number) => {
  return { orderId, productId, quantity, customerId: null, placedAt: 0 };
};

test("orders are decided in their order, and nothing is oversold", () => {
  const orders = [order("1", "p", 2), order("2", "p", 2), order("3", "p", 1), order("4", "q", 1)];
  const { answers, inserted, left } = decideGroup(orders, new Map([["p", 3]]), new Map());
  expect(answers.map((answer) => answer && [answer.status, answer.stockAfter])).toEqual([
    ["accepted", 1],
    ["rejected", 1],
    ["accepted", 0],
    null,
  ]);
  expect(inserted).toHaveLength(3);
  expect([...left]).toEqual([["p", 0]]);
});

test("the same order counts once, in the group and before it", () => {
  const stored = { orderId: "1", productId: "p", quantity: 2, status: "accepted", stockAfter: 8 } as const;
  const orders = [order("1", "p", 2), order("2", "p", 3), order("2", "p", 3)];
  const { answers, inserted, left } = decideGroup(orders, new Map([["p", 8]]), new Map([["1", stored]]));
  expect(answers[0]).toBe(stored);
  expect(answers[2]).toBe(answers[1]);
  expect(inserted.map(({ order: { orderId } }) => orderId)).toEqual(["2"]);
  expect(left.get("p")).toBe(5);
});

test("units are sold and left as there were, whatever the group", () => {
  const some = fc.array(fc.record({ id: fc.integer({ max: 9, min: 0 }), quantity: fc.integer({ min: 1, max: 9 }) }));
  fc.assert(
    fc.property(some, fc.nat(30), (wanted, units) => {
      const orders = wanted.map(({ id, quantity }) => order(`${id}`, "p", quantity));
      const { inserted, left } = decideGroup(orders, new Map([["p", units]]), new Map());
      const accepted = inserted.filter(({ decided }) => decided.status === "accepted");
      const sold = accepted.reduce((sum, { order: { quantity } }) => sum + quantity, 0);
      expect(sold + (left.get("p") ?? units)).toBe(units);
      expect(new Set(inserted.map(({ order: { orderId } }) => orderId)).size).toBe(inserted.length);
    }),
  );
});

test("a line of a batch is an order, or refused", () => {
  const orderId = "018F7C1E-0000-7000-8000-000000000001";
  expect(readOrderLine(JSON.stringify({ productId: "p", quantity: 1 }))).toEqual({ productId: "p", quantity: 1 });
  expect(readOrderLine(JSON.stringify({ orderId, productId: "p", quantity: 1 }))?.orderId).toBe(orderId.toLowerCase());
  for (const bad of [
    "",
    "{",
    "1",
    '{"productId":"p"}',
    '{"productId":"p","quantity":0}',
    '{"productId":"p","quantity":1.5}',
  ])
    expect(readOrderLine(bad)).toBeNull();
  expect(readOrderLine(JSON.stringify({ orderId: "x", productId: "p", quantity: 1 }))).toBeNull();
});
