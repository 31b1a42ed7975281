/**
 * Processors are restarted one after the other while orders come in: nothing is lost, nothing is decided twice, each one
 * leaves in time, and no product stands still for as long as a member that is gone is missed. What a restart costs on a
 * quiet machine, `npm run bench:restart` tells.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createStockedProducts,
  longestWaits,
  productsOfEveryPartition,
  startSteadyLoad,
  untilAllDecided,
  wrongBooks,
} from "../support/http-load.ts";
import type { SteadyLoad } from "../support/http-load.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const partitionCount = 12;
const productIds = productsOfEveryPartition(partitionCount, 4);
const perSecond = 300;
const exitLimitMs = 10_000;
/** Less than the group's session of 6 s: a processor that ends without leaving the group is missed for longer. */
const stallLimitMs = 5_000;

let tallyman: Tallyman;
let database: pg.Client;
let api: Role;

beforeAll(async () => {
  tallyman = await createTallyman(8);
  api = await tallyman.startApi();
  database = new pg.Client({ connectionString: tallyman.databaseUrl });
  await database.connect();
  await createStockedProducts(api.url, productIds);
});
afterAll(async () => {
  await database.end();
  await tallyman[Symbol.asyncDispose]();
});

/** Resolves when each of the processors owns partitions, and nobody else does. */
async function untilShared(processorCount: number): Promise<void> {
  const owners = async (): Promise<number> => {
    const { rows } = await database.query<{ owner: string }>("select distinct owner from partitions");
    return rows.length;
  };
  await expect.poll(owners, { timeout: 30_000, interval: 50 }).toBe(processorCount);
}

async function stop(processor: Role): Promise<void> {
  const askedAt = performance.now();
  expect(await processor.stop()).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(exitLimitMs);
}

async function expectExact(load: SteadyLoad): Promise<void> {
  await load.stop();
  const { decided, lost, strangers } = await untilAllDecided(database, load.acked, 30_000);
  expect([...load.refusals], "every order is acknowledged at once, whatever processors do").toEqual([]);
  expect([lost.length, strangers, decided.length], "lost, strangers, decided").toEqual([0, 0, load.acked.length]);
  expect(await wrongBooks(database)).toEqual([]);
  const tooLong = [...longestWaits(decided)].filter(([, waitMs]) => waitMs >= stallLimitMs);
  expect(tooLong, `products that stood still for ${stallLimitMs} ms or more`).toEqual([]);
}

describe("two processors and 300 orders a second over all partitions", () => {
  it("are restarted one after the other, first with a third beside them, then without", async () => {
    const [first, second] = [await tallyman.startProcessor(), await tallyman.startProcessor()];
    await untilShared(2);
    const load = startSteadyLoad({ url: () => api.url, productIds, perSecond });
    await sleep(500);

    const third = await tallyman.startProcessor();
    await untilShared(3);
    await stop(first);
    await untilShared(2);

    for (const old of [second, third]) {
      await stop(old);
      await untilShared(1);
      await tallyman.startProcessor();
      await untilShared(2);
    }
    await expectExact(load);
  });
});
