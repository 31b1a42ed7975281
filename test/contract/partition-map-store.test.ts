import { describe, expect, test } from "vitest";
import { createMemoryPartitionMapStore } from "../../src/stores/memory/partition-map-store.ts";
import type { PartitionMapStore } from "../../src/stores/partition-map-store.ts";
import { createPostgresPartitionMapStore } from "../../src/stores/postgres/partition-map-store.ts";
import { describePartitionMapStore } from "./partition-map-store.contract.ts";
import { useFileDatabase } from "./file-database.ts";

describePartitionMapStore("in memory", () => Promise.resolve(createMemoryPartitionMapStore()));

const database = useFileDatabase();

async function emptyStore(): Promise<PartitionMapStore> {
  await database.pool.query("truncate partition_map");
  return createPostgresPartitionMapStore(database.pool);
}

describePartitionMapStore("in PostgreSQL", emptyStore);

describe("PostgreSQL", () => {
  const growth = { toCount: 8, hurried: false };
  test.each<[string, Parameters<PartitionMapStore["change"]>[1]]>([
    ["another multiple", { partitionCount: 4, growth: { ...growth, phase: "holding", toCount: 6 } }],
    ["fewer partitions", { partitionCount: 4, growth: { ...growth, phase: "holding", toCount: 4 } }],
    ["a cut too few", { partitionCount: 4, growth: { ...growth, phase: "draining", cuts: [1, 2, 3] } }],
    ["no partition at all", { partitionCount: 0, growth: null }],
  ])("keeps no map with %s", async (_what, change) => {
    const store = await emptyStore();
    const before = await store.create(4);
    await expect(store.change(1, change)).rejects.toThrow(/partition_map/);
    expect(await store.read()).toEqual(before);
  });

  test("keeps one map at most", async () => {
    const store = await emptyStore();
    await store.create(4);
    await expect(
      database.pool.query("insert into partition_map (only_row, partition_count) values (false, 8)"),
    ).rejects.toThrow(/partition_map/);
  });
});
