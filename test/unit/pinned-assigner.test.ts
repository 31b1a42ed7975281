import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignPinned } from "../../src/partitioning/pinned-assigner.ts";
import type { Assignment, Holding, Member } from "../../src/partitioning/pinned-assigner.ts";
import type { Slot } from "../../src/partitioning/pinned-homes.ts";

const slotsOf = (count: number, topic = "orders"): Slot[] =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }));
const keyOf = ({ topic, partition }: Slot): string => `${topic}-${partition}`;
const keysOf = (slots: readonly Slot[] | undefined): string[] => (slots ?? []).map(keyOf);
const newcomer = (instanceId: string): Member => ({ memberId: `${instanceId}~1`, instanceId, holds: [] });
const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

/** What the members say after this assignment: they hold what they were given, all at one epoch. */
const holding = (assignment: Assignment, epoch = 1): Member[] =>
  [...assignment].map(([memberId, slots]) => ({
    memberId,
    instanceId: memberId.split("~")[0] ?? "",
    holds: slots.map((slot) => ({ ...slot, epoch })),
  }));

// Of few names, so that some members share theirs; of few topics and epochs, so that claims meet.
const slot = fc.record({ topic: fc.constantFrom("orders", "others"), partition: fc.nat(14) });
const holdingOf = fc.tuple(slot, fc.nat(3)).map(([at, epoch]): Holding => ({ ...at, epoch }));
const members = fc
  .array(fc.record({ instanceId: fc.constantFrom("a", "b", "c", "d", "a 1"), holds: fc.array(holdingOf) }), {
    minLength: 1,
    maxLength: 7,
  })
  .map((drawn) => drawn.map((each, index): Member => ({ ...each, memberId: `${each.instanceId}~${index}` })));
const partitions = fc
  .tuple(fc.nat(13), fc.nat(4))
  .map(([orders, others]) => [...slotsOf(orders), ...slotsOf(others, "others")]);

/** Of each partition that somebody says to hold, the members that say so at the highest epoch. */
function believed(all: readonly Member[], slots: readonly Slot[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const at of slots) {
    const said = all.flatMap(({ memberId, holds }) =>
      holds.filter((each) => keyOf(each) === keyOf(at)).map(({ epoch }) => ({ memberId, epoch })),
    );
    const highest = Math.max(...said.map(({ epoch }) => epoch));
    const best = said.filter(({ epoch }) => epoch === highest).map(({ memberId }) => memberId);
    if (best.length > 0) found.set(keyOf(at), [...new Set(best)]);
  }
  return found;
}

/** All ways to share `count` so that nobody has two more than another. */
function* fairShares(count: number, memberCount: number): Generator<number[]> {
  const floor = Math.floor(count / memberCount);
  for (let extras = 0; extras < 2 ** memberCount; extras += 1) {
    const shares = Array.from({ length: memberCount }, (_, member) => floor + ((extras >> member) & 1));
    if (total(shares) === count) yield shares;
  }
}

describe("the pinned assigner", () => {
  it("gives every partition to one member, whatever the members say", () => {
    fc.assert(
      fc.property(members, partitions, (all, slots) => {
        const given = assignPinned(all, slots);
        expect([...given.keys()].toSorted()).toEqual(all.map(({ memberId }) => memberId).toSorted());
        expect([...given.values()].flat().map(keyOf).toSorted()).toEqual(slots.map(keyOf).toSorted());
      }),
    );
  });

  it("gives nobody two more than another", () => {
    fc.assert(
      fc.property(members, partitions, (all, slots) => {
        const sizes = [...assignPinned(all, slots).values()].map((each) => each.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("gives the same answer for any order of members and partitions", () => {
    const shuffled = fc
      .tuple(members, partitions)
      .chain(([all, slots]) =>
        fc.tuple(
          fc.constant([all, slots] as const),
          fc.shuffledSubarray(all, { minLength: all.length }),
          fc.shuffledSubarray(slots, { minLength: slots.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([[all, slots], otherMembers, otherSlots]) => {
        const sorted = (given: Assignment) => [...given].toSorted(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(assignPinned(otherMembers, otherSlots))).toEqual(sorted(assignPinned(all, slots)));
      }),
    );
  });

  it("moves no more partitions away from who holds them than the balance asks for", () => {
    fc.assert(
      fc.property(members, partitions, (all, slots) => {
        const said = believed(all, slots);
        // Where two are equally right, nothing says which one holds it.
        fc.pre([...said.values()].every((best) => best.length === 1));
        const heldBy = all.map(({ memberId }) => [...said.values()].filter(([best]) => best === memberId).length);
        const kept = Math.max(
          ...[...fairShares(slots.length, all.length)].map((shares) =>
            total(shares.map((share, member) => Math.min(share, heldBy[member] ?? 0))),
          ),
        );
        const given = assignPinned(all, slots);
        const stayed = [...given].flatMap(([memberId, own]) =>
          own.filter((at) => said.get(keyOf(at))?.[0] === memberId),
        );
        expect(stayed.length).toBe(kept);
      }),
    );
  });

  it("moves nothing when nothing has changed", () => {
    fc.assert(
      fc.property(members, partitions, (all, slots) => {
        const given = assignPinned(all, slots);
        expect(assignPinned(holding(given), slots)).toEqual(given);
      }),
    );
  });

  it("believes the higher epoch where two say that they hold a partition", () => {
    for (const [older, newer] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      // prettier-ignore
      const said = slotsOf(6);
      const zombie = { ...newcomer(older), holds: said.map((at) => ({ ...at, epoch: 6 })) };
      const owner = { ...newcomer(newer), holds: said.slice(0, 3).map((at) => ({ ...at, epoch: 7 })) };
      expect(assignPinned([zombie, owner], said).get(owner.memberId)).toEqual(said.slice(0, 3));
    }
  });

  it("puts what is free with its home while that has room", () => {
    fc.assert(
      fc.property(members, partitions, (all, slots) => {
        const given = assignPinned(all, slots);
        const held = believed(all, slots);
        const [floor, extras] = [Math.floor(slots.length / all.length), slots.length % all.length];
        const extrasTaken = [...given.values()].filter((own) => own.length > floor).length === extras;
        const isFull = (own: readonly Slot[]) => own.length > floor || (extrasTaken && own.length === floor);
        for (const at of slots.filter((each) => !held.has(keyOf(each)))) {
          const alone = assignPinned(all.map((each) => ({ ...each, holds: [] })), [at]); // prettier-ignore
          const [home] = [...alone].find(([, own]) => own.length > 0) ?? [];
          const ofHome = given.get(home ?? "") ?? [];
          expect(keysOf(ofHome).includes(keyOf(at)) || isFull(ofHome), `${keyOf(at)} at ${home}`).toBe(true);
        }
      }),
    );
  });

  it("gives an instance that was away its own back, all of it where shares are equal, and nothing else moves", () => {
    const fleets = fc.tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 1, max: 24 }), fc.nat(1_000));
    fc.assert(
      fc.property(fleets, ([size, count, salt]) => {
        const all = Array.from({ length: size }, (_, index) => newcomer(`i${salt}-${index}`));
        const [gone] = all;
        if (gone === undefined) return;
        const slots = slotsOf(count);
        const before = assignPinned(all, slots);
        const without = assignPinned(holding(before).filter(({ memberId }) => memberId !== gone.memberId), slots); // prettier-ignore
        for (const [memberId, own] of without) {
          expect(keysOf(own)).toEqual(expect.arrayContaining(keysOf(before.get(memberId))));
        }
        // It comes back as another member, and knows nothing but its name.
        const back = { ...gone, memberId: `${gone.instanceId}~2` };
        const after = assignPinned([...holding(without, 2), back], slots);
        const own = keysOf(after.get(back.memberId));
        expect(keysOf(before.get(gone.memberId))).toEqual(expect.arrayContaining(own));
        expect(own.length).toBeGreaterThanOrEqual(Math.floor(count / size));
        if (count % size !== 0) return;
        expect(own).toEqual(keysOf(before.get(gone.memberId)));
        for (const [memberId, stayed] of before) {
          if (memberId !== gone.memberId) expect(after.get(memberId)).toEqual(stayed);
        }
      }),
    );
  });

  it("moves nothing when a topic grows evenly, and shares out what is new", () => {
    const growths = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.nat(1_000));
    fc.assert(
      fc.property(growths, ([size, each, salt]) => {
        const all = Array.from({ length: size }, (_, index) => newcomer(`i${salt}-${index}`));
        const before = assignPinned(all, slotsOf(size * each));
        const after = assignPinned(holding(before), slotsOf(size * each * 2));
        for (const [memberId, own] of before) {
          expect(keysOf(after.get(memberId))).toEqual(expect.arrayContaining(keysOf(own)));
        }
      }),
    );
  });

  it("shares out among members of the same name, and spreads homes over many instances", () => {
    const given = assignPinned([newcomer("a"), { ...newcomer("a"), memberId: "a~2" }], slotsOf(8));
    expect([...given.values()].map((own) => own.length)).toEqual([4, 4]);
    const fleet = Array.from({ length: 10 }, (_, index) => newcomer(`processor-${index}`));
    const moved = slotsOf(1_000).filter((at) => {
      const first = (some: readonly Member[]) => [...assignPinned(some, [at])].find(([, own]) => own.length > 0)?.[0];
      return first(fleet) !== first(fleet.slice(1));
    });
    expect(moved.length, "a tenth of all, more or less, were at home with the one that left").toBeGreaterThan(60);
    expect(moved.length).toBeLessThan(140);
  });

  it("has nothing to say about a group of nobody or a topic without partitions", () => {
    expect(assignPinned([], slotsOf(3))).toEqual(new Map());
    expect(assignPinned([newcomer("a")], [])).toEqual(new Map([["a~1", []]]));
  });
});
