import { AssertionError } from "node:assert/strict";
import { describe, expect, test } from "vitest";
import type { Claim, GroupWrite, Prefetch, Snapshot } from "../../src/stores/ledger-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { claimOne, content, expectRefused, group, step, storedStock, withStock } from "./ledger-store-world.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

const products = (...productIds: string[]): Prefetch => ({ productIds, commandIds: [], versions: [] });

/** Sells one unit of each product, by the stock that is found. */
function sellOne(claim: Claim, productIds: readonly string[], found: Snapshot): GroupWrite {
  return group({
    advances: [step(claim, claim.nextOffset + 1)],
    stock: productIds.map((productId) => {
      const stock = found.stock.get(productId);
      if (stock === undefined) return { productId, readVersion: 0, after: { quantity: 100, version: 1 } };
      const after = { quantity: stock.quantity - 1, version: stock.version + 1 };
      return { productId, readVersion: stock.version, after };
    }),
    lines: [orderLine({ commandId: uuidOf(claim.partition * 10_000 + claim.nextOffset), partition: claim.partition })],
  });
}

/** Lock first, then decide: the retry after `stale` (P5). */
export function describeLocked(world: () => LedgerWorld): void {
  describe("commitLocked (P5)", () => {
    test("decides by what is stored, and commits it", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      const delivery = movementLine({ commandId: uuidOf(1_000) });
      const wanted: Prefetch = {
        productIds: ["p1", "p2"],
        commandIds: [delivery.commandId, uuidOf(5)],
        versions: [{ productId: "p1", version: 1 }],
      };
      let seen: Snapshot | undefined;
      const { decidedAt } = await store.commitLocked([0], wanted, (found) => {
        seen = found;
        return sellOne(claim, ["p1"], found);
      });
      expect(seen?.stock).toEqual(new Map([["p1", { quantity: 10, version: 1 }]]));
      expect([...(seen?.lines.values() ?? [])].map(content)).toEqual([content(delivery)]);
      expect(seen?.stockAtVersion).toEqual(new Map([["p1@1", 10]]));
      expect(await storedStock(store)).toEqual({ quantity: 9, version: 2 });
      expect(await store.linesBetween(0, 0, 9, 9)).toContainEqual({
        ...orderLine({ commandId: uuidOf(1) }),
        decidedAt,
      });
    });

    test("owners who meet at a product wait for each other: all succeed, one after another", async () => {
      const { store } = world();
      await withStock(store, 100, 9);
      const claims = await store.claim([0, 1, 2, 3], "owner");
      await Promise.all(
        claims.map(async (claim) => {
          for (let nextOffset = 0; nextOffset < 10; nextOffset++) {
            const at = { ...claim, nextOffset };
            await store.commitLocked([claim.partition], products("p1"), (found) => sellOne(at, ["p1"], found));
          }
        }),
      );
      expect(await storedStock(store)).toEqual({ quantity: 60, version: 41 });
    });

    test("owners who name products and partitions in opposite orders don't lock each other out", async () => {
      const { store } = world();
      const names = ["a", "b", "c", "d", "e", "f"];
      const setUp = await claimOne(store, 9);
      await store.commitLocked([9], products(...names), (found) => sellOne(setUp, names, found));
      const claims = await store.claim([0, 1], "owner");
      await Promise.all(
        claims.map(async (claim, index) => {
          const order = index === 0 ? names : names.toReversed();
          for (let nextOffset = 0; nextOffset < 20; nextOffset++) {
            const at = { ...claim, nextOffset };
            const partitions = index === 0 ? [0, 9] : [9, 1];
            await store.commitLocked(partitions, products(...order), (found) => sellOne(at, order, found));
          }
        }),
      );
      expect(await storedStock(store, "c")).toEqual({ quantity: 60, version: 41 });
    });

    test("a check that fails refuses it too", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      await expectRefused(world(), "stale", (on) =>
        // Decided without having asked for the product, so by nothing.
        on.commitLocked([0], products(), (found) => sellOne(claim, ["p1"], found)),
      );
      const lines = [orderLine({ commandId: uuidOf(1_000) })];
      await expectRefused(world(), "duplicate", (on) =>
        on.commitLocked([0], products("p1"), (found) => ({ ...sellOne(claim, ["p1"], found), lines })),
      );
    });

    test("a mistake while deciding writes nothing, is told as it is, and leaves no lock", async () => {
      const { store } = world();
      const claim = await withStock(store, 10);
      const before = await world().everything();
      const mistake = new AssertionError({ message: "this can't be" });
      const failing = store.commitLocked([0], products("p1"), () => {
        throw mistake;
      });
      await expect(failing).rejects.toBe(mistake);
      expect(await world().everything()).toEqual(before);
      await store.commitLocked([0], products("p1"), (found) => sellOne(claim, ["p1"], found));
      expect(await storedStock(store)).toEqual({ quantity: 9, version: 2 });
    });
  });
}
