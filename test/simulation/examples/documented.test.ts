// The other pieces of docs/testing.md; a test holds the page against this file and naive-client.test.ts.
import fc from "fast-check";
import { expect, test } from "vitest";
import { faultCount, faultsFrom, simulateTallyman } from "tallyman/testing";
import type { SimulatedTallyman } from "tallyman/testing";

/** Stands for a user's own client: it sends an order until it is answered, with one id. */
function createClient({ fetch, sleep, url, uuid }: Pick<SimulatedTallyman, "fetch" | "sleep" | "url" | "uuid">) {
  return {
    order: async (productId: string, quantity: number): Promise<void> => {
      const body = JSON.stringify({ orderId: uuid(), productId, quantity });
      const request = { method: "POST", headers: { "content-type": "application/json" }, body };
      for (;;) {
        const response = await fetch(`${url}/orders`, request).catch(() => undefined);
        if (response?.status === 202) return;
        await sleep(500);
      }
    },
  };
}

test("a run", async () => {
  const shop = simulateTallyman({ seed: 1, products: { chair: 5 } });
  const { fetch, sleep, url, uuid } = shop;
  const client = createClient({ fetch, sleep, url, uuid });
  await shop.run(() => Promise.all([client.order("chair", 2), client.order("chair", 1)]));
  await shop.settle();
  shop.check();
  expect(shop.stock("chair")).toBe(2);
});

test("faults by hand", async () => {
  const shop = simulateTallyman({
    seed: 7,
    products: { chair: 5 },
    faults: [
      { atMs: 0, do: "lossy", service: "log", rate: 0.5, forMs: 2_000 },
      { atMs: 10, do: "stop", kind: "processor", number: 0, forMs: 8_000, suspended: false },
    ],
  });
  const client = createClient(shop);
  await shop.run(() => client.order("chair", 2));
  await shop.settle();
  shop.check();
  expect(shop.stock("chair")).toBe(3);
});

test("a producer", async () => {
  const shop = simulateTallyman({ seed: 1, faults: "none", products: { chair: 5 } });
  const producer = shop.producer();
  await producer.connect();
  const order = { type: "PlaceOrder", commandId: shop.uuid(), productId: "chair", quantity: 2 } as const;
  const value = shop.encode({ ...order, unitPriceCents: 4900, currency: "EUR" });
  await shop.run(() => producer.send({ topic: shop.topic, messages: [{ key: "chair", value }] }));
  await shop.settle();
  expect(shop.stock("chair")).toBe(3);
});

test("faults that fast-check draws and shrinks", async () => {
  const anySeed = fc.noShrink(fc.integer());
  const anyFaults = fc.array(fc.nat(faultCount - 1), { maxLength: 8 }).map(faultsFrom);
  const property = fc.asyncProperty(anySeed, anyFaults, async (seed, faults) => {
    const shop = simulateTallyman({ seed, faults, products: { chair: 5 } });
    await shop.run(() => createClient(shop).order("chair", 2));
    await shop.settle();
    shop.check();
    expect(shop.stock("chair")).toBe(3);
  });
  await fc.assert(property, { numRuns: 10 });
});

test("a failing seed, told in words", async () => {
  const lines: string[] = [];
  const console = { log: (line: string) => lines.push(line) };
  const faults = faultsFrom([0]);
  const shop = simulateTallyman({ seed: 1, faults, products: { chair: 10 }, trace: console.log });
  await shop.run(() => shop.sleep(10));
  expect(lines.join("\n")).toContain("fault: lossy http");
});
