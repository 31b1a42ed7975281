import { describe, expect, test } from "vitest";
import type { Claim, StockWrite } from "../../src/stores/ledger-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { claimOne, expectRefused, group, outcomes, step, storedStock, withStock } from "./ledger-store-world.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

const sold = (readVersion: number, quantity: number): StockWrite => ({
  productId: "p1",
  readVersion,
  after: { quantity, version: readVersion + 1 },
});
const onlyRead = (readVersion: number, quantity: number): StockWrite => ({
  productId: "p1",
  readVersion,
  after: { quantity, version: readVersion },
});
const absent: StockWrite = { productId: "p1", readVersion: 0, after: null };
const created: StockWrite = { productId: "p1", readVersion: 0, after: { quantity: 3, version: 1 } };
/** Another product, in the same group, whose own check holds. */
const beside: StockWrite = { productId: "a-first", readVersion: 0, after: { quantity: 1, version: 1 } };
const writing = (claim: Claim, stock: StockWrite) =>
  group({ advances: [step(claim, claim.nextOffset + 1)], stock: [beside, stock], lines: [orderLine()] });

/** Products are at the versions that were read, or nothing is written (P5). */
export function describeStock(world: () => LedgerWorld): void {
  describe("stock (P5)", () => {
    test("a product is made, sold and only read", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      expect(await storedStock(store)).toEqual({ quantity: 10, version: 1 });
      await store.commit(group({ advances: [step(claim, 2)], stock: [sold(1, 6)] }));
      expect(await storedStock(store)).toEqual({ quantity: 6, version: 2 });
      await store.commit(group({ advances: [step({ ...claim, nextOffset: 2 }, 3)], stock: [onlyRead(2, 6)] }));
      expect(await storedStock(store)).toEqual({ quantity: 6, version: 2 });
    });

    test("archived travels with the stock: as it is made, sold, only read, restored", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      const at = (offset: number) => [step({ ...claim, nextOffset: offset }, offset + 1)];
      const leave = async (offset: number, ...stock: StockWrite[]) => {
        await store.commit(group({ advances: at(offset), stock: [...stock, beside].slice(0, offset === 1 ? 2 : 1) }));
        return storedStock(store);
      };
      const archived = { quantity: 10, version: 2, archived: true } as const;
      expect(await leave(1, { productId: "p1", readVersion: 1, after: archived })).toEqual(archived);
      expect(await storedStock(store, "a-first")).toEqual(beside.after);
      expect(await leave(2, { productId: "p1", readVersion: 2, after: archived })).toEqual(archived);
      const delivered = { quantity: 15, version: 3, archived: true } as const;
      expect(await leave(3, { productId: "p1", readVersion: 2, after: delivered })).toEqual(delivered);
      const restored = { quantity: 15, version: 4 };
      expect(await leave(4, { productId: "p1", readVersion: 3, after: restored })).toEqual(restored);
      const made = { quantity: 0, version: 2, archived: true } as const;
      await store.commit(group({ advances: at(5), stock: [{ productId: "p2", readVersion: 0, after: made }] }));
      expect(await storedStock(store, "p2")).toEqual(made);
    });

    test("a product that was read as absent, and is, stays absent", async () => {
      const { store } = world();
      await store.commit(group({ advances: [step(await claimOne(store), 1)], stock: [absent] }));
      expect(await storedStock(store)).toBeUndefined();
    });

    test("quantities and versions keep their extremes", async () => {
      const { store } = world();
      const after = { quantity: 2 ** 31 - 1, version: Number.MAX_SAFE_INTEGER };
      const advances = [step(await claimOne(store), 1)];
      await store.commit(group({ advances, stock: [{ productId: "p1", readVersion: 0, after }] }));
      expect(await storedStock(store)).toEqual(after);
    });

    test.each<[string, StockWrite]>([
      ["it was sold meanwhile", sold(1, 9)],
      ["it has a version that was never seen", sold(5, 9)],
      ["it was only read, to refuse, and was sold meanwhile", onlyRead(1, 10)],
      ["it was only read, to refuse, at a version never seen", onlyRead(5, 10)],
      ["it was read as absent, to refuse, and exists", absent],
      ["it was read as absent, to be made, and exists", created],
    ])("stale: %s", async (_what, stock) => {
      const claim = await withStock(world().store, 10);
      await world().store.commit(group({ advances: [step(claim, 2)], stock: [sold(1, 6)] }));
      const now = { ...claim, nextOffset: 2 };
      await expectRefused(world(), "stale", (store) => store.commit(writing(now, stock)));
    });

    test.each<[string, StockWrite]>([
      ["sold", sold(1, 9)],
      ["only read, to refuse,", onlyRead(1, 9)],
    ])("stale: a product that was %s is not there at all", async (_what, stock) => {
      const claim = await claimOne(world().store);
      await expectRefused(world(), "stale", (store) => store.commit(writing(claim, stock)));
    });

    test("two owners who make one product at once: one does, the other is stale", async () => {
      const { store } = world();
      const claims = await store.claim([0, 1], "owner");
      const commits = claims.map((claim) =>
        store.commit(
          group({
            advances: [step(claim, 1)],
            stock: [created],
            lines: [movementLine({ commandId: uuidOf(claim.partition), partition: claim.partition })],
          }),
        ),
      );
      expect(await outcomes(commits)).toEqual(["committed", "stale"]);
      expect(await store.linesById([uuidOf(0), uuidOf(1)])).toHaveProperty("size", 1);
    });

    test("two owners who sell one product at once, from the same version: one does, the other is stale", async () => {
      const { store } = world();
      await withStock(store, 10, 9);
      for (let version = 1; version < 20; version++) {
        const claims = await store.claim([0, 1], "owner");
        const commits = claims.map((claim) =>
          store.commit(group({ advances: [step(claim, version)], stock: [sold(version, 10)] })),
        );
        expect(await outcomes(commits)).toEqual(["committed", "stale"]);
      }
      expect(await storedStock(store)).toEqual({ quantity: 10, version: 20 });
    });

    test("two owners who sell and read two products crosswise: no more than one commits", async () => {
      const { store } = world();
      const [make, ...claims] = await store.claim([0, 1, 2], "owner");
      const at = (productId: string, readVersion: number, version: number): StockWrite => {
        return { productId, readVersion, after: { quantity: 5, version } };
      };
      if (make === undefined) throw new Error("claimed nothing");
      await store.commit(group({ advances: [step(make, 1)], stock: [at("a", 0, 1), at("b", 0, 1)] }));
      const crosswise = [
        [at("a", 1, 2), at("b", 1, 1)],
        [at("a", 1, 1), at("b", 1, 2)],
      ];
      const commits = claims.map((claim, index) =>
        store.commit(group({ advances: [step(claim, 1)], stock: crosswise[index] ?? [] })),
      );
      // The other is stale, or PostgreSQL chose it to end a deadlock: it is told to try again either way.
      expect((await outcomes(commits)).filter((each) => each === "committed")).toEqual(["committed"]);
    });
  });

  describe("what wins when several checks fail", () => {
    test("fenced before stale before duplicate", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      const again = movementLine({ commandId: uuidOf(1_000) });
      const advances = [step(claim, 2)];
      const fenced = group({ advances: [step({ ...claim, epoch: 9 }, 2)], stock: [sold(7, 1)], lines: [again] });
      await expectRefused(world(), "fenced", (on) => on.commit(fenced));
      const stale = group({ advances, stock: [sold(7, 1)], lines: [again] });
      await expectRefused(world(), "stale", (on) => on.commit(stale));
      await expectRefused(world(), "duplicate", (on) =>
        on.commit(group({ advances, stock: [sold(1, 9)], lines: [again] })),
      );
    });
  });
}
