// A client that sends its order again after a time-out, a lost connection or a 503 orders twice: the first one may have been
// stored. With an id of its own it may send it as often as it likes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { faultCount, faultsFrom, simulateTallyman } from "tallyman/testing";

type Client = { fetch: typeof fetch; sleep: (ms: number) => Promise<void>; url: string };

async function orderChair({ fetch, sleep, url }: Client, orderId?: string): Promise<Response> {
  for (;;) {
    const body = JSON.stringify({ orderId, productId: "chair", quantity: 1 });
    const request = { method: "POST", headers: { "content-type": "application/json" }, body };
    const answer = fetch(`${url}/orders`, request).catch(() => undefined);
    const response = await Promise.race([answer, sleep(2_000)]);
    if (response && response.status !== 503) return response;
    await sleep(200);
  }
}

/** Whatever goes wrong, who wants one chair gets one chair. */
const oneChairEach = (hasId: boolean) =>
  fc.asyncProperty(
    fc.noShrink(fc.integer()), // The world's seed: another number is another world, not a smaller one.
    fc.array(fc.nat(faultCount - 1), { maxLength: 8 }).map(faultsFrom),
    async (seed, faults) => {
      const shop = simulateTallyman({ seed, faults, products: { chair: 10 } });
      await shop.run(() => orderChair(shop, hasId ? shop.uuid() : undefined));
      await shop.settle();
      shop.check();
      expect(shop.orders()).toHaveLength(1);
    },
  );

test("without an id some orders count twice", async () => {
  const { failed, counterexample } = await fc.check(oneChairEach(false), { numRuns: 300 });
  expect(failed, "a naive client was not caught").toBe(true);
  console.log("The least that goes wrong for it:", counterexample?.[1]);
});

test("with an id each counts once", () => fc.assert(oneChairEach(true)));
