/**
 * Processors are restarted one after the other while orders come in: nothing is lost, nothing is decided twice, each one
 * leaves in time, and no product stands still for as long as a member that is gone is missed. What a restart costs on a
 * quiet machine, `npm run bench:restart` tells.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { longestWaits } from "../support/http-load.ts";
import { createSteadyWorld } from "../support/steady-world.ts";
import type { SteadyWorld } from "../support/steady-world.ts";

const perSecond = 300;
/** Less than the group's session of 6 s: a processor that ends without leaving the group is missed for longer. */
const stallLimitMs = 5_000;

let world: SteadyWorld;
beforeAll(async () => {
  world = await createSteadyWorld();
});
afterEach(() => world.endLoad());
afterAll(() => world[Symbol.asyncDispose]());

/** Resolves when each of the processors owns partitions, and nobody else does. */
async function untilShared(processorCount: number): Promise<void> {
  const owners = async (): Promise<number> => {
    const { rows } = await world.database.query<{ owner: string }>("select distinct owner from partitions");
    return rows.length;
  };
  await expect.poll(owners, { timeout: 30_000, interval: 50 }).toBe(processorCount);
}

describe("two processors and 300 orders a second over all partitions", () => {
  it("are restarted one after the other, first with a third beside them, then without", async () => {
    const { tallyman } = world;
    const [first, second] = await Promise.all([tallyman.startProcessor(), tallyman.startProcessor()]);
    await untilShared(2);
    const load = world.startLoad(perSecond);
    await sleep(500);

    const third = await tallyman.startProcessor();
    await untilShared(3);
    await world.stop(first);
    await untilShared(2);

    for (const old of [second, third]) {
      await world.stop(old);
      await untilShared(1);
      await tallyman.startProcessor();
      await untilShared(2);
    }
    const decided = await world.expectNothingLost();
    expect([...load.refusals], "every order is acknowledged at once, whatever processors do").toEqual([]);
    const tooLong = [...longestWaits(decided)].filter(([, waitMs]) => waitMs >= stallLimitMs);
    expect(tooLong, `products that stood still for ${stallLimitMs} ms or more`).toEqual([]);
  });
});
