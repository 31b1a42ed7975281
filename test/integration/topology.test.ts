/** `tallyman topology` on real services: never claimed, owned, behind, released, gone; and with PostgreSQL or Kafka away. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createStockedProducts } from "../support/http-load.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

type Shown = {
  readonly members: readonly string[] | null;
  readonly troubles: readonly string[];
  readonly partitions: readonly {
    readonly instance: string | null;
    readonly epoch: number;
    readonly state: string;
    readonly nextOffset: number;
    readonly lagRecords: number;
    readonly lagSeconds: number;
    readonly lastDecisionAt: number | null;
  }[];
};

let tallyman: Tallyman;
let api: Role;
const productIds = Array.from({ length: 40 }, (_, index) => `product-${index}`);

beforeAll(async () => {
  tallyman = await createTallyman();
  api = await tallyman.startApi();
});
afterAll(() => tallyman[Symbol.asyncDispose]());

async function show(): Promise<Shown> {
  const { code, stdout, stderr } = await tallyman.run("topology", "--json");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Shown;
}
const statesOf = ({ partitions }: Shown): string[] => [...new Set(partitions.map(({ state }) => state))];

async function order(productId: string): Promise<void> {
  const body = JSON.stringify({ productId, quantity: 1 });
  const response = await fetch(`${api.url}/orders`, { method: "POST", headers: { "content-type": "application/json" }, body }); // prettier-ignore
  expect(response.status).toBe(202);
}

it("shows partitions as they are claimed, fall behind, are released and lose their owner", async () => {
  const fresh = await show();
  expect(fresh.partitions.map(({ epoch, instance, lagRecords }) => [epoch, instance, lagRecords])).toEqual(
    Array.from({ length: 12 }, () => [0, null, 0]),
  );
  expect(statesOf(fresh)).toEqual(["unclaimed"]);

  const processor = await tallyman.startProcessor();
  await createStockedProducts(api.url, productIds);
  const before = Date.now();
  await expect.poll(async () => statesOf(await show()), { timeout: 20_000 }).toEqual(["owned"]);
  const owned = await show();
  const [instance] = new Set(owned.partitions.map((each) => each.instance));
  expect(owned.members).toEqual([instance]);
  expect(owned.partitions.filter(({ nextOffset }) => nextOffset > 0).length).toBeGreaterThan(6);
  for (const { nextOffset, lastDecisionAt, lagRecords, epoch } of owned.partitions) {
    expect([lagRecords, epoch]).toEqual([0, 1]);
    if (nextOffset === 0) expect(lastDecisionAt).toBeNull();
    else expect(Math.abs((lastDecisionAt ?? 0) - before)).toBeLessThan(60_000);
  }

  expect(await processor.stop()).toBe(0);
  await Promise.all(productIds.map(order));
  const behind = await show();
  expect([statesOf(behind), behind.members]).toEqual([["released"], []]);
  expect(behind.partitions.reduce((sum, { lagRecords }) => sum + lagRecords, 0)).toBe(productIds.length);
  for (const { lagRecords, lagSeconds } of behind.partitions) {
    if (lagRecords === 0) expect(lagSeconds).toBe(0);
    else expect(lagSeconds).toBeGreaterThan(0);
    expect(lagSeconds).toBeLessThan(60);
  }

  const killed = await tallyman.startProcessor();
  const lagOf = async (): Promise<number> => (await show()).partitions.reduce((sum, { lagRecords }) => sum + lagRecords, 0); // prettier-ignore
  await expect.poll(lagOf, { timeout: 20_000 }).toBe(0);
  await killed.kill();
  await expect.poll(async () => statesOf(await show()), { timeout: 20_000 }).toEqual(["gone"]);
  const { code, stdout } = await tallyman.run("topology");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^partition {2}instance .*\n(?: +\d+ {2}processor-\d+ +2 {2}gone .*\n){12}gone: 0, 1,.*\n$/);
});

it("shows what PostgreSQL knows while the log is away, and nothing without PostgreSQL; both end with 3", async () => {
  const withoutLog = await tallyman.runWith({ KAFKA_BROKERS: "127.0.0.1:1" }, "topology");
  expect(withoutLog.code).toBe(3);
  expect(withoutLog.stderr).toMatch(/^tallyman: the ends of [^\n]+ could not be read [^\n]+\n$/);
  expect(withoutLog.stdout).toMatch(/^partition [^\n]+\n(?: +\d+ {2}processor-\d+ +2 {2}owned +\d+ +\? +\? .*\n){12}$/);
  const withoutStore = await tallyman.runWith({ DATABASE_URL: "postgresql://127.0.0.1:1/nowhere" }, "topology");
  expect([withoutStore.code, withoutStore.stdout]).toEqual([3, ""]);
  expect(withoutStore.stderr).toMatch(/^tallyman: PostgreSQL did not answer[^\n]+\n$/);
  const unfit = await tallyman.runWith({ ORDERS_TOPIC: "never-made" }, "topology");
  expect([unfit.code, unfit.stderr]).toEqual([3, expect.stringContaining("never-made")]);
});
