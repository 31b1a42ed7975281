import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { attempt } from "../../src/processors/group-attempt.ts";
import { makeChunk } from "../../src/processors/chunks.ts";
import { DecisionsOutlet } from "../../src/processors/decisions-outlet.ts";
import { Lease } from "../../src/processors/lease.ts";
import type { Decisions } from "../../src/schemas/decisions.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { receiveStock, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

const partitionCount = 4;

/** An owner of partition 0 and a decisions topic; `gate` is awaited by each append, and refuses it by rejecting. */
function createOwner(bounds: Partial<Record<keyof typeof limits, number>> = {}) {
  let nowMs = 0;
  const store = createMemoryLedgerStore({ now: () => ++nowMs });
  const world: { gate: () => Promise<void>; appends: (readonly AppendRecord[])[] } = {
    gate: () => Promise.resolve(),
    appends: [],
  };
  const metrics = createMetrics({ defaults: false });
  const open = async () => {
    const [claim] = await store.claim([0], "test");
    if (claim === undefined) throw new Error("a claim was expected");
    const lease = new Lease(claim, limits.leaseProductsMax);
    const deps = {
      sleep: () => new Promise<void>((resolve) => void setImmediate(resolve)),
      log: pino({ level: "silent" }),
      metrics,
      limits: { ...limits, ...bounds },
    };
    const outlet = new DecisionsOutlet(deps, {
      partitionCount,
      ledger: store,
      encode: (decisions) => Buffer.from(JSON.stringify(decisions)),
      append: async (records) => {
        await world.gate();
        world.appends.push(records);
        return records.map(() => 0);
      },
    });
    let commands = lease.committed;
    const commit = async (...productIds: readonly string[]) => {
      const from = lease.committed;
      const entries = productIds.map((productId, index) => {
        const command = receiveStock({ commandId: uuidOf(++commands), productId, quantity: 1 });
        return { command, partition: 0, offset: from + index };
      });
      const chunk = makeChunk({ lease, from, to: from + entries.length, entries, bytes: 1, last: null });
      const tried = { chunks: [chunk], locked: true, watchDuplicates: false };
      const { group, receipt } = await attempt({ store, codec: simCodec, metrics }, tried);
      lease.committed += entries.length;
      outlet.decided(group, [chunk], receipt);
    };
    return { lease, outlet, commit };
  };
  const told = () =>
    world.appends.flat().map(({ value }) => {
      const { productId, decisions } = JSON.parse(value?.toString() ?? "") as Decisions;
      return [productId, ...decisions.map(({ offset }) => offset)];
    });
  return { store, world, open, told, metrics };
}

const away = () => Promise.reject(new Error("the topic is away"));

it("one record a product and commit is told, keyed by the product, in the partition that is its own of this topic", async () => {
  const { world, open, told } = createOwner();
  const { lease, outlet, commit } = await open();
  await commit("p1", "p2", "p1");
  await commit("p1");
  await outlet.idle();
  expect(told()).toEqual([["p1", 0, 2], ["p2", 1], ["p1", 3]]); // prettier-ignore
  for (const { key, partition } of world.appends.flat())
    expect(partition).toBe(partitionOf(String(key), partitionCount));
  expect(lease.decisions.done).toBe(4);
  expect(lease.effects.done).toBe(0);
});

it("what could not be told is read back, in its order and before what comes later, and done only then", async () => {
  const { world, open, told, metrics } = createOwner({ retryDelayMsMin: 0 });
  const { lease, outlet, commit } = await open();
  let refusals = 3;
  world.gate = () => (refusals-- > 0 ? away() : Promise.resolve());
  await commit("p1");
  await commit("p1", "p2");
  await new Promise((resolve) => void setImmediate(resolve));
  await commit("p1");
  expect(lease.decisions.done).toBe(0);
  await outlet.idle();
  expect(
    told()
      .filter(([productId]) => productId === "p1")
      .flatMap(([, ...offsets]) => offsets),
  ).toEqual([0, 1, 3]);
  expect(lease.decisions.done).toBe(4);
  expect((await metrics.decisionsFailures.get()).values[0]?.value).toBe(3);
  expect((await metrics.decisionsTold.get()).values[0]?.value).toBe(4);
});

it("a new owner reads back what the one before has not told, page by page, and no page ends within a commit", async () => {
  const { world, store, open, told } = createOwner({ decisionsReplayLinesMax: 3 });
  const first = await open();
  world.gate = away;
  for (const products of [["p1"], ["p1", "p2"], ["p1", "p2", "p1", "p2", "p1"], ["p2"]])
    await first.commit(...products);
  first.lease.abort();
  world.gate = () => Promise.resolve();
  await first.outlet.idle();
  expect(told()).toEqual([]);
  await store.saveDecisionsOffset([{ partition: 0, epoch: 1, decisionsOffset: 1 }]);
  const { lease, outlet } = await open();
  outlet.behind(lease);
  await outlet.idle();
  expect(told()).toEqual([["p1", 1], ["p2", 2], ["p1", 3, 5, 7], ["p2", 4, 6], ["p2", 8]]); // prettier-ignore
  expect(lease.decisions.done).toBe(9);
});

it("an append carries no more records and bytes than its bounds, one append at a time", async () => {
  const { world, open, told } = createOwner({ decisionsBatchRecordsMax: 2, decisionsPerRecordMax: 3 });
  const { outlet, commit } = await open();
  let inFlight = 0;
  world.gate = async () => {
    expect((inFlight += 1)).toBe(1);
    await new Promise((resolve) => void setImmediate(resolve));
    inFlight -= 1;
  };
  await commit("p1", "p1", "p1", "p1", "p1", "p2", "p3");
  await outlet.idle();
  expect(world.appends.map((records) => records.length)).toEqual([2, 2]);
  expect(told()).toEqual([["p1", 0, 1, 2], ["p1", 3, 4], ["p2", 5], ["p3", 6]]); // prettier-ignore
  const small = createOwner({ decisionsBatchBytesMax: 700 });
  const owner = await small.open();
  await owner.commit("p1", "p2", "p3");
  await owner.outlet.idle();
  expect(small.world.appends.map((records) => records.length)).toEqual([2, 1]);
});
