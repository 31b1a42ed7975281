import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { makeChunk } from "../../src/processors/chunks.ts";
import { GroupCommit } from "../../src/processors/group-commit.ts";
import { Lease } from "../../src/processors/lease.ts";
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
  const group = new GroupCommit(
    {
      store: held,
      codec: simCodec,
      sleep: () => Promise.resolve(),
      log: pino({ level: "silent" }),
      metrics: createMetrics({ defaults: false }),
      limits: { ...limits, furtherGroupCommandsMin: 1 },
    },
    () => leases,
    {
      settled: () => undefined,
      decided: () => undefined,
      recovered: () => undefined,
      lost: ({ partition }) => lost.push(partition),
    },
  );
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
