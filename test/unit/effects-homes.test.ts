import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { attempt } from "../../src/processors/group-attempt.ts";
import { makeChunk } from "../../src/processors/chunks.ts";
import { Effects } from "../../src/processors/effects.ts";
import { Lease } from "../../src/processors/lease.ts";
import type { CacheMoment } from "../../src/stores/effects-cache.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { receiveStock, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

const metrics = createMetrics({ defaults: false });
/** At home on partition 1 of 2, and on 3 of 4. */
const productId = "f";

/** Two owners with effects of their own, over one ledger and one cache; what each commits is told when the test says. */
function createOwners() {
  const store = createMemoryLedgerStore();
  const cache = createMemoryCache({ now: () => 0 });
  const world = { partitionCount: 2 };
  let commands = 0;
  const open = async (partition: number) => {
    const [claim] = await store.claim([partition], "test");
    if (claim === undefined) throw new Error("a claim was expected");
    const lease = new Lease(claim, limits.leaseProductsMax);
    const effects = new Effects(
      {
        store,
        cache: cache.effectsCache(() => Promise.resolve(true)),
        partitionCount: () => world.partitionCount,
        sleep: () => Promise.resolve(),
        log: pino({ level: "silent" }),
        metrics,
        limits,
      },
      () => undefined,
    );
    /** Commits one more unit of the product; returns how to tell it. */
    const deliver = async (noted: CacheMoment = effects.moment()) => {
      const offset = lease.committed;
      const command = receiveStock({ commandId: uuidOf(++commands), productId, quantity: 1 });
      const entries = [{ command, partition, offset }];
      const chunk = makeChunk({ lease, from: offset, to: offset + 1, entries, bytes: 1, last: null });
      const tried = { chunks: [chunk], locked: true, watchDuplicates: false };
      const { group, receipt } = await attempt({ store, codec: simCodec, metrics }, tried);
      lease.committed += 1;
      return async () => {
        effects.decided(group, [chunk], receipt, noted);
        await effects.idle();
        expect(lease.effects.done).toBe(lease.committed);
      };
    };
    return { lease, effects, deliver };
  };
  return { store, cache, world, open, units: () => store.stock.get(productId)?.quantity };
}

it("a quantity that was decided before the cache was emptied is read back, with what others have decided since", async () => {
  const { cache, open, units } = createOwners();
  const [home, other] = [await open(1), await open(0)];
  for (const owner of [home, other]) await (await owner.deliver())();
  const noted = home.effects.moment();
  const tellHome = await home.deliver(noted);
  await (
    await other.deliver()
  )();
  cache.flush();
  // Something else of the home's is told in between, and its effects know the emptied cache.
  home.effects.behind(home.lease);
  await home.effects.idle();
  expect(cache.quantityOf(productId)).toBe(4);
  cache.lose(productId);
  home.lease.effects.done = 1;
  home.lease.effects.queued = 1;
  await tellHome();
  expect(units()).toBe(4);
  expect(cache.quantityOf(productId)).toBe(4);
});

it("the home's owner writes a product's quantity, any other takes it away, and homes follow the map", async () => {
  const { cache, world, open, units } = createOwners();
  expect([2, 4].map((count) => partitionOf(productId, count))).toEqual([1, 3]);
  const [home, other] = [await open(1), await open(3)];
  const decide = async ({ deliver }: typeof home): Promise<void> => (await deliver())();
  for (const decisions of [1, 2, 2]) {
    // What another owner has taken away is there again with the first decision that is noted after the home has heard of it.
    for (let count = 0; count < decisions; count++) await decide(home);
    expect(cache.quantityOf(productId)).toBe(units());
    await decide(other);
    expect(cache.quantityOf(productId)).toBeUndefined();
  }
  world.partitionCount = 4;
  await decide(other);
  expect(cache.quantityOf(productId)).toBe(units());
  for (let count = 0; count < 2; count++) {
    await decide(home);
    expect(cache.quantityOf(productId)).toBeUndefined();
  }
});
