import { describe, expect, test } from "vitest";
import { LogRefused } from "../../src/log/log-admin.ts";
import { join, numbers, record, untilShared } from "./log-world.ts";
import type { LogWorld, MakeLogWorld } from "./log-world.ts";

/** Brokers learn of new partitions one after the other: asked again until each of them says so many. */
async function untilCounted(world: LogWorld, count: number): Promise<void> {
  for (;;) {
    const counts = await world.admin.partitionCounts();
    if (counts.every((each) => each === count)) return;
    // None ever says anything that it was not told to be.
    expect(counts.every((each) => each <= count)).toBe(true);
    const state = { hasPassed: false };
    void world.quiet().then(() => (state.hasPassed = true));
    await world.until("some time has passed", () => state.hasPassed);
  }
}

export function describeLogAdmin(makeWorld: MakeLogWorld): void {
  describe("who looks at the log", () => {
    test("sees where each partition begins and ends, also what nobody is shown", async () => {
      await using world = await makeWorld(3);
      expect(Object.fromEntries(await world.inspector.ends())).toEqual({
        0: { low: 0, high: 0 },
        1: { low: 0, high: 0 },
        2: { low: 0, high: 0 },
      });
      await world.appender.append([...numbers(0, 3), record(2, "a")]);
      await world.appendTransaction(numbers(0, 2), "commit");
      await world.appendTransaction([record(1, "never")], "abort");
      expect(Object.fromEntries(await world.inspector.ends())).toEqual({
        0: { low: 0, high: 6 },
        1: { low: 0, high: 2 },
        2: { low: 0, high: 1 },
      });
      await world.appender.append([record(2, "b")]);
      expect((await world.inspector.ends()).get(2)).toEqual({ low: 0, high: 2 });
    });

    test("sees partitions that were added, and what lies in them, at once", async () => {
      await using world = await makeWorld(1);
      expect((await world.inspector.ends()).size).toBe(1);
      await world.appender.append([record(0, "a")]);
      await world.admin.addPartitions(3);
      await untilCounted(world, 3);
      expect([...(await world.inspector.ends()).keys()].toSorted()).toEqual([0, 1, 2]);
      const [offset = Infinity] = await world.appender.append([record(2, "b")]);
      expect((await world.inspector.ends()).get(2)).toEqual({ low: 0, high: offset + 1 });
    });
  });

  describe("partitions", () => {
    test("are counted by each broker, and added once", async () => {
      await using world = await makeWorld(2);
      await untilCounted(world, 2);
      await world.admin.checkPartitions(4);
      await world.quiet();
      await untilCounted(world, 2);
      await world.admin.addPartitions(4);
      await untilCounted(world, 4);
      const [offset = Infinity] = await world.appender.append([record(3, "a")]);
      for (const count of [4, 3, 2]) await world.admin.addPartitions(count);
      await world.admin.checkPartitions(4);
      await world.quiet();
      await untilCounted(world, 4);
      expect((await world.inspector.ends()).get(3)).toEqual({ low: 0, high: offset + 1 });
    });

    test("are added by several at once", async () => {
      await using world = await makeWorld(1);
      await Promise.all([4, 4, 4].map((count) => world.admin.addPartitions(count)));
      await untilCounted(world, 4);
      expect((await world.inspector.ends()).size).toBe(4);
    });

    test("are not added where the log does not allow it", async () => {
      await using world = await makeWorld(2);
      await expect(world.admin.checkPartitions(100_000)).rejects.toBeInstanceOf(LogRefused);
      await expect(world.admin.addPartitions(100_000)).rejects.toBeInstanceOf(LogRefused);
      await untilCounted(world, 2);
      expect((await world.inspector.ends()).size).toBe(2);
    });

    test("that are new are shared out, and nobody loses one; they take records, and these are read", async () => {
      await using world = await makeWorld(4);
      const members = [await join(world, "a"), await join(world, "b")];
      await untilShared(world, members, 4);
      const before = members.map(({ owned }) => owned);
      await world.admin.addPartitions(8);
      const offsets = await world.appender.append([record(7, "a"), record(4, "b"), record(7, "c")]);
      await untilShared(world, members, 8);
      for (const [index, { owned }] of members.entries()) expect(owned).toEqual(expect.arrayContaining([...(before[index] ?? [])])); // prettier-ignore
      const valueAt = (partition: number, offset: number | undefined): string | undefined =>
        members
          .flatMap((member) => member.rangesOf(partition).flatMap(({ records }) => records))
          .find((each) => each.offset === offset)
          ?.value?.toString();
      // Kafka may have it twice where a leader was not ready yet (P18): it is where the log said, if not only there.
      const found = (): unknown[] => [7, 4, 7].map((partition, index) => valueAt(partition, offsets[index]));
      await world.until("it is read", () => !found().includes(undefined));
      expect(found()).toEqual(["a", "b", "c"]);
    });
  });
}
