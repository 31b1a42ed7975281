import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { decide, evolve } from "../../src/processors/stock.ts";
import type { Knowledge } from "../../src/processors/stock.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { Line, RefusalReason } from "../../src/schemas/lines.ts";
import { int32 } from "../support/arbitraries.ts";
import { archiveProduct, cancelOrder, countStock, logged, movementLine, orderLine } from "../support/commands.ts";
import { packOrder, placeOrder, receiveStock, restoreProduct, resumeProduct } from "../support/commands.ts";
import { tombstoneLine, uuidOf } from "../support/commands.ts";

type Outcome = RefusalReason | "accepted" | "repeated" | "filled";
/** [given, when, then]. Of each command the first row has every fault at once, and each row mends the fault that won. */
type Row = readonly [given: Partial<Knowledge>, when: Command, then: Outcome];

const few = { quantity: 2, version: 7 };
const full = { quantity: limits.stockMax, version: 7 };
const archived = { ...few, archived: true } as const;
const elsewhere = { productId: "p2" };
const own = (command: Command): Line => movementLine({ commandId: command.commandId });

const tooMany = placeOrder({ quantity: limits.quantityMax + 1 });
const three = placeOrder({ quantity: 3 });

const place: readonly Row[] = [
  [{ line: own(tooMany) }, tooMany, "repeated"],
  [{ line: orderLine({ quantity: 1 }), stock: few }, three, "repeated"],
  [{ line: tombstoneLine(elsewhere), stock: few }, three, "repeated"],
  [{ line: tombstoneLine() }, tooMany, "filled"],
  [{}, tooMany, "quantity_out_of_range"],
  [{}, three, "unknown_product"],
  [{ stock: archived }, three, "product_archived"],
  [{ stock: few }, three, "insufficient_stock"],
  [{ stock: few }, placeOrder({ quantity: 2 }), "accepted"],
];

const ofItself = cancelOrder({ commandId: uuidOf(1) });
const cancel: readonly Row[] = [
  [{ line: own(cancelOrder()), order: movementLine(elsewhere), stock: full }, cancelOrder(), "repeated"],
  [{ stock: full }, ofItself, "not_an_order"],
  [{ order: movementLine(elsewhere), stock: full }, cancelOrder(), "not_an_order"],
  [{ order: orderLine({ ...elsewhere, status: "rejected" }), stock: full }, cancelOrder(), "product_mismatch"],
  [{ order: orderLine({ ...elsewhere, status: "cancelled" }), stock: full }, cancelOrder(), "product_mismatch"],
  [{ order: orderLine(elsewhere), stock: full }, cancelOrder(), "product_mismatch"],
  [{ order: orderLine({ status: "rejected" }), stock: full }, cancelOrder(), "order_rejected"],
  [{ order: orderLine({ status: "cancelled" }), stock: full }, cancelOrder(), "order_already_cancelled"],
  [{ order: tombstoneLine(), stock: full }, cancelOrder(), "order_already_cancelled"],
  [{ order: orderLine({ fulfilment: "packed" }), stock: full }, cancelOrder(), "already_packed"],
  // Two reads can straddle another owner's commit; the commit's own check then finds the product after all (P5).
  [{ order: orderLine() }, cancelOrder(), "unknown_product"],
  [{ order: orderLine(), stock: full }, cancelOrder(), "stock_limit_exceeded"],
  [{ order: orderLine(), stock: few }, cancelOrder(), "accepted"],
  [{ stock: few }, cancelOrder(), "accepted"],
  [{}, cancelOrder(), "accepted"],
];

const lessThanNone = receiveStock({ quantity: -1 });
const receive: readonly Row[] = [
  [{ line: own(lessThanNone), stock: full }, lessThanNone, "repeated"],
  [{ stock: full }, lessThanNone, "quantity_out_of_range"],
  [{ stock: full }, receiveStock({ quantity: limits.quantityMax + 1 }), "quantity_out_of_range"],
  [{ stock: full }, receiveStock({ quantity: 1 }), "stock_limit_exceeded"],
  [{ stock: full }, receiveStock({ quantity: 0 }), "accepted"],
  [{}, receiveStock({ quantity: 0 }), "accepted"],
];

const asOf = (asOfVersion: number, quantity: number) => countStock({ asOfVersion, quantity });
const count: readonly Row[] = [
  [{ line: own(countStock()) }, asOf(9, -1), "repeated"],
  [{}, asOf(9, -1), "quantity_out_of_range"],
  [{ stock: few }, asOf(9, limits.stockMax + 1), "quantity_out_of_range"],
  [{}, asOf(9, 1), "unknown_version"],
  [{ stock: few, stockAtVersion: 5 }, asOf(8, 1), "unknown_version"],
  [{ stock: few }, asOf(6, 1), "unknown_version"],
  // Before its first stock command a product had no stock to count, whatever was refused meanwhile.
  [{ stock: few, stockAtVersion: 0 }, asOf(0, 1), "unknown_version"],
  [{ stock: few, stockAtVersion: 5 }, asOf(6, 2), "count_conflict"],
  [{ stock: full, stockAtVersion: 5 }, asOf(6, 6), "stock_limit_exceeded"],
  [{ stock: few, stockAtVersion: 5 }, asOf(6, 3), "accepted"],
  [{ stock: few }, asOf(7, 0), "accepted"],
  [{ stock: few }, countStock({ quantity: 0 }), "accepted"],
  [{}, countStock(), "accepted"],
];

const resume: readonly Row[] = [
  [{ line: own(resumeProduct()) }, resumeProduct(), "repeated"],
  [{ stock: few }, resumeProduct(), "not_parked"],
];

const archive: readonly Row[] = [
  [{ line: own(archiveProduct()), stock: archived }, archiveProduct(), "repeated"],
  [{}, archiveProduct(), "unknown_product"],
  [{ stock: archived }, archiveProduct(), "already_archived"],
  [{ stock: few }, archiveProduct(), "accepted"],
];

const restore: readonly Row[] = [
  [{ line: own(restoreProduct()), stock: few }, restoreProduct(), "repeated"],
  [{}, restoreProduct(), "unknown_product"],
  [{ stock: few }, restoreProduct(), "not_archived"],
  [{ stock: archived }, restoreProduct(), "accepted"],
];

const packed = orderLine({ fulfilment: "packed", revision: 2 });
const pack: readonly Row[] = [
  [{ line: own(packOrder()), order: movementLine(elsewhere), stock: full }, packOrder(), "repeated"],
  [{ stock: full }, packOrder({ commandId: uuidOf(1) }), "not_an_order"],
  [{ stock: full }, packOrder(), "unknown_order"],
  [{ order: movementLine(elsewhere), stock: full }, packOrder(), "not_an_order"],
  [{ order: orderLine({ ...elsewhere, status: "rejected" }), stock: full }, packOrder(), "product_mismatch"],
  [{ order: orderLine({ status: "rejected" }), stock: full }, packOrder(), "order_rejected"],
  [{ order: orderLine({ status: "cancelled" }), stock: full }, packOrder(), "order_already_cancelled"],
  [{ order: tombstoneLine(), stock: full }, packOrder(), "order_already_cancelled"],
  [{ order: packed }, packOrder(), "already_packed"],
  [{ order: orderLine() }, packOrder(), "unknown_product"],
  [{ order: orderLine(), stock: archived }, packOrder(), "accepted"],
];

const tables = {
  PlaceOrder: place,
  CancelOrder: cancel,
  ReceiveStock: receive,
  CountStock: count,
  ResumeProduct: resume,
  ArchiveProduct: archive,
  RestoreProduct: restore,
  PackOrder: pack,
};
const empty: Knowledge = { stock: undefined, line: undefined, order: undefined, stockAtVersion: undefined };

function outcomeOf(given: Partial<Knowledge>, when: Command): Outcome {
  const decision = decide({ ...empty, ...given }, logged(when, 5, 3));
  if (decision.kind === "repeated") return "repeated";
  if (decision.answer.status === "cancelled") return "filled";
  return decision.answer.reason ?? "accepted";
}

describe.each(Object.entries(tables))("%s: refusals win in the order of this table", (_type, rows) => {
  test.each(rows.map(([given, when, then], index) => ({ index, given, when, then })))(
    "$index $then",
    ({ given, when, then }) => expect(outcomeOf(given, when)).toBe(then),
  );
});

test("the tables show every reason there is", () => {
  const shown = new Set<Outcome>(Object.values(tables).flatMap((rows) => rows.map(([, , then]) => then)));
  // Whether the store takes what waits is not the decider's to know.
  const all: Record<Exclude<RefusalReason, "still_refused">, true> = {
    quantity_out_of_range: true,
    unknown_product: true,
    insufficient_stock: true,
    cancelled_before_placed: true,
    product_mismatch: true,
    order_rejected: true,
    order_already_cancelled: true,
    not_an_order: true,
    stock_limit_exceeded: true,
    unknown_version: true,
    count_conflict: true,
    not_parked: true,
    product_archived: true,
    already_archived: true,
    not_archived: true,
    unknown_order: true,
    already_packed: true,
  };
  // An order whose cancel came first is not rejected but cancelled: "filled".
  const { cancelled_before_placed: _filled, ...refusals } = all;
  for (const reason of Object.keys(refusals)) expect(shown).toContain(reason);
});

test("a refusal changes nothing and carries the stock that it met", () => {
  for (const [given, when, then] of Object.values(tables).flat()) {
    if (then === "accepted" || then === "repeated" || then === "filled") continue;
    const decision = decide({ ...empty, ...given }, logged(when, 5, 3));
    expect(decision).toMatchObject({ kind: "decided", changes: [], lines: [decision.answer] });
    expect(decision.answer).toMatchObject({ status: "rejected", delta: 0, partition: 3, offset: 5, revision: 1 });
    expect(evolve(decision.answer, given.stock)).toEqual(given.stock);
  }
});

describe("what is accepted", () => {
  test("an order takes its units, a delivery adds its own, each with the next version", () => {
    expect(decide({ ...empty, stock: few }, logged(placeOrder({ quantity: 2 }))).answer).toMatchObject({
      delta: -2,
      stockAfter: 0,
      version: 8,
    });
    const first = decide(empty, logged(receiveStock({ quantity: 4 }))).answer;
    expect(first).toMatchObject({ delta: 4, stockAfter: 4, version: 1 });
  });

  test("packing takes a version and no units, and the order says so", () => {
    const order = orderLine({ quantity: 3, delta: -3 });
    const decision = decide({ ...empty, stock: few, order }, logged(packOrder({ actor: "ada" })));
    expect(decision.answer).toMatchObject({ quantity: 3, delta: 0, stockAfter: 2, version: 8, actor: "ada" });
    const line = { ...order, fulfilment: "packed", revision: 2 };
    expect(decision).toMatchObject({ changes: [{ readRevision: 1, line }] });
  });

  test("archiving takes a version and no units; then a delivery and a cancel go on, and it stays archived", () => {
    const { answer } = decide({ ...empty, stock: few }, logged(archiveProduct({ actor: "ada" })));
    expect(answer).toMatchObject({ delta: 0, stockAfter: 2, version: 8, actor: "ada" });
    const after = evolve(answer, few);
    expect(after).toEqual({ quantity: 2, version: 8, archived: true });
    for (const command of [receiveStock(), countStock(), cancelOrder()]) {
      const next = decide({ ...empty, stock: after, order: orderLine() }, logged(command)).answer;
      expect(next).toMatchObject({ status: "accepted", version: 9 });
      expect(evolve(next, after)).toMatchObject({ version: 9, archived: true });
    }
  });

  test("a product that is restored is sold again", () => {
    const { answer } = decide({ ...empty, stock: archived }, logged(restoreProduct()));
    const after = evolve(answer, archived);
    expect(after).toEqual({ quantity: 2, version: 8 });
    expect(decide({ ...empty, stock: after }, logged(placeOrder())).answer).toMatchObject({ status: "accepted" });
  });

  test("a cancel gives back what its order took, and the order says so", () => {
    const order = orderLine({ quantity: 3, delta: -3 });
    const decision = decide({ ...empty, stock: few, order }, logged(cancelOrder()));
    expect(decision.answer).toMatchObject({
      quantity: 3,
      delta: 3,
      stockAfter: 5,
      version: 8,
      orderId: order.commandId,
    });
    expect(decision).toMatchObject({
      changes: [{ readRevision: 1, line: { ...order, status: "cancelled", revision: 2 } }],
    });
  });

  test("a cancel before its order takes the order's id, and the order fills it without touching the stock", () => {
    const early = decide({ ...empty, stock: few }, logged(cancelOrder()));
    expect(early).toMatchObject({ answer: { status: "accepted", delta: 0, version: 7 } });
    const [, tombstone] = early.kind === "decided" ? early.lines : [];
    expect(tombstone).toMatchObject({
      commandId: uuidOf(1),
      type: "PlaceOrder",
      status: "cancelled",
      unitPriceCents: null,
    });
    const late = decide({ ...empty, stock: { quantity: 9, version: 9 }, line: tombstone }, logged(placeOrder(), 8));
    expect(late).toMatchObject({
      lines: [],
      changes: [
        {
          readRevision: 1,
          line: {
            reason: "cancelled_before_placed",
            unitPriceCents: 250,
            offset: 8,
            version: 9,
            stockAfter: 9,
            delta: 0,
          },
        },
      ],
    });
  });

  test("a stocktake of an earlier version keeps the orders since then sold", () => {
    const counted = decide({ ...empty, stock: few, stockAtVersion: 5 }, logged(asOf(6, 9))).answer;
    expect(counted).toMatchObject({ delta: 4, stockAfter: 6, version: 8 });
  });
});

test("total: whatever the quantities, decide answers and the stock stays within its bounds", () => {
  const stock = fc.option(fc.record({ quantity: fc.nat({ max: limits.stockMax }), version: fc.integer({ min: 1 }) }), {
    nil: undefined,
  });
  const status = fc.constantFrom("accepted", "rejected", "cancelled");
  const order = fc.option(
    fc.record({
      quantity: fc.integer({ min: 1, max: limits.quantityMax }),
      status,
      productId: fc.constantFrom("p1", "p2"),
    }),
  );
  const known = fc.record({
    stock,
    order,
    stockAtVersion: fc.option(fc.nat({ max: limits.stockMax }), { nil: undefined }),
  });
  const commands = fc
    .tuple(int32, fc.option(int32))
    .chain(([quantity, asOfVersion]) =>
      fc.constantFrom(
        placeOrder({ quantity }),
        receiveStock({ quantity }),
        countStock({ quantity, asOfVersion }),
        cancelOrder(),
      ),
    );
  fc.assert(
    fc.property(known, commands, ({ stock, order, stockAtVersion }, command) => {
      const named = order === null ? undefined : orderLine({ ...order, delta: -order.quantity });
      const { answer } = decide({ ...empty, stock, order: named, stockAtVersion }, logged(command));
      expect(answer.stockAfter).toBe((stock?.quantity ?? 0) + answer.delta);
      expect(answer.stockAfter).toBeGreaterThanOrEqual(0);
      expect(answer.stockAfter).toBeLessThanOrEqual(limits.stockMax);
      expect(answer.version - (stock?.version ?? 0)).toBe(answer.status === "accepted" && !isEarly(answer) ? 1 : 0);
    }),
    { numRuns: 2_000 },
  );
});

/** A cancel that came before its order is accepted without touching the stock. */
function isEarly(answer: Line): boolean {
  return answer.type === "CancelOrder" && answer.quantity === 0;
}
