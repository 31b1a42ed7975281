import { pino } from "pino";
import { expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { decideGroup } from "../../src/processors/decide-group.ts";
import { Effects } from "../../src/processors/effects.ts";
import { chunkOf } from "../../src/processors/intake.ts";
import { Lease } from "../../src/processors/lease.ts";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { receiveStock, uuidOf } from "../support/commands.ts";

const nothing = { stock: new Map(), parked: new Set<string>(), lines: new Map(), stockAtVersion: new Map() };
const groupsMax = 50;

it("a lease that is behind gets its turn while the queue never runs empty", async () => {
  const store = createMemoryLedgerStore();
  const leaseOf = (partition: number): Lease =>
    new Lease(
      { partition, epoch: 1, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null },
      limits.leaseProductsMax,
    );
  const [behind, busy] = [leaseOf(0), leaseOf(1)];
  behind.committed = 1;
  const told: number[] = [];

  /** One more group of the busy lease, as its commit would hand it over. */
  const commit = (): void => {
    const offset = busy.committed;
    const command = receiveStock({ commandId: uuidOf(offset + 1) });
    const entries = [{ command, partition: busy.partition, offset }];
    const intake = { from: offset, to: offset + 1, bytes: 1, entries, unlearned: [], last: null };
    busy.committed += 1;
    effects.decided(
      decideGroup(entries, {
        base: () => undefined,
        found: nothing,
        waiting: new Map(),
        encode: () => Buffer.alloc(0),
      }),
      [chunkOf(busy, intake)],
      { decidedAt: 0 },
      effects.moment(),
    );
  };
  const effects = new Effects(
    {
      store,
      cache: {
        apply: (written) => {
          told.push(...written.map(({ partition }) => partition));
          if (busy.committed < groupsMax) commit();
          return Promise.resolve({ fenced: [], now: nothingNoted });
        },
        publish: () => Promise.resolve(),
      },
      partitionCount: () => 2,
      sleep: () => Promise.resolve(),
      log: pino({ level: "silent" }),
      metrics: createMetrics({ defaults: false }),
      limits,
    },
    () => undefined,
  );

  commit();
  effects.behind(behind);
  await effects.idle();
  expect(busy.effects.done).toBe(groupsMax);
  expect(behind.effects.done).toBe(1);
  expect(told.indexOf(behind.partition)).toBeLessThan(5);
});
