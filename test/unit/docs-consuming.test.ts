import { expect, test } from "vitest";
import { DecisionsView } from "../../examples/consumers/decisions-view.ts";
import { readText } from "./docs-reader.ts";

test("docs/consuming.md shows the example as it is tested", () => {
  expect(readText("docs/consuming.md")).toContain(readText("examples/consumers/decisions-view.ts"));
});

const decision = (position: number, index: number, fields: object = {}) => {
  const commandId = `${position}-${index}`;
  const rest = { type: "PlaceOrder", status: "accepted", orderId: null, stockAfter: 9, version: position + 1 };
  return { position, index, commandId, ...rest, ...fields };
};
const record = (...decisions: ReturnType<typeof decision>[]) => ({ productId: "p1", partition: 0, decisions });

test("the example drops what it had, and nothing else", () => {
  const view = new DecisionsView();
  const taken = (...args: Parameters<typeof record>) => view.take(record(...args)).map(({ commandId }) => commandId);
  expect(taken(decision(1, 0), decision(4, 0), decision(4, 1))).toEqual(["1-0", "4-0", "4-1"]);
  expect(taken(decision(1, 0), decision(4, 1), decision(4, 2), decision(5, 0))).toEqual(["4-2", "5-0"]);
  expect(view.take({ ...record(decision(2, 0)), partition: 7 })).toHaveLength(1);
  expect(view.take({ ...record(decision(2, 0)), productId: "p2" })).toHaveLength(1);
});

test("its stock is the newest version's, and an order that was cancelled stays so, whichever comes first", () => {
  const view = new DecisionsView();
  view.take(record(decision(9, 0, { stockAfter: 2 })));
  view.take({ ...record(decision(3, 0, { stockAfter: 5 })), partition: 7 });
  expect(view.stock.get("p1")).toEqual({ version: 10, quantity: 2 });
  view.take(record(decision(10, 0, { type: "CancelOrder", orderId: "early" })));
  view.take({ ...record(decision(11, 0, { commandId: "early" })), partition: 7 });
  expect(view.orders.get("early")).toBe("cancelled");
});
