import type pg from "pg";
import { StoreUnavailable } from "../ledger-store.ts";
import type { Growth, PartitionMap, PartitionMapStore } from "../partition-map-store.ts";
import { int8Array } from "./binary-arrays.ts";
import { createQuery } from "./reads/query.ts";
import { changeMapSql, createMapSql, readMapSql } from "./statements/partition-map.ts";

type MapRow = {
  version: number;
  partition_count: number;
  phase: "stable" | Growth["phase"];
  to_count: number | null;
  hurried: boolean;
  cuts: string[] | null;
  changed_at: Date;
};

/** `pool` stays the caller's; its int8 must come as numbers, as `createPool` has it. */
export function createPostgresPartitionMapStore(pool: pg.Pool): PartitionMapStore {
  const query = createQuery(pool);
  const read = async (): Promise<PartitionMap | null> => {
    const [row] = await query<MapRow>(readMapSql, []);
    return row === undefined ? null : mapOf(row);
  };
  return {
    read,
    create: async (partitionCount) => {
      await query(createMapSql, [partitionCount]);
      const map = await read();
      if (map === null) throw new StoreUnavailable("the partition map was there and is gone");
      return map;
    },
    change: async (version, { partitionCount, growth }) => {
      const cuts = growth?.phase === "draining" ? int8Array(growth.cuts) : null;
      const grows = [growth?.phase ?? "stable", growth?.toCount ?? null, growth?.hurried ?? false, cuts];
      const [row] = await query<MapRow>(changeMapSql, [version, partitionCount, ...grows]);
      return row === undefined ? null : mapOf(row);
    },
  };
}

function mapOf({ version, partition_count, phase, to_count, hurried, cuts, changed_at }: MapRow): PartitionMap {
  const map = { version, partitionCount: partition_count, changedAt: changed_at.getTime() };
  if (phase === "stable" || to_count === null) return { ...map, growth: null };
  const growth = { toCount: to_count, hurried };
  if (phase !== "draining") return { ...map, growth: { ...growth, phase } };
  return { ...map, growth: { ...growth, phase, cuts: (cuts ?? []).map(Number) } };
}
