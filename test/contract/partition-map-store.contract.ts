/** What every store of the partition map does. */
import { expect, describe, test } from "vitest";
import type { PartitionMap, PartitionMapChange, PartitionMapStore } from "../../src/stores/partition-map-store.ts";

/** Resolves with a store that is empty. */
export function describePartitionMapStore(where: string, emptyStore: () => Promise<PartitionMapStore>): void {
  const stable = (partitionCount: number): PartitionMapChange => ({ partitionCount, growth: null });
  const preparing: PartitionMapChange = {
    partitionCount: 4,
    growth: { phase: "preparing", toCount: 8, hurried: false },
  };
  const phases: PartitionMapChange[] = [
    preparing,
    { partitionCount: 4, growth: { phase: "preparing", toCount: 12, hurried: true } },
    { partitionCount: 4, growth: { phase: "holding", toCount: 8, hurried: false } },
    { partitionCount: 4, growth: { phase: "draining", toCount: 8, hurried: false, cuts: [0, 7, 2 ** 40, 1] } },
    stable(8),
  ];

  describe(`a partition map ${where}`, () => {
    test("is not there at first", async () => {
      const store = await emptyStore();
      expect(await store.read()).toBe(null);
      expect(await store.change(1, stable(4))).toBe(null);
      expect(await store.read()).toBe(null);
    });

    test("is made once: who comes later gets the one that is there", async () => {
      const store = await emptyStore();
      const [first, second] = await Promise.all([store.create(4), store.create(4)]);
      expect(first).toMatchObject({ version: 1, partitionCount: 4, growth: null });
      expect(second).toEqual(first);
      expect(await store.create(12)).toEqual(first);
      expect(await store.read()).toEqual(first);
    });

    test("comes back as it was written, a version higher each time", async () => {
      const store = await emptyStore();
      let before: PartitionMap = await store.create(4);
      for (const change of phases) {
        const after = await store.change(before.version, change);
        expect(after).toEqual({ ...change, version: before.version + 1, changedAt: expect.any(Number) as number });
        expect(await store.read()).toEqual(after);
        expect(after?.changedAt).toBeGreaterThanOrEqual(before.changedAt);
        before = after ?? before;
      }
    });

    test("is not changed by who has read an older version", async () => {
      const store = await emptyStore();
      await store.create(4);
      const changed = await store.change(1, preparing);
      expect(await store.change(1, stable(8))).toBe(null);
      expect(await store.change(3, stable(8))).toBe(null);
      expect(await store.read()).toEqual(changed);
    });

    test("is changed by one of many who have read the same version", async () => {
      const store = await emptyStore();
      await store.create(4);
      const all = await Promise.all(Array.from({ length: 5 }, () => store.change(1, preparing)));
      expect(all.filter((map) => map !== null)).toHaveLength(1);
      expect(await store.read()).toMatchObject({ version: 2 });
    });
  });
}
