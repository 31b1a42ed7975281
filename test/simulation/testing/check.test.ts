// What check() finds, and that it finds nothing where there is nothing, whatever goes wrong.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CheckFailed, faultCount, faultsFrom, simulateTallyman } from "tallyman/testing";
import type { SimulatedTallyman } from "tallyman/testing";
import type { StoredLine } from "../../../src/schemas/lines.ts";
import { World } from "../../../src/simulation/world.ts";
import { differencesIn } from "../../../src/testing/check.ts";
import type { Books } from "../../../src/testing/check.ts";
import { inWorld } from "../../../src/testing/simulate-tallyman.ts";
import { Told } from "../../../src/testing/told.ts";
import { movementLine, orderLine, placeOrder, receiveStock, tombstoneLine, uuidOf } from "../../support/commands.ts";

const headers = { "content-type": "application/json", prefer: "wait=2" };

/** A right client: it gives each command an id, and sends the same again until it knows. */
async function post(shop: SimulatedTallyman, path: string, body: object, key?: string): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    const all = key === undefined ? headers : { ...headers, "idempotency-key": key };
    const request = { method: "POST", headers: all, body: JSON.stringify(body) };
    const response = await shop.fetch(shop.url + path, request).catch(() => undefined);
    if (response !== undefined && response.status < 500) return;
    await shop.sleep(300);
  }
}

async function trade(shop: SimulatedTallyman): Promise<void> {
  const orders = Array.from({ length: 6 }, () => shop.uuid());
  const order = async (orderId: string, number: number): Promise<void> => {
    await shop.sleep(number * 40);
    await post(shop, "/orders", {
      orderId,
      productId: number % 3 === 0 ? "table" : "chair",
      quantity: 1 + (number % 3),
    });
    if (number % 3 === 1) await post(shop, `/orders/${orderId}/cancel`, { productId: "chair" });
  };
  await Promise.all([...orders.map(order), post(shop, "/products/chair/restock", { quantity: 2 }, "delivery-1")]);
}

describe("a Tallyman that is as it should be", () => {
  test("passes, whatever goes wrong", async () => {
    const numbers = fc.array(fc.nat(faultCount - 1), { maxLength: 6 });
    const property = fc.asyncProperty(fc.noShrink(fc.integer()), numbers, async (seed, drawn) => {
      const shop = simulateTallyman({ seed, faults: faultsFrom(drawn), products: { chair: 6, table: 2 } });
      await shop.run(() => trade(shop));
      await shop.settle();
      shop.check();
      expect(shop.orders().every(({ status }) => status !== "pending")).toBe(true);
      expect(new Set(shop.orders().map(({ orderId }) => orderId)).size).toBe(shop.orders().length);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  test("is at rest after settle(), with everything decided, and only then checked", async () => {
    const away = { atMs: 0, do: "away", service: "store", how: "hanging", forMs: 600_000 } as const;
    const shop = simulateTallyman({ seed: 1, faults: [away], products: { chair: 5 } });
    await shop.run(() => post(shop, "/orders", { orderId: uuidOf(1), productId: "chair", quantity: 3 }));
    expect(shop.orders()).toEqual([]);
    expect(() => shop.check()).toThrow("comes after settle()");
    await shop.settle();
    expect(shop.orders()).toMatchObject([{ orderId: uuidOf(1), status: "accepted", stockAfter: 2 }]);
    expect([shop.stock("chair"), shop.stock("sofa")]).toEqual([2, undefined]);
    expect(shop.ledger().map(({ type, delta }) => [type, delta])).toEqual([
      ["ReceiveStock", 5],
      ["PlaceOrder", -3],
    ]);
    shop.check();
    await shop.run(() => shop.sleep(1));
    expect(() => shop.check()).toThrow("comes after settle()");
  });
});

test("a line that was written past the decider is found", async () => {
  const world = new World({ seed: 1, apis: 1, processors: 1, partitions: 1 });
  const shop = inWorld(world, { seed: 1, faults: "none", products: { chair: 5 } });
  await shop.run(() => Promise.resolve());
  await shop.settle();
  shop.check();
  const { partition, epoch, nextOffset } = world.ledger.progressOf(0);
  const line = orderLine({
    commandId: uuidOf(9),
    productId: "chair",
    quantity: 2,
    delta: -2,
    stockAfter: 4,
    version: 2,
  });
  await world.ledger.commit({
    advances: [{ partition, epoch, from: nextOffset, to: nextOffset, effectsOffset: nextOffset, last: null }],
    stock: [{ productId: "chair", readVersion: 1, after: { quantity: 4, version: 2 } }],
    lines: [line],
    changes: [],
    linesRead: [],
    deadLetters: [],
    parked: [],
    resumed: [],
  });
  expect(() => shop.check()).toThrow(CheckFailed);
  const { differences } = ((): CheckFailed => {
    try {
      shop.check();
    } catch (error) {
      if (error instanceof CheckFailed) return error;
    }
    throw new Error("it should have failed");
  })();
  expect(differences).toEqual([
    `${uuidOf(9)} was decided and nobody sent it`,
    `chair: 4 are left after ${uuidOf(9)}, and should be 3`,
    "chair has 4 at version 2, and should have 3 at 2",
    "chair: the cache has 5, and should have 4",
  ]);
});

describe("a promise that was broken is found:", () => {
  /** Answers what it likes, and does nothing. */
  class Liar extends World {
    override http(): ReturnType<World["http"]> {
      const order = { orderId: uuidOf(9), productId: "chair", status: "accepted" };
      return Promise.resolve({ status: 201, headers: {}, body: JSON.stringify(order) });
    }
  }
  const shape = { seed: 1, apis: 1, processors: 1, partitions: 1 };

  test("an order that the apis took, and that was never decided", async () => {
    const shop = inWorld(new Liar(shape), { seed: 1, faults: "none" });
    await shop.run(() => shop.fetch(`${shop.url}/orders`, { method: "POST", body: "{}" }));
    await shop.settle();
    expect(() => shop.check()).toThrow(
      `${uuidOf(9)} was acknowledged and never decided\na caller was told that ${uuidOf(9)} is accepted, and it is unknown`,
    );
  });

  test("an order that a caller read as accepted", async () => {
    const shop = inWorld(new Liar(shape), { seed: 1, faults: "none" });
    await shop.run(() => shop.fetch(`${shop.url}/orders/${uuidOf(9)}`));
    await shop.settle();
    expect(() => shop.check()).toThrow(/^a caller was told that \S+ is accepted, and it is unknown$/);
  });

  test("a record that the log acknowledged", async () => {
    const world = new World(shape);
    const shop = inWorld(world, { seed: 1, faults: "none" });
    world.log.append = (records) => records.map((_record, index) => 90 + index);
    await shop.run(async () => {
      const producer = shop.producer();
      await producer.connect();
      await producer.send({ topic: shop.topic, messages: [{ key: "chair", value: "" }] });
    });
    await shop.settle();
    expect(() => shop.check()).toThrow("the record at 0@90 was acknowledged and is lost");
  });
});

test.each<[string, string, object, string[], object[]]>([
  ["GET", "a pending order that is read is no acknowledgement", { orderId: "a", status: "pending" }, [], []],
  ["POST", "a pending order", { orderId: "a", status: "pending" }, ["a"], []],
  [
    "POST",
    "a receipt",
    { commandId: "b", orderId: "a", status: "accepted" },
    ["b"],
    [{ commandId: "b", status: "accepted" }],
  ],
  ["POST", "a product's first delivery", { id: "p", initialStock: { commandId: "c", status: "pending" } }, ["c"], []],
  ["GET", "a product", { id: "p", quantity: 1 }, [], []],
  ["POST", "a listing", { orders: [{ orderId: "a", status: "accepted" }], next: null }, [], []],
])("what a caller is told by %s of %s", (method, _what, document, acknowledged, decided) => {
  const told = new Told();
  told.answer(method, { status: 200, headers: {}, body: JSON.stringify(document) });
  expect([[...told.acknowledged], told.decided]).toEqual([acknowledged, decided]);
  const refused = new Told();
  refused.answer(method, { status: 503, headers: {}, body: JSON.stringify(document) });
  expect([[...refused.acknowledged], refused.decided]).toEqual([[], []]);
});

describe("differences", () => {
  const stored = (line: Parameters<typeof orderLine>[0], made = orderLine): StoredLine => ({
    ...made(line),
    decidedAt: 1,
  });
  const delivery = stored({}, movementLine);
  const order = stored({ stockAfter: 9 });
  const right: Books = {
    errors: [],
    records: [
      { partition: 0, offset: 0, command: receiveStock() },
      { partition: 0, offset: 1, command: placeOrder() },
      { partition: 0, offset: 2, command: placeOrder() },
      { partition: 0, offset: 3, command: undefined },
    ],
    lines: new Map([delivery, order].map((line) => [line.commandId, line])),
    stock: new Map([["p1", { quantity: 9, version: 2 }]]),
    letters: [{ partition: 0, offset: 3 }],
    acknowledged: [uuidOf(1), uuidOf(3)],
    stored: [{ partition: 0, offset: 2 }],
    told: [{ commandId: uuidOf(1), status: "accepted" }],
    cachedQuantity: () => undefined,
  };
  const withOrder = (fields: Partial<StoredLine>): Books["lines"] =>
    new Map(right.lines).set(order.commandId, { ...order, ...fields });

  test("there are none in books that are right, nor in those of an order that was cancelled before it came", () => {
    expect(differencesIn(right)).toEqual([]);
    const foreseen = stored({ commandId: uuidOf(7) }, tombstoneLine);
    expect(differencesIn({ ...right, lines: new Map(right.lines).set(uuidOf(7), foreseen) })).toEqual([]);
    const cancelled = withOrder({ status: "cancelled", revision: 2 });
    expect(differencesIn({ ...right, lines: cancelled })).toEqual([]);
  });

  test.each<[string, Partial<Books>]>([
    ["something broke: Error: x", { errors: [new Error("x")] }],
    ["the record at 0@3 can't be read, and is not kept", { letters: [] }],
    [
      `${uuidOf(8)} is on the log and was never decided`,
      {
        records: [...right.records, { partition: 1, offset: 0, command: placeOrder({ commandId: uuidOf(8) }) }],
      },
    ],
    [`${uuidOf(1)} was decided as another than was sent`, { lines: withOrder({ quantity: 2 }) }],
    [`${uuidOf(1)} was decided as another than was sent`, { lines: withOrder({ productId: "p2" }) }],
    [`${uuidOf(1)} was decided as another than was sent`, { lines: withOrder({ delta: -2 }) }],
    [`${uuidOf(1)} was decided as another than was sent`, { lines: withOrder({ type: "CountStock" }) }],
    [`${uuidOf(3)} was decided and nobody sent it`, { records: right.records.slice(1) }],
    [`${uuidOf(6)} was acknowledged and never decided`, { acknowledged: [uuidOf(6)] }],
    ["the record at 1@0 was acknowledged and is lost", { stored: [{ partition: 1, offset: 0 }] }],
    [
      `a caller was told that ${uuidOf(1)} is rejected, and it is accepted`,
      {
        told: [{ commandId: uuidOf(1), status: "rejected" }],
      },
    ],
    [
      `a caller was told that ${uuidOf(6)} is accepted, and it is unknown`,
      {
        told: [{ commandId: uuidOf(6), status: "accepted" }],
      },
    ],
    [`p1: ${uuidOf(1)} has version 3, and 2 was next`, { lines: withOrder({ version: 3 }) }],
    [`p1: 8 are left after ${uuidOf(1)}, and should be 9`, { lines: withOrder({ stockAfter: 8 }) }],
    ["p1 was oversold by 1 at version 2", { lines: withOrder({ delta: -11, quantity: 11, stockAfter: -1 }) }],
    ["p1 has 8 at version 2, and should have 9 at 2", { stock: new Map([["p1", { quantity: 8, version: 2 }]]) }],
    ["p1 has 9 at version 3, and should have 9 at 2", { stock: new Map([["p1", { quantity: 9, version: 3 }]]) }],
    ["p1 has 0 at version 0, and should have 9 at 2", { stock: new Map() }],
    [
      "p2 has 1 at version 1, and should have 0 at 0",
      {
        stock: new Map(right.stock).set("p2", { quantity: 1, version: 1 }),
      },
    ],
    ["p1: the cache has 10, and should have 9", { cachedQuantity: () => 10 }],
  ])("%s", (difference, wrong) => {
    expect(differencesIn({ ...right, ...wrong })).toContain(difference);
  });
});
