import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { makeChunk } from "../../src/processors/chunks.ts";
import { GroupCommit } from "../../src/processors/group-commit.ts";
import { Lease } from "../../src/processors/lease.ts";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { logged, placeOrder, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

/** A store whose commits are held until the test lets them go, one by one. */
function heldStore(store: LedgerStore) {
  const waiting: { readonly partitions: readonly number[]; readonly go: () => void }[] = [];
  const held: LedgerStore = {
    ...store,
    commit: async (group) => {
      const partitions = group.advances.map(({ partition }) => partition);
      await new Promise<void>((go) => waiting.push({ partitions, go }));
      return store.commit(group);
    },
  };
  const next = async () => {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    const first = waiting.shift();
    first?.go();
    return first?.partitions;
  };
  const release = (partition: number): void => {
    const index = waiting.findIndex(({ partitions }) => partitions.includes(partition));
    waiting.splice(index, 1)[0]?.go();
  };
  return { held, waiting, next, release };
}

function groupCommitOver(store: LedgerStore, leases: readonly Lease[], lost: number[] = []): GroupCommit {
  return new GroupCommit(
    {
      store,
      codec: simCodec,
      sleep: () => Promise.resolve(),
      log: pino({ level: "silent" }),
      metrics: createMetrics({ defaults: false }),
      limits: { ...limits, furtherGroupCommandsMin: 1 },
    },
    () => leases,
    {
      settled: () => undefined,
      room: () => undefined,
      moment: () => nothingNoted,
      decided: () => undefined,
      recovered: () => undefined,
      lost: ({ partition }) => lost.push(partition),
    },
  );
}

it("a group that the store can't take in its time is halved until it can, and every part is committed in order", async () => {
  const store = createMemoryLedgerStore();
  const sizes: number[] = [];
  const slow: LedgerStore = {
    ...store,
    commit: (group) => {
      sizes.push(group.lines.length);
      return group.lines.length > 600
        ? Promise.reject(new StoreUnavailable("57014 canceling statement due to transaction timeout"))
        : store.commit(group);
    },
  };
  const [lease] = (await store.claim([0], "test")).map((claim) => new Lease(claim, limits.leaseProductsMax));
  if (lease === undefined) throw new Error("claimed nothing");
  const entries = Array.from({ length: 2_000 }, (_, at) => logged(placeOrder({ commandId: uuidOf(at + 1) }), at));
  lease.records = entries.length;
  lease.ready.push(makeChunk({ lease, from: 0, to: 2_000, entries, bytes: 1, last: null }));
  const group = groupCommitOver(slow, [lease]);
  await group.idle();
  expect(lease.committed).toBe(2_000);
  expect(sizes).toEqual([2_000, 2_000, 2_000, 1_000, 1_000, 1_000, 500, 500, 1_000, 1_000, 1_000, 500, 500]);
  expect((await store.linesBetween(0, 0, 2_000, 2_000)).map(({ offset }) => offset)).toEqual(
    entries.map((_, at) => at),
  );
});

it("a lease that left a halved group early belongs to the group that took it next, until that one ends", async () => {
  const store = createMemoryLedgerStore({ refuses: ({ customerId }) => customerId === "unlucky" });
  const { held, waiting, next, release } = heldStore(store);
  const leases = (await store.claim([0, 1], "test")).map((claim) => new Lease(claim, limits.leaseProductsMax));
  const [zero, one] = leases;
  if (zero === undefined || one === undefined) throw new Error("claimed nothing");
  let ids = 0;
  const bring = (lease: Lease, customerId: string | null = null): void => {
    const at = lease.tail;
    const command = placeOrder({ commandId: uuidOf(++ids), productId: `p${lease.partition}`, customerId });
    const entries = [logged(command, at, lease.partition)];
    lease.tail += 1;
    lease.records += 1;
    lease.ready.push(makeChunk({ lease, from: at, to: at + 1, entries, bytes: 1, last: null }));
  };
  const lost: number[] = [];
  const group = groupCommitOver(held, leases, lost);
  // The first group begins with the second lease: its half is committed first.
  bring(one);
  bring(zero, "unlucky");
  group.kick();
  expect((await next())?.toSorted()).toEqual([0, 1]); // Refused: halved by partitions.
  expect(await next()).toEqual([1]); // The good half: partition 1 is free again.
  await expect.poll(() => one.committed).toBe(1);
  bring(one);
  group.kick();
  const inFlight = () => waiting.flatMap(({ partitions }) => partitions).toSorted();
  await expect.poll(inFlight).toEqual([0, 1]); // The culprit, and a group of its own for what came.
  release(0); // Refused alone: its product parks.
  await expect.poll(inFlight).toEqual([0, 1]);
  release(0); // The first group ends, while the second still has partition 1.
  await expect.poll(() => zero.committed).toBe(1);
  bring(one);
  group.kick();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(inFlight()).toEqual([1]);
  expect(await next()).toEqual([1]);
  expect(await next()).toEqual([1]);
  await group.idle();
  expect([zero.committed, one.committed, lost]).toEqual([1, 3, []]);
  expect([...store.parked.keys()]).toEqual(["p0"]);
});
