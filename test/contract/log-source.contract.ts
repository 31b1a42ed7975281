import { describe, expect, test } from "vitest";
import { faultsOf, join, Member, numbers, record } from "./log-world.ts";
import type { MakeLogWorld } from "./log-world.ts";

const nothing = (): void => undefined;

export function describeLogSource(makeWorld: MakeLogWorld): void {
  describe("a reader", () => {
    test("is given its partitions paused: nothing comes of one that was not both sought and resumed", async () => {
      await using world = await makeWorld(4);
      await world.appender.append([0, 1, 2, 3].flatMap((partition) => numbers(partition, 5)));
      const reader = await join(world, "a", (member) => (member.onAssigned = nothing));
      expect(reader.assignments).toEqual([[0, 1, 2, 3]]);
      reader.source.seek(1, 2);
      reader.source.resume(2);
      await world.quiet();
      expect(reader.ranges).toEqual([]);
      reader.read(3, 1);
      await world.until("the one is read", () => reader.reached(3) === 5);
      await world.quiet();
      expect(reader.ranges.filter(({ partition }) => partition !== 3)).toEqual([]);
      reader.source.resume(1);
      reader.source.seek(2, 3);
      await world.until("the others are read", () => reader.reached(1) === 5 && reader.reached(2) === 5);
      expect([1, 2, 3].map((partition) => reader.values(partition))).toEqual([["2", "3", "4"], ["3", "4"], ["1", "2", "3", "4"]]); // prettier-ignore
      expect(reader.rangesOf(0)).toEqual([]);
    });

    test("is told of its partitions before anything of them", async () => {
      await using world = await makeWorld(2);
      await world.appender.append([...numbers(0, 3), ...numbers(1, 3)]);
      const reader = new Member(world, "a");
      const early: unknown[] = [];
      reader.onFetched = (range) => {
        if (!reader.owned.includes(range.partition)) early.push(range);
      };
      // Before it has anything: none of these does anything, nor later.
      for (const partition of [0, 1, 2]) {
        reader.source.pause(partition);
        reader.read(partition, 2);
      }
      await reader.start();
      for (const partition of [0, 1, 2]) reader.read(partition, 2);
      await world.until("it is read", () => reader.reached(0) === 3 && reader.reached(1) === 3);
      expect(early).toEqual([]);
      for (const partition of [0, 1]) expect(faultsOf(reader.rangesOf(partition), 0)).toEqual([]);
    });

    test("may ask for partitions that it does not have, and gets nothing", async () => {
      await using world = await makeWorld(1);
      await world.appender.append(numbers(0, 2));
      const reader = await join(world, "a");
      reader.source.pause(7);
      reader.read(7, 0);
      await world.until("its own is read", () => reader.reached(0) === 2);
      await world.quiet();
      expect(reader.ranges.every(({ partition }) => partition === 0)).toBe(true);
    });

    test("gets no more of a partition that it pauses, and when it resumes goes on where it was", async () => {
      await using world = await makeWorld(2);
      await world.appender.append(numbers(0, 30));
      const reader = await join(
        world,
        "a",
        (member) => (member.onFetched = ({ partition }) => member.source.pause(partition)),
      );
      await world.until("the first range", () => reader.ranges.length > 0);
      const pausedAt = reader.reached(0);
      await world.appender.append(numbers(0, 10, 30));
      await world.quiet();
      expect(reader.reached(0)).toBe(pausedAt);
      reader.onFetched = nothing;
      await world.appender.append(numbers(1, 3));
      await world.until("the other partition", () => reader.reached(1) === 3);
      expect(reader.reached(0)).toBe(pausedAt);
      reader.source.resume(0);
      await world.until("the rest", () => reader.reached(0) === 40);
      expect(faultsOf(reader.rangesOf(0), 0)).toEqual([]);
      expect(reader.values(0)).toEqual(numbers(0, 40).map(({ value }) => String(value)));
    });

    test("gets nothing that was on its way when it paused", async () => {
      await using world = await makeWorld(1);
      const reader = await join(world, "a");
      for (let round = 1; round <= 4; round += 1) {
        const appended = world.appender.append(numbers(0, 20));
        if (round % 2 === 0) await appended;
        reader.source.pause(0);
        const seen = reader.ranges.length;
        await appended;
        await world.quiet();
        expect(reader.ranges).toHaveLength(seen);
        reader.source.resume(0);
        await world.until("it is read", () => reader.reached(0) === 20 * round);
      }
      expect(faultsOf(reader.ranges, 0)).toEqual([]);
    });

    test("says how far it is without an error whenever it does, and reads where it did", async () => {
      await using world = await makeWorld(2);
      await world.appender.append(numbers(0, 5));
      const reader = new Member(world, "a");
      const report = (): void => reader.source.reportProgress(new Map([[0, 3], [9, 1]])); // prettier-ignore
      report();
      await reader.start();
      report();
      await world.until("it is read", () => reader.reached(0) === 5);
      report();
      await world.quiet();
      await world.appender.append(numbers(0, 5, 5));
      await world.until("the rest is read", () => reader.reached(0) === 10);
      expect(faultsOf(reader.rangesOf(0), 0)).toEqual([]);
      await reader.source.stop();
      report();
      const next = await join(world, "b", (member) => (member.onAssigned = nothing));
      next.source.resume(0); // A hint is not where it begins.
      await world.quiet();
      expect(next.ranges).toEqual([]);
    });

    test("is told nothing any more when it has stopped", async () => {
      await using world = await makeWorld(1);
      await world.appender.append(numbers(0, 2_000));
      const reader = await join(world, "a");
      await world.until("a range", () => reader.ranges.length > 0);
      const seen = reader.ranges.length;
      const stopped = reader.source.stop();
      await world.appender.append([record(0, "after")]);
      await stopped;
      await world.quiet();
      reader.source.pause(0);
      reader.read(0, 0);
      await world.quiet();
      expect([reader.ranges.length, reader.assignments.length, reader.lost]).toEqual([seen, 1, []]);
    });
  });
}
