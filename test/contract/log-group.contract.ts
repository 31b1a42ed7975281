import { describe, expect, test } from "vitest";
import type { HeldPartition } from "../../src/log/log.ts";
import { faultsOf, isShared, join, Member, numbers, untilShared } from "./log-world.ts";
import type { MakeLogWorld } from "./log-world.ts";

const nothing = (): void => undefined;
const at = (epoch: number, ...partitions: readonly number[]): HeldPartition[] =>
  partitions.map((partition) => ({ partition, epoch }));
const common = (some: readonly number[], others: readonly number[]): number =>
  some.filter((each) => others.includes(each)).length;

export function describeLogGroup(makeWorld: MakeLogWorld): void {
  describe("a group", () => {
    test("gives one member all, each further one a fair share, and every partition to one in the end", async () => {
      await using world = await makeWorld(5);
      const members: Member[] = [];
      for (const id of ["a", "b", "c"]) {
        members.push(await join(world, id));
        await untilShared(world, members, 5);
      }
    });

    test("comes to rest when many come and go at once, and nobody hears of it in the wrong order", async () => {
      await using world = await makeWorld(12);
      const members = [await join(world, "a"), await join(world, "b"), await join(world, "c")];
      for (const id of ["d", "e", "f", "g"]) {
        members.push(new Member(world, id));
        const told = members.map(({ assignments }) => assignments.length);
        const hasNews = (): boolean => members.some(({ assignments }, index) => assignments.length !== told[index]);
        await members.at(-1)?.start();
        // Some have heard of who comes, others have not, when one goes.
        await world.until("somebody hears of it", hasNews);
        await members.shift()?.source.stop();
        await untilShared(world, members, 12);
        await world.quiet();
        expect(isShared(members, 12)).toBe(true);
      }
    });

    test("gives what a member had that stops to the others, who don't wait for its session", async () => {
      await using world = await makeWorld(4);
      const [a, b] = [await join(world, "a"), await join(world, "b")];
      await untilShared(world, [a, b], 4);
      await a.source.stop();
      await untilShared(world, [b], 4);
      const again = await join(world, "a");
      await untilShared(world, [again, b], 4);
    });

    test("replaces an assignment by the next one, with everything paused again", async () => {
      await using world = await makeWorld(4);
      const a = await join(world, "a");
      await world.appender.append([0, 1, 2, 3].flatMap((partition) => numbers(partition, 3)));
      await world.until("all is read", () => [0, 1, 2, 3].every((partition) => a.reached(partition) === 3));
      a.onAssigned = nothing;
      const b = await join(world, "b");
      await untilShared(world, [a, b], 4);
      const seen = a.ranges.length;
      await world.appender.append([0, 1, 2, 3].flatMap((partition) => numbers(partition, 3, 3)));
      await world.until("the other one has read its own", () =>
        b.owned.every((partition) => b.reached(partition) === 6),
      );
      await world.quiet();
      // Both must be said anew, the place and to go on.
      const [one = -1, other = -1] = a.owned;
      a.source.seek(one, 3);
      a.source.resume(other);
      await world.quiet();
      expect(a.ranges).toHaveLength(seen);
      // Also of those that it has no more.
      for (const partition of [0, 1, 2, 3]) a.read(partition, 3);
      await world.until("it goes on", () => a.owned.every((partition) => a.reached(partition) === 6));
      await world.quiet();
      for (const partition of a.owned) expect(faultsOf(a.rangesOf(partition), 0)).toEqual([]);
      for (const partition of b.owned) expect(a.reached(partition)).toBe(3);
    });

    test("asks for no position that another member had: a new owner reads from where it seeks", async () => {
      await using world = await makeWorld(2);
      await world.appender.append([...numbers(0, 5), ...numbers(1, 5)]);
      const a = await join(world, "a");
      await world.until("all is read", () => a.reached(0) === 5 && a.reached(1) === 5);
      a.source.reportProgress(new Map([[0, 5], [1, 5]])); // prettier-ignore
      const b = new Member(world, "b");
      b.onAssigned = (partitions) => {
        for (const partition of partitions) b.read(partition, 2);
      };
      await b.start();
      await untilShared(world, [a, b], 2);
      await world.until("it is read again", () => b.owned.every((partition) => b.reached(partition) === 5));
      for (const partition of b.owned) expect(b.values(partition)).toEqual(["2", "3", "4"]);
    });

    // Whatever is at home where: one of the two is not as it would be without.
    test.each([
      [
        [0, 1],
        [2, 3],
      ],
      [
        [2, 3],
        [0, 1],
      ],
      [
        [0, 2],
        [1, 3],
      ],
    ])("leaves partitions to whom they are: %j to the first, %j to the second", async (ofA, ofB) => {
      await using world = await makeWorld(4);
      const a = await join(world, "a", (member) => (member.holds = () => at(1, ...ofA)));
      const b = await join(world, "b", (member) => (member.holds = () => at(1, ...ofB)));
      await untilShared(world, [a, b], 4);
      expect([a.owned, b.owned]).toEqual([ofA, ofB]);
    });

    test.each([[[1, 2]], [[2, 1]]])(
      "believes the higher epoch of two who say that they hold the same: %j",
      async ([ofA, ofB]) => {
        await using world = await makeWorld(4);
        const a = await join(world, "a", (member) => (member.holds = () => at(ofA ?? 0, 1, 2)));
        const b = await join(world, "b", (member) => (member.holds = () => at(ofB ?? 0, 1, 2)));
        await untilShared(world, [a, b], 4);
        const [higher, lower] = (ofA ?? 0) > (ofB ?? 0) ? [a, b] : [b, a];
        expect([higher.owned, lower.owned]).toEqual([[1, 2], [0, 3]]); // prettier-ignore
      },
    );

    test("takes from those who are there no more than the balance asks for", async () => {
      await using world = await makeWorld(6);
      const [a, b] = [await join(world, "a"), await join(world, "b")];
      await untilShared(world, [a, b], 6);
      const before = [a.owned, b.owned];
      const c = await join(world, "c");
      await untilShared(world, [a, b, c], 6);
      expect([a, b].map(({ owned }, index) => common(owned, before[index] ?? []))).toEqual([2, 2]);
      const between = [a.owned, b.owned];
      await c.source.stop();
      await untilShared(world, [a, b], 6);
      expect([a, b].map(({ owned }, index) => common(owned, between[index] ?? []))).toEqual([2, 2]);
    });

    test("takes a listener that does not say what it holds", async () => {
      await using world = await makeWorld(3);
      const source = world.newSource("a");
      let given: readonly number[] = [];
      await source.start({ assigned: (partitions) => (given = partitions), fetched: nothing, lost: nothing });
      await world.until("it has all", () => given.length === 3);
      const b = await join(world, "b", (member) => (member.holds = () => at(1, 2)));
      await world.until("both have some", () => given.length + b.owned.length === 3 && b.owned.length > 0);
      expect(b.owned).toContain(2);
      expect([...given, ...b.owned].toSorted()).toEqual([0, 1, 2]);
    });
  });
}
