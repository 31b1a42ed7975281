import pg from "pg";
import { StoreUnfit } from "../audit-store.ts";
import { StoreUnavailable } from "../ledger-store.ts";
import type { TopologyStore } from "../topology-store.ts";
import { createQuery } from "./reads/query.ts";
import { topologySql } from "./statements/topology.ts";

type Row = {
  partition: number;
  owner: string;
  epoch: number;
  claimed_at: Date;
  released: boolean;
  awaited_by: string | null;
  next_offset: number;
  effects_offset: number;
  fenced_commits: number;
  decided_at: Date | null;
};

/** Takes over `pool`: `close` ends it. */
export function createPostgresTopologyStore(pool: pg.Pool): TopologyStore {
  const query = createQuery(pool);
  return {
    partitions: async () => {
      const rows = await query<Row>(topologySql, []).catch(rethrow);
      return rows.map((row) => ({
        partition: row.partition,
        owner: row.owner,
        epoch: row.epoch,
        claimedAt: row.claimed_at.getTime(),
        released: row.released,
        awaitedBy: row.awaited_by,
        nextOffset: row.next_offset,
        effectsOffset: row.effects_offset,
        lastDecisionAt: row.decided_at?.getTime() ?? null,
        fencedCommits: row.fenced_commits,
      }));
    },
    close: () => pool.end(),
  };
}

/** 42P01 and 42703: no such table, no such column; another version's, or nobody's. */
function rethrow(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof pg.DatabaseError && (error.code === "42P01" || error.code === "42703")) {
    throw new StoreUnfit(`the database has not what this version of Tallyman reads: ${message}`, { cause: error });
  }
  throw new StoreUnavailable(`PostgreSQL did not answer as it should: ${message}`, { cause: error });
}
