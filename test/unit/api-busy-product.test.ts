/** A product with a quota, as those who order it meet it over HTTP. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { BatchResult } from "../../src/api/batch-orders.ts";
import { limits } from "../../src/limits.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { ApiWorld, partitionCount } from "./api-world.ts";

const hot = "hot";
const neighbour =
  Array.from({ length: 100 }, (_, n) => `p${n}`).find(
    (id) => partitionOf(id, partitionCount) === partitionOf(hot, partitionCount),
  ) ?? "";
let world: ApiWorld;
afterEach(() => world.app.close());

const post = (productId: string) =>
  world.app.inject({ method: "POST", url: "/orders", payload: { productId, quantity: 1 } });
const postBatch = async (...productIds: readonly string[]): Promise<BatchResult[]> => {
  const payload = productIds.map((productId) => JSON.stringify({ productId, quantity: 1 })).join("\n");
  const headers = { "content-type": "application/x-ndjson" };
  const { body } = await world.app.inject({ method: "POST", url: "/orders/batch", headers, payload });
  return body.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as BatchResult]));
};
const statusesOf = (results: readonly BatchResult[]): string[] => [
  ...new Set(results.map((result) => (result.status === "failed" ? result.code : result.status))),
];
const many = Array<string>(limits.quotaOrdersMin * 3).fill(hot);

/** The product's orders are decided late, and so are those of its neighbour. */
async function open(productQuotas?: boolean): Promise<void> {
  world = new ApiWorld();
  world.productQuotas = productQuotas;
  await world.open();
  for (const id of [hot, neighbour]) world.addProduct({ id }, 10_000);
  // By hand: what decides by itself may still be at it when the next ones come, and they would be decided in time.
  world.decides = false;
  await post(neighbour); // So that the partition is known.
  await world.decide();
  expect(statusesOf(await postBatch(...many, neighbour))).toEqual(["pending"]);
  await sleep(limits.quotaPeriodMs + limits.quotaLateMs);
  await world.decide();
  world.decides = true;
}

test("its single orders are refused, and so are those among others' in a batch; a batch of its own is held up", async () => {
  await open();
  const refused = await post(hot);
  expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([429, "1"]);
  expect((await post(neighbour)).statusCode).toBe(202);
  // More than a burst, which there may be room for by now.
  const mixed = await postBatch(...many.flatMap((productId) => [productId, neighbour]));
  expect(statusesOf(mixed.filter((_, index) => index % 2 === 0))).toContain("product_busy");
  expect(statusesOf(mixed.filter((_, index) => index % 2 === 1))).toEqual(["pending"]);

  const appended = world.log.length;
  const results = await postBatch(...many.slice(0, 40));
  expect(statusesOf(results)).toEqual(["pending"]);
  expect(results.map(({ line }) => line)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
  // As they stand in the body.
  expect(world.log.slice(appended).map(({ command }) => command.commandId)).toEqual(
    results.map(({ orderId }) => orderId),
  );
});

test("where there are no quotas, nobody is refused or held up", async () => {
  await open(false);
  expect((await post(hot)).statusCode).toBe(202);
  expect(statusesOf(await postBatch(...many, neighbour))).toEqual(["pending"]);
  expect(statusesOf(await postBatch(...many))).toEqual(["pending"]);
  expect((await world.metrics.productQuotas.get()).values[0]?.value).toBe(0);
});
