import { describe, expect, test } from "vitest";
import type { LedgerWorld } from "./ledger-store-world.ts";
import { claimOne, expectRefused, group, step } from "./ledger-store-world.ts";

/** What owners say to each other when a partition changes hands, and what is counted for people. */
export function describeHandOver(world: () => LedgerWorld): void {
  const free = async (partitions: readonly number[], owner: string): Promise<[number, number][]> => {
    const claims = await world().store.claim(partitions, owner, "free");
    return claims.map(({ partition, epoch }) => [partition, epoch] as [number, number]).toSorted(([a], [b]) => a - b);
  };

  describe("a planned hand-over", () => {
    test("free are those never claimed, released, or the same owner's; the others stay with who has them", async () => {
      const { store } = world();
      await store.claim([0, 1, 2], "first");
      await store.claim([3], "second");
      await store.release([{ partition: 1, epoch: 1, effectsOffset: 0, decisionsOffset: 0 }]);
      const before = await store.readProgress([0, 2]);
      expect(await free([0, 1, 2, 3, 4], "second")).toEqual([[1, 2], [3, 2], [4, 1]]); // prettier-ignore
      expect(await store.readProgress([0, 2])).toEqual(before);
      expect(await free([0, 2], "second")).toEqual([]);
      expect(await free([], "second")).toEqual([]);
    });

    test("who waits is noted of what is held, until somebody claims it", async () => {
      const { store } = world();
      await claimOne(store);
      await free([0], "second");
      expect(await world().hand(0)).toMatchObject({ owner: "owner", awaitedBy: "second", awaitedEpoch: 1 });
      await free([0], "third");
      expect(await world().hand(0)).toMatchObject({ owner: "owner", awaitedBy: "third", awaitedEpoch: 1 });
      await store.claim([0], "third");
      const hand = await world().hand(0);
      expect(hand.owner).toBe("third");
      expect(hand.awaitedEpoch, "said of an epoch that is over").toBe(1);
    });

    test("a claim is not free for the next one, whatever was released before it", async () => {
      const { store } = world();
      await claimOne(store);
      await store.release([{ partition: 0, epoch: 1, effectsOffset: 0, decisionsOffset: 0 }]);
      await store.claim([0], "second");
      expect(await free([0], "third")).toEqual([]);
    });

    test("a release that comes after a newer claim says nothing, nor does one of a partition that nobody claimed", async () => {
      const { store } = world();
      await claimOne(store);
      const newer = await claimOne(store);
      await store.commit(group({ advances: [step(newer, 9)] }));
      await store.release([
        { partition: 0, epoch: 1, effectsOffset: 7, decisionsOffset: 7 },
        { partition: 5, epoch: 0, effectsOffset: 7, decisionsOffset: 7 },
      ]);
      expect(await free([0], "second")).toEqual([]);
      expect(await store.readProgress([0, 5])).toMatchObject([
        { epoch: 2, effectsOffset: 0, decisionsOffset: 0 },
        { epoch: 0, effectsOffset: 0, decisionsOffset: 0 },
      ]);
      await store.release([]);
    });

    test("a release takes along how far effects and decisions are told, never backwards and never beyond what is decided", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      await store.commit(group({ advances: [step(claim, 9, 4)] }));
      await store.saveDecisionsOffset([{ partition: 0, epoch: 1, decisionsOffset: 4 }]);
      for (const [said, kept] of [
        [3, 4],
        [7, 7],
        [11, 9],
      ] as const) {
        // prettier-ignore
        await store.release([{ partition: 0, epoch: 1, effectsOffset: said, decisionsOffset: said }]);
        expect(await store.readProgress([0])).toMatchObject([{ effectsOffset: kept, decisionsOffset: kept }]);
      }
    });

    test("the right to commit ends with the next claim, not with a release", async () => {
      const { store } = world();
      const old = await claimOne(store);
      await store.release([{ partition: 0, epoch: 1, effectsOffset: 0, decisionsOffset: 0 }]);
      await store.commit(group({ advances: [step(old, 3)] }));
      expect(await free([0], "second")).toEqual([[0, 2]]);
      await expectRefused(world(), "fenced", (on) =>
        on.commit(group({ advances: [step({ ...old, nextOffset: 3 }, 4)] })),
      );
    });

    test("of many who claim what is free at once, one gets it", async () => {
      const { store } = world();
      await store.claim([0, 1, 2], "owner");
      await store.release(
        [0, 1, 2].map((partition) => ({ partition, epoch: 1, effectsOffset: 0, decisionsOffset: 0 })),
      );
      const claims = (await Promise.all(["a", "b", "c"].map((owner) => free([2, 0, 1], owner)))).flat();
      expect(claims.toSorted(([a], [b]) => a - b)).toEqual([[0, 2], [1, 2], [2, 2]]); // prettier-ignore
    });
  });

  test("fenced commits are counted by partition, where it was ever claimed", async () => {
    const { store } = world();
    await store.claim([0, 1], "owner");
    await store.countFenced(new Map([[1, 2], [0, 1], [7, 5]])); // prettier-ignore
    await store.countFenced(new Map([[1, 3]]));
    await store.countFenced(new Map());
    await store.claim([1], "second");
    expect([(await world().hand(0)).fencedCommits, (await world().hand(1)).fencedCommits]).toEqual([1, 5]);
    expect(await store.readProgress([7])).toMatchObject([{ epoch: 0 }]);
  });
}
