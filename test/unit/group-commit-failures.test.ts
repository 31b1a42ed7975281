import { setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { makeChunk } from "../../src/processors/chunks.ts";
import { GroupCommit } from "../../src/processors/group-commit.ts";
import { Lease } from "../../src/processors/lease.ts";
import type { Chunk } from "../../src/processors/lease.ts";
import type { Command } from "../../src/schemas/commands.ts";
import { DataRefused, StoreUnavailable } from "../../src/stores/ledger-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { receiveStock, uuidOf } from "../support/commands.ts";
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
    await vi.waitFor(() => expect(group.trouble()).toBe("too slow"));
    await store.claim([0], "another");
    await group.idle();
    expect(lost).toEqual([0]);
    expect(group.trouble()).toBeUndefined();
  });
});
