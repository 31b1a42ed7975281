import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../../src/stores/ledger-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { claimOne, expectRefused, group, outcomes, step, withStock } from "./ledger-store-world.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

const letter = (fields: Partial<DeadLetter> = {}): DeadLetter => ({
  partition: 0,
  offset: 0,
  kind: "undecodable",
  reason: "truncated",
  productId: null,
  commandId: null,
  key: Buffer.from("p1"),
  value: Buffer.from([0, 255, 128]),
  headers: { trace: 'é"\\🙂' },
  valueBytes: 3,
  ...fields,
});

/** Claims, progress and what they fence off. */
export function describeProgress(world: () => LedgerWorld): void {
  describe("claims (P10)", () => {
    test("a partition that was never claimed stands at 0 with epoch 0", async () => {
      const { store } = world();
      expect(await store.readProgress([4, 2])).toEqual([
        { partition: 4, epoch: 0, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null },
        { partition: 2, epoch: 0, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null },
      ]);
    });

    test("each claim raises the epoch by one and tells where to go on; others stay", async () => {
      const { store } = world();
      await store.claim([0, 1], "first");
      await store.commit(
        group({ advances: [step({ partition: 1, epoch: 1, nextOffset: 0, effectsOffset: 0 }, 7, 3)] }),
      );
      const claims = await store.claim([1, 2], "second");
      expect(claims.toSorted((a, b) => a.partition - b.partition)).toEqual([
        { partition: 1, epoch: 2, nextOffset: 7, effectsOffset: 3, decisionsOffset: 0, last: null },
        { partition: 2, epoch: 1, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null },
      ]);
      expect(await store.readProgress([0, 1])).toEqual([
        { partition: 0, epoch: 1, nextOffset: 0, effectsOffset: 0, decisionsOffset: 0, last: null },
        { partition: 1, epoch: 2, nextOffset: 7, effectsOffset: 3, decisionsOffset: 0, last: null },
      ]);
    });

    test("many who claim at once, in any order, get epochs of their own", async () => {
      const { store } = world();
      const orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]; // prettier-ignore
      const claims = (await Promise.all([...orders, ...orders].map((order) => store.claim(order, "any")))).flat();
      for (const partition of [0, 1, 2, 3]) {
        const epochs = claims.filter((claim) => claim.partition === partition).map(({ epoch }) => epoch);
        expect(epochs.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
      }
    });

    test("claiming and reading nothing is nothing", async () => {
      const { store } = world();
      expect(await store.claim([], "nobody")).toEqual([]);
      expect(await store.readProgress([])).toEqual([]);
    });
  });

  describe("progress (P4)", () => {
    test("a range wider than its records moves the partition past all of it", async () => {
      const { store } = world();
      const claim = await claimOne(store, 5);
      await store.commit(group({ advances: [step(claim, 100)], lines: [movementLine({ partition: 5, offset: 41 })] }));
      expect(await store.readProgress([5])).toMatchObject([{ nextOffset: 100 }]);
    });

    test("offsets and epochs beyond 32 bits are kept exactly", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      const far = Number.MAX_SAFE_INTEGER;
      await store.commit(group({ advances: [step(claim, far, far - 1)] }));
      expect(await claimOne(store)).toEqual({
        partition: 0,
        epoch: 2,
        nextOffset: far,
        effectsOffset: far - 1,
        decisionsOffset: 0,
        last: null,
      });
    });

    test.each([
      ["an older epoch", -1, 0],
      ["an epoch that is still to come", 1, 0],
      ["a chunk that was committed before", 0, -1],
      ["a gap", 0, 1],
    ])("fenced: %s", async (_what, epoch, from) => {
      const { store } = world();
      await withStock(store, 5);
      const claim = await claimOne(store);
      const stale = { ...claim, epoch: claim.epoch + epoch, nextOffset: claim.nextOffset + from };
      const write = group({ advances: [step(stale, 9)], lines: [orderLine()], deadLetters: [letter()] });
      await expectRefused(world(), "fenced", (on) => on.commit(write));
      await expectRefused(world(), "fenced", (on) =>
        on.commitLocked([0], { productIds: ["p1"], commandIds: [], versions: [] }, () => write),
      );
    });

    test("fenced: a partition that nobody claimed, even at epoch 0", () =>
      expectRefused(world(), "fenced", (store) =>
        store.commit(group({ advances: [step({ partition: 0, epoch: 0, nextOffset: 0, effectsOffset: 0 }, 1)] })),
      ));

    test("one partition of several that is fenced, by epoch or offset, keeps all the others back", async () => {
      const { store } = world();
      const [one, two, three] = [await claimOne(store, 1), await claimOne(store, 2), await claimOne(store, 3)];
      const stock = [{ productId: "p1", readVersion: 0, after: { quantity: 10, version: 1 } }];
      const lines = [movementLine({ partition: 1 }), orderLine({ partition: 2 })];
      for (const wrong of [
        { ...two, epoch: 7 },
        { ...two, nextOffset: 7 },
      ]) {
        const advances = [step(three, 4), step(wrong, 9), step(one, 4)];
        await expectRefused(world(), "fenced", (on) => on.commit(group({ advances, stock, lines })));
      }
      await store.commit(group({ advances: [step(three, 4), step(two, 9), step(one, 4)], stock, lines }));
      expect(await store.readProgress([1, 2, 3])).toMatchObject([
        { nextOffset: 4 },
        { nextOffset: 9 },
        { nextOffset: 4 },
      ]);
    });

    test("the same group again, as when its answer was lost, is fenced (P9)", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      const write = group({
        advances: [step(claim, 2)],
        stock: [{ productId: "p1", readVersion: 0, after: { quantity: 10, version: 1 } }],
        lines: [movementLine()],
        deadLetters: [letter({ offset: 1 })],
      });
      await store.commit(write);
      await expectRefused(world(), "fenced", (on) => on.commit(write));
    });

    test("of two owners at once, only the one with the newest epoch commits", async () => {
      const { store } = world();
      const [old, current] = [await claimOne(store), await claimOne(store)];
      const commits = [old, current, old].map((claim, index) =>
        store.commit(group({ advances: [step(claim, 1)], lines: [movementLine({ commandId: uuidOf(index) })] })),
      );
      expect(await outcomes(commits)).toEqual(["committed", "fenced", "fenced"]);
      expect((await store.linesBetween(0, 0, 9, 9)).map((line) => line.commandId)).toEqual([uuidOf(1)]);
    });

    test("groups at once over different partitions and products all succeed", async () => {
      const { store } = world();
      const claims = await store.claim([0, 1, 2, 3, 4, 5], "owner");
      const commits = claims.map((claim) => {
        const productId = `of-${claim.partition}`;
        return store.commit(
          group({
            advances: [step(claim, 1)],
            stock: [{ productId, readVersion: 0, after: { quantity: 10, version: 1 } }],
            lines: [movementLine({ commandId: uuidOf(claim.partition), productId, partition: claim.partition })],
          }),
        );
      });
      expect(new Set(await outcomes(commits))).toEqual(new Set(["committed"]));
    });
  });

  describe("how far effects are done (P15)", () => {
    test("a commit takes it along, and never moves it backwards", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      await store.commit(group({ advances: [step(claim, 10, 4)] }));
      await store.commit(group({ advances: [step({ ...claim, nextOffset: 10 }, 20, 3)] }));
      expect(await store.readProgress([0])).toMatchObject([
        { nextOffset: 20, effectsOffset: 4, decisionsOffset: 0, last: null },
      ]);
    });

    test("it is saved at the owner's epoch only, and never moves backwards", async () => {
      const { store } = world();
      await store.claim([0, 1, 2], "owner");
      const [zero, one, two] = await store.claim([0, 1, 2], "owner");
      const advances = [zero, one, two].flatMap((claim) => (claim === undefined ? [] : [step(claim, 10, 5)]));
      await store.commit(group({ advances }));
      await store.saveEffectsOffset([
        { partition: 2, epoch: 2, effectsOffset: 4 },
        { partition: 1, epoch: 1, effectsOffset: 9 },
        { partition: 0, epoch: 2, effectsOffset: 8 },
        { partition: 7, epoch: 0, effectsOffset: 8 },
      ]);
      const progress = await store.readProgress([0, 1, 2, 7]);
      expect(progress.map(({ effectsOffset }) => effectsOffset)).toEqual([8, 5, 5, 0]);
      await store.saveEffectsOffset([]);
    });

    test("how far decisions are told is remembered by itself, never backwards and only at the epoch given", async () => {
      const { store } = world();
      await store.claim([0, 1], "owner");
      const claims = await store.claim([0, 1], "owner");
      await store.commit(group({ advances: claims.map((claim) => step(claim, 10, 5)) }));
      for (const decisionsOffset of [8, 3]) {
        await store.saveDecisionsOffset([
          { partition: 1, epoch: 1, decisionsOffset: 9 },
          { partition: 0, epoch: 2, decisionsOffset },
          { partition: 7, epoch: 0, decisionsOffset },
        ]);
      }
      expect((await store.readProgress([0, 1, 7])).map((each) => [each.effectsOffset, each.decisionsOffset])).toEqual([
        [5, 8],
        [5, 0],
        [0, 0],
      ]);
      expect(await store.claim([0], "next")).toMatchObject([{ effectsOffset: 5, decisionsOffset: 8 }]);
      await store.saveDecisionsOffset([]);
    });
  });

  test("records that can't be decoded are kept whole (P13)", async () => {
    const { store } = world();
    const claim = await claimOne(store);
    const letters = [
      letter(),
      letter({ offset: 1, key: null, value: null, valueBytes: 0, headers: {} }),
      letter({ offset: 2, key: Buffer.alloc(0), value: Buffer.alloc(0), valueBytes: 0 }),
      letter({ offset: 3, value: Buffer.alloc(100_000, 7), valueBytes: 200_000 }),
    ];
    await store.commit(group({ advances: [step(claim, 4)], deadLetters: letters }));
    expect(await world().deadLetters()).toEqual(letters);
  });
}
