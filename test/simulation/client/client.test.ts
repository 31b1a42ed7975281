import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createClient } from "tallyman/client";
import type { NewOrder, OrderResult } from "tallyman/client";
import { faultCount, faultsFrom, simulateTallyman } from "tallyman/testing";
import type { SimulatedTallyman, TimedFault } from "tallyman/testing";

const units = 20;
const clientOf = ({ url, fetch, sleep, timeout, random, uuid }: SimulatedTallyman) =>
  createClient({ url, fetch, sleep, timeout, random, uuid, retry: { tries: 60 } });

/** Orders of two products, some of which come slowly. */
async function* source(shop: SimulatedTallyman, count: number, pauses: readonly number[]): AsyncGenerator<NewOrder> {
  for (let index = 0; index < count; index += 1) {
    const pause = pauses[index] ?? 0;
    if (pause > 0) await shop.sleep(pause);
    yield { productId: index % 2 === 0 ? "chair" : "table", quantity: 1 + (index % 3), customerId: String(index) };
  }
}

/** The log loses answers all the time, beside what the seed brings: so that lines of a batch have to be sent again. */
const lossyLog: TimedFault = { atMs: 0, do: "lossy", service: "log", rate: 0.3, forMs: 20_000 };

const script = fc.record({
  seed: fc.integer(),
  faults: fc.array(fc.nat(faultCount - 1), { maxLength: 8 }).map((numbers) => [lossyLog, ...faultsFrom(numbers)]),
  count: fc.integer({ min: 0, max: 30 }),
  pauses: fc.array(fc.constantFrom(0, 0, 0, 3, 400), { maxLength: 30 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  waitSeconds: fc.constantFrom(0, 5),
});

describe("placeMany, whatever happens to Tallyman", () => {
  test("every order gets one result, in its order, and is decided once", async () => {
    await fc.assert(
      fc.asyncProperty(script, async ({ seed, faults, count, pauses, batchSize, waitSeconds }) => {
        const shop = simulateTallyman({ seed, faults, products: { chair: units, table: units } });
        const client = clientOf(shop);
        const results: OrderResult[] = [];
        await shop.run(async () => {
          const many = client.placeMany(source(shop, count, pauses), { batchSize, waitSeconds });
          for await (const result of many) results.push(result);
        });
        await shop.settle();
        shop.check();
        expect(results.length).toBe(count);
        expect(new Set(results.map(({ orderId }) => orderId)).size).toBe(count);
        const decided = new Map(shop.orders().map((order) => [order.orderId, order]));
        for (const [index, { orderId, status, stockAfter }] of results.entries()) {
          const order = decided.get(orderId);
          expect(order?.customerId).toBe(String(index));
          if (status !== "pending") expect([order?.status, order?.stockAfter]).toEqual([status, stockAfter]);
        }
        expect(decided.size).toBe(count);
      }),
      { numRuns: 100 },
    );
  });
});

test("placeMany: the orders of a product are decided as they came", async () => {
  await fc.assert(
    fc.asyncProperty(script, async ({ seed, count, pauses, batchSize }) => {
      const shop = simulateTallyman({ seed, products: { chair: units, table: units }, faults: "none" });
      await shop.run(async () => {
        for await (const _ of clientOf(shop).placeMany(source(shop, count, pauses), { batchSize }));
      });
      await shop.settle();
      for (const productId of ["chair", "table"]) {
        const numbers = shop
          .ledger()
          .filter((line) => line.type === "PlaceOrder" && line.productId === productId)
          .map(({ customerId }) => Number(customerId));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 30 },
  );
});

describe("place and waitForDecision, whatever happens to Tallyman", () => {
  test("an order is placed once, and its decision is told", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom(0, 5), async (seed, waitSeconds) => {
        const shop = simulateTallyman({ seed, products: { chair: 2 } });
        const client = clientOf(shop);
        const order = { orderId: shop.uuid(), productId: "chair", quantity: 2 };
        const [first, second, third] = await shop.run(async () => {
          const one = await client.place(order, { waitSeconds });
          const other = await client.place({ productId: "chair", quantity: 1 }, { waitSeconds });
          return [one, await client.waitForDecision(one.orderId), await client.waitForDecision(other.orderId)];
        });
        expect(first.orderId).toBe(order.orderId);
        expect(second).toMatchObject({ status: "accepted", stockAfter: 0 });
        expect(third).toMatchObject({ status: "rejected", reason: "insufficient_stock" });
        await shop.settle();
        shop.check();
      }),
      { numRuns: 60 },
    );
  });
});
