import { describe, expect, test } from "vitest";
import { faultsOf, join, numbers, record } from "./log-world.ts";
import type { MakeLogWorld } from "./log-world.ts";

export function describeLogRanges(makeWorld: MakeLogWorld): void {
  describe("the ranges of a partition", () => {
    test("follow one another, partition by partition", async () => {
      await using world = await makeWorld(3);
      const reader = await join(world, "a");
      for (let round = 0; round < 4; round += 1) {
        await world.appender.append([0, 1, 2].flatMap((partition) => numbers(partition, 25, 25 * round)));
      }
      await world.until("all is read", () => [0, 1, 2].every((partition) => reader.reached(partition) === 100));
      for (const partition of [0, 1, 2]) {
        expect(faultsOf(reader.rangesOf(partition), 0)).toEqual([]);
        expect(reader.values(partition)).toEqual(numbers(partition, 100).map(({ value }) => String(value)));
      }
    });

    test("begin where it was sought, whatever was on its way", async () => {
      await using world = await makeWorld(1);
      const count = 2_000;
      const filler = "x".repeat(800);
      const records = Array.from({ length: count }, (_, index) => record(0, `${index} ${filler}`));
      await world.appender.append(records.slice(0, count / 2));
      await world.appender.append(records.slice(count / 2));
      const reader = await join(world, "a");
      await world.until("a range", () => reader.ranges.length > 0);
      for (let round = 1; round <= 12; round += 1) {
        const target = (round * 733) % count;
        reader.source.seek(0, target);
        const seen = reader.ranges.length;
        await world.until("the next range", () => reader.ranges.length > seen);
        expect(reader.ranges[seen]?.from).toBe(target);
        expect(reader.ranges[seen]?.records[0]?.value?.toString()).toBe(`${target} ${filler}`);
      }
    });

    test("begin where it was sought while a range was told", async () => {
      await using world = await makeWorld(1);
      await world.appender.append(numbers(0, 30));
      let isBack = false;
      const reader = await join(world, "a", (member) => {
        member.onFetched = () => {
          if (!isBack) member.source.seek(0, 1);
          isBack = true;
        };
      });
      await world.until("it is read again", () => reader.ranges.length > 1 && reader.reached(0) === 30);
      expect(faultsOf(reader.ranges.slice(0, 1), 0)).toEqual([]);
      expect(faultsOf(reader.ranges.slice(1), 1)).toEqual([]);
    });

    test("cover what nobody is shown: markers of transactions, and what was rolled back", async () => {
      await using world = await makeWorld(2);
      await world.appendTransaction([...numbers(0, 2), ...numbers(1, 1)], "commit");
      await world.appendTransaction(numbers(0, 2, 2), "abort");
      expect(await world.appender.append([record(0, "4"), record(1, "1")])).toEqual([6, 2]);
      const reader = await join(world, "a");
      await world.until("all is read", () => reader.reached(0) === 7 && reader.reached(1) === 3);
      expect([reader.values(0), reader.values(1)]).toEqual([["0", "1", "4"], ["0", "1"]]); // prettier-ignore
      for (const partition of [0, 1]) expect(faultsOf(reader.rangesOf(partition), 0)).toEqual([]);
    });

    test("are told, empty, where there is nothing but that", async () => {
      await using world = await makeWorld(1);
      const reader = await join(world, "a");
      await world.appendTransaction([record(0, "never")], "abort");
      await world.until("the marker", () => reader.reached(0) === 2);
      expect(reader.values(0)).toEqual([]);
      await world.appender.append([record(0, "after")]);
      await world.until("what came after", () => reader.reached(0) === 3);
      expect(reader.values(0)).toEqual(["after"]);
      expect(faultsOf(reader.ranges, 0)).toEqual([]);
    });

    test("begin at the log's beginning where it was sought above its end, and are told as they are", async () => {
      await using world = await makeWorld(1);
      await world.appender.append(numbers(0, 3));
      const reader = await join(world, "a", (member) => (member.onAssigned = () => member.read(0, 1_000)));
      await world.until("it is read", () => reader.reached(0) === 3);
      expect(faultsOf(reader.ranges, 0)).toEqual([]);
    });

    test("wait at the end for what comes next", async () => {
      await using world = await makeWorld(1);
      await world.appender.append(numbers(0, 3));
      const reader = await join(world, "a", (member) => (member.onAssigned = () => member.read(0, 3)));
      await world.quiet();
      expect(reader.ranges).toEqual([]);
      await world.appender.append([record(0, "3")]);
      await world.until("it is read", () => reader.reached(0) === 4);
      expect(reader.values(0)).toEqual(["3"]);
      expect(faultsOf(reader.ranges, 3)).toEqual([]);
    });
  });
}
