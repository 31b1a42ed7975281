import assert from "node:assert/strict";
import { afterAll, beforeAll } from "vitest";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { describeLedgerStore } from "./ledger-store.contract.ts";
import { createPostgresWorld } from "./ledger-store-postgres-world.ts";

describeLedgerStore("in memory", () => {
  const store = createMemoryLedgerStore();
  const partitions = Array.from({ length: 12 }, (_, partition) => partition);
  return Promise.resolve({
    store,
    everything: () =>
      Promise.resolve(
        structuredClone({
          progress: partitions.map((partition) => store.progressOf(partition)),
          stock: store.stock,
          lines: store.lines,
          deadLetters: store.deadLetters,
          parked: store.parked,
        }),
      ),
    deadLetters: () => Promise.resolve(store.deadLetters.map(({ outcome: _, ...letter }) => letter)),
    hand: (partition) => {
      const hand = store.hand(partition);
      assert(hand !== undefined, "the partition was claimed");
      return Promise.resolve({ ...hand });
    },
    [Symbol.asyncDispose]: () => store.close(),
  });
});

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

describeLedgerStore("in PostgreSQL", () => createPostgresWorld(database.url));
