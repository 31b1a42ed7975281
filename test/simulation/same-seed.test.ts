// The same seed gives the same world, also where the ingress makes ids itself.
import { expect, test } from "vitest";
import { World } from "../../src/simulation/world.ts";

/** What happened, line by line, with orders that have no id of their callers'. */
async function traceOf(seed: number): Promise<string[]> {
  const lines: string[] = [];
  const trace = (atMs: number, text: string): void => void lines.push(`${atMs} ${text}`);
  const world = new World({ seed, partitions: 2, apis: 2, processors: 2, trace });
  const call = (path: string, body: object): Promise<unknown> =>
    world.http({ method: "POST", path, headers: { prefer: "wait=5" }, body });
  let done = false;
  const client = async (): Promise<void> => {
    await call("/products", { id: "chair", name: "Chair", category: "chairs", priceCents: 100, initialStock: 5 });
    await Promise.all([1, 2, 3].map((quantity) => call("/orders", { productId: "chair", quantity })));
    await call("/products/chair/restock", { quantity: 2 });
    done = true;
  };
  const ended = client();
  await world.until(() => done, 60_000);
  await ended;
  return lines;
}

test("the same seed gives the same world, and another seed another one", async () => {
  const first = await traceOf(1);
  expect(first.filter((line) => line.includes("/orders"))).toHaveLength(3);
  expect(await traceOf(1)).toEqual(first);
  expect(await traceOf(2)).not.toEqual(first);
});
