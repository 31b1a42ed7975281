import { afterAll, beforeAll, expect, test } from "vitest";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { createPostgresTopologyStore } from "../../src/stores/postgres/topology-store.ts";
import { StoreUnfit } from "../../src/stores/audit-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { group, step } from "./ledger-store-world.ts";

const databases: TestDatabase[] = [];
const stores: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  databases.push(await createTestDatabase(), await createTestDatabase({ migrated: false }));
});
afterAll(async () => {
  for (const store of stores) await store.close();
  for (const database of databases) await database[Symbol.asyncDispose]();
});

const poolOf = (database: TestDatabase | undefined) =>
  createPool({ url: database?.url ?? "", name: "contract", connectionsMax: 2, onIdleError: () => undefined });

test("each partition that was claimed: who has it, who waits, how far it is, and its last decision", async () => {
  const ledger = createPostgresLedgerStore(poolOf(databases[0]));
  const topology = createPostgresTopologyStore(poolOf(databases[0]));
  stores.push(ledger, topology);
  expect(await topology.partitions()).toEqual([]);

  const [, one] = await ledger.claim([0, 1, 2], "a");
  if (one === undefined) throw new Error("claimed nothing");
  const before = Date.now();
  const { decidedAt } = await ledger.commit(
    group({
      advances: [{ ...step(one, 9, 5), partition: 1 }],
      lines: [
        movementLine({ partition: 1, offset: 3 }),
        orderLine({ commandId: uuidOf(4), partition: 1, offset: 4 }),
        orderLine({ commandId: uuidOf(5), partition: 1, offset: 5 }),
      ],
    }),
  );
  await ledger.release([{ partition: 0, epoch: 1, effectsOffset: 0, decisionsOffset: 0 }]);
  await ledger.claim([2], "b", "free");
  await ledger.countFenced(new Map([[1, 3]]));

  const rows = await topology.partitions();
  const nothing = { owner: "a", epoch: 1, awaitedBy: null, nextOffset: 0, effectsOffset: 0, lastDecisionAt: null };
  expect(rows.map(({ claimedAt: _, ...row }) => row)).toEqual([
    { ...nothing, partition: 0, released: true, fencedCommits: 0 },
    { ...nothing, partition: 1, released: false, nextOffset: 9, effectsOffset: 5, lastDecisionAt: decidedAt, fencedCommits: 3 }, // prettier-ignore
    { ...nothing, partition: 2, released: false, awaitedBy: "b", fencedCommits: 0 },
  ]);
  for (const { claimedAt } of rows) expect(Math.abs(claimedAt - before)).toBeLessThan(60_000);

  await ledger.claim([0, 2], "b");
  const claimed = await topology.partitions();
  expect(claimed.map(({ owner, released, awaitedBy }) => [owner, released, awaitedBy])).toEqual([
    ["b", false, null],
    ["a", false, null],
    ["b", false, null],
  ]);
});

test("a database in which Tallyman never ran is not fit", async () => {
  const topology = createPostgresTopologyStore(poolOf(databases[1]));
  stores.push(topology);
  await expect(topology.partitions()).rejects.toBeInstanceOf(StoreUnfit);
});
