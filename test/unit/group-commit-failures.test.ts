import { setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { gather, makeChunk } from "../../src/processors/chunks.ts";
import { GroupCommit } from "../../src/processors/group-commit.ts";
import { Lease } from "../../src/processors/lease.ts";
import type { Chunk } from "../../src/processors/lease.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { DataRefused, StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { receiveStock, resumeProduct, uuidOf } from "../support/commands.ts";
import { simCodec } from "../simulation/sim-log.ts";

type Options = {
  readonly partitions: readonly number[];
  /** Changes what the group commit sees of the store. */
  readonly through?: (store: LedgerStore) => LedgerStore;
};

/** A group commit over leases that are fed by hand, and a store that a test can make worse. */
async function createGroup({ partitions, through = (store) => store }: Options) {
  const store = createMemoryLedgerStore();
  const leases = (await store.claim(partitions, "test")).map((claim) => new Lease(claim, limits.leaseProductsMax));
  const lost: number[] = [];
  const group = new GroupCommit(
    {
      store: through(store),
      codec: simCodec,
      sleep: () => turn(),
      log: pino({ level: "silent" }),
      metrics: createMetrics({ defaults: false }),
      limits,
    },
    () => leases,
    {
      settled: () => undefined,
      room: () => undefined,
      moment: () => nothingNoted,
      decided: () => undefined,
      recovered: () => undefined,
      lost: (lease) => {
        lost.push(lease.partition);
        lease.abort();
      },
    },
  );
  const leaseOf = (partition: number): Lease => {
    const lease = leases.find((each) => each.partition === partition);
    if (lease === undefined) throw new Error(`no lease of partition ${partition}`);
    return lease;
  };
  return { store, group, leaseOf, lost };
}

/** The commands at the offsets from `from` on. */
function chunk(lease: Lease, from: number, commands: readonly Command[]): Chunk {
  const { partition } = lease;
  const entries = commands.map((command, index) => ({ command, partition, offset: from + index }));
  return makeChunk({ lease, from, to: from + commands.length, entries, bytes: 1, last: null });
}

const delivery = (number: number, productId: string): Command =>
  receiveStock({ commandId: uuidOf(number), productId, quantity: 5 });

describe("a group that the store refuses for its data", () => {
  it("keeps as much of the store's reason as there is room for, and never half a character", async () => {
    const message = `${"x".repeat(limits.letterReasonCharsMax - "P0001 ".length - 1)}🙂`;
    const { store, group, leaseOf } = await createGroup({
      partitions: [0],
      through: (store) => ({
        ...store,
        commit: (write) =>
          write.lines.length > 0 ? Promise.reject(new DataRefused("P0001", message)) : store.commit(write),
      }),
    });
    leaseOf(0).ready.push(chunk(leaseOf(0), 0, [delivery(1, "a")]));
    await group.idle();
    const [letter] = store.deadLetters;
    expect(letter?.reason).toBe(`P0001 ${message.slice(0, -2)}\u{fffd}`);
    expect(letter?.reason).toHaveLength(limits.letterReasonCharsMax);
  });
});

describe("a group whose commits have no answer", () => {
  it("is nobody's trouble any more when another owner has its partitions", async () => {
    const { store, group, leaseOf, lost } = await createGroup({
      partitions: [0],
      through: (store) => ({ ...store, commit: () => Promise.reject(new StoreUnavailable("too slow")) }),
    });
    leaseOf(0).ready.push(chunk(leaseOf(0), 0, [delivery(1, "a")]));
    group.kick();
    await vi.waitFor(() => expect(group.troubles()).toEqual(["too slow"]));
    await store.claim([0], "another");
    await group.idle();
    expect(lost).toEqual([0]);
    expect(group.troubles()).toEqual([]);
  });

  it("keeps nobody else from being committed, neither those it began with nor those who come", async () => {
    const refusing =
      (partition: number) =>
      (store: LedgerStore): LedgerStore => ({
        ...store,
        commit: (write) =>
          write.advances.some((advance) => advance.partition === partition)
            ? Promise.reject(new StoreUnavailable("too slow"))
            : store.commit(write),
      });
    for (const stuck of [0, 1]) {
      const { store, group, leaseOf } = await createGroup({ partitions: [0, 1, 2], through: refusing(stuck) });
      for (const partition of [0, 1, 2]) {
        leaseOf(partition).ready.push(chunk(leaseOf(partition), 0, [delivery(partition + 1, `p${partition}`)]));
      }
      group.kick();
      const others = [0, 1, 2].filter((partition) => partition !== stuck);
      const stand = () => others.map((partition) => store.progressOf(partition).nextOffset);
      await vi.waitFor(() => expect(stand()).toEqual([1, 1]));
      for (const partition of others) {
        leaseOf(partition).ready.push(chunk(leaseOf(partition), 1, [delivery(partition + 11, `p${partition}`)]));
        group.kick();
      }
      await vi.waitFor(() => expect(stand()).toEqual([2, 2]));
      expect(group.troubles()).toEqual(["too slow"]);
      expect(store.progressOf(stuck).nextOffset).toBe(0);
      leaseOf(stuck).abort();
      await group.idle();
      expect(group.troubles()).toEqual([]);
    }
  });

  it("is not idle while it waits before the next try", async () => {
    let isAway = true;
    const { store, group, leaseOf } = await createGroup({
      partitions: [0],
      through: (store) => ({
        ...store,
        commit: (write) => (isAway ? Promise.reject(new StoreUnavailable("away")) : store.commit(write)),
      }),
    });
    leaseOf(0).ready.push(chunk(leaseOf(0), 0, [delivery(1, "a")]));
    const idle = group.idle();
    await vi.waitFor(() => expect(group.troubles()).toEqual(["away"]));
    expect(await Promise.race([idle.then(() => "idle"), turn("busy")])).toBe("busy");
    isAway = false;
    await idle;
    expect(store.progressOf(0).nextOffset).toBe(1);
  });
});

describe("what a group takes", () => {
  it("counts a resume as the commands that it may decide", async () => {
    const { group, leaseOf } = await createGroup({ partitions: [0] });
    const lease = leaseOf(0);
    const most = limits.resumeCommandsMax;
    const resumes = Array.from({ length: 25 }, (_, n) => resumeProduct({ commandId: uuidOf(n), commandsMax: most }));
    lease.ready.push(chunk(lease, 0, resumes));
    const taken = gather([lease], 0, limits);
    const perGroup = Math.floor(limits.groupCommandsMax / (1 + most));
    expect(taken.map(({ entries }) => entries.length)).toEqual([perGroup]);
    expect(lease.ready.map(({ entries }) => entries.length)).toEqual([25 - perGroup]);
    lease.ready.unshift(...taken);
    await group.idle();
    expect(lease.committed).toBe(25);
  });
});
