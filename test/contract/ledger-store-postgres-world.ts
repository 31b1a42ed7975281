import assert from "node:assert/strict";
import type pg from "pg";
import type { Hand } from "../../src/stores/memory/ledger-store.ts";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { letterColumns, letterOf } from "../../src/stores/postgres/letter-rows.ts";
import type { LetterRow } from "../../src/stores/postgres/letter-rows.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

/** The ledger store over `url`, whose database it empties first. `ownPool` is the store's, `pool` the test's. */
export async function createPostgresWorld(
  url: string,
): Promise<LedgerWorld & { readonly pool: pg.Pool; readonly ownPool: pg.Pool }> {
  const newPool = (name: string) =>
    createPool({ url, name, connectionsMax: 6, onIdleError: (error) => idleErrors.push(error) });
  const idleErrors: Error[] = [];
  const pool = newPool("contract test");
  const ownPool = newPool("contract");
  const store = createPostgresLedgerStore(ownPool);
  await pool.query("truncate stock, partitions, ledger, dead_letters, fulfilment_steps");
  const rows = async (sql: string) => (await pool.query<Record<string, unknown>>(sql)).rows;
  return {
    store,
    pool,
    ownPool,
    everything: async () => ({
      partitions: await rows("select * from partitions order by partition"),
      stock: await rows("select * from stock order by product_id"),
      ledger: await rows("select * from ledger order by command_id"),
      deadLetters: await rows('select * from dead_letters order by "partition", "offset"'),
    }),
    deadLetters: async () => {
      const { rows: letters } = await pool.query<LetterRow>(
        `select ${letterColumns} from dead_letters order by "partition", "offset"`,
      );
      return letters.map(letterOf);
    },
    hand: async (partition) => {
      const { rows: hands } = await pool.query<Hand>(
        `select owner, released_epoch as "releasedEpoch", awaited_epoch as "awaitedEpoch", awaited_by as "awaitedBy",
                fenced_commits as "fencedCommits" from partitions where partition = $1`,
        [partition],
      );
      assert(hands[0] !== undefined, "the partition was claimed");
      return hands[0];
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await pool.end();
    },
  };
}

/** Waits until a statement of the store waits for a lock; returns the process id of its backend. */
export async function waitingForLock(pool: pg.Pool): Promise<number> {
  for (;;) {
    const { rows } = await pool.query<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'contract' and wait_event_type = 'Lock'`,
    );
    const [row] = rows;
    if (row !== undefined) return row.pid;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
