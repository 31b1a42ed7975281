import { describe, expect, it } from "vitest";
import { partitionWhenFree } from "../../src/command-line/partition-when-free.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { Growth } from "../../src/stores/partition-map-store.ts";
import { createMemoryPartitionMapStore } from "../../src/stores/memory/partition-map-store.ts";

/** "a" stays where it is when 2 partitions become 4, "c" moves from 0 to 2. */
const [stays, moves] = ["a", "c"];

async function createWorld() {
  const maps = createMemoryPartitionMapStore(() => 0);
  await maps.create(2);
  let time = 0;
  const stop = new AbortController();
  const slept: (() => unknown)[] = [];
  const set = async (partitionCount: number, growth: Growth | null): Promise<void> => {
    await maps.change(maps.current()?.version ?? 0, { partitionCount, growth });
  };
  const deps = {
    maps,
    now: () => time,
    sleep: async (ms: number) => {
      time += ms;
      await slept.shift()?.();
    },
    signal: stop.signal,
    limits: { mapLookMs: 250, operatorHoldMs: 1_000 },
  };
  const find = (productId = ""): Promise<number> => partitionWhenFree(deps, productId);
  return { deps, set, find, slept, stop, waited: () => time };
}

const growing = { toCount: 4, hurried: false };

describe("where an operator's command is sent", () => {
  it("is the product's home by the map, at once where it does not move", async () => {
    const { set, find, waited } = await createWorld();
    expect([partitionOf("a", 2), partitionOf("c", 2), partitionOf("c", 4)]).toEqual([0, 0, 2]);
    expect(await find(moves)).toBe(0);
    await set(2, { ...growing, phase: "preparing" });
    expect(await find(moves)).toBe(0);
    await set(2, { ...growing, phase: "holding" });
    expect(await find(stays)).toBe(0);
    await set(4, null);
    expect(await find(moves)).toBe(2);
    expect(waited()).toBe(0);
  });

  it("is waited for while the product moves", async () => {
    const { set, find, slept, waited } = await createWorld();
    await set(2, { ...growing, phase: "holding" });
    slept.push(
      () => set(2, { ...growing, phase: "draining", cuts: [5, 5] }),
      () => set(4, null),
    );
    expect(await find(moves)).toBe(2);
    expect(waited()).toBe(500);
  });

  it("is not found when that takes too long, when the operator stops it, or without a map", async () => {
    const { deps, set, find, slept, stop } = await createWorld();
    await set(2, { ...growing, phase: "holding" });
    await expect(find(moves)).rejects.toThrow("c is moving to another partition");
    slept.push(() => stop.abort(new Error("stopped")));
    await expect(find(moves)).rejects.toThrow("stopped");
    const none = { ...deps, maps: createMemoryPartitionMapStore() };
    await expect(partitionWhenFree(none, "a")).rejects.toThrow("no partition map");
  });
});
