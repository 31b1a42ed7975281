import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import type { Line } from "../../src/schemas/lines.ts";
import { versionKey } from "../../src/stores/ledger-store.ts";
import type { Claim, GroupWrite } from "../../src/stores/ledger-store.ts";
import { storableLine } from "../support/arbitraries.ts";
import { movementLine, orderLine, tombstoneLine, uuidOf } from "../support/commands.ts";
import { claimOne, content, expectRefused, group, outcomes, step } from "./ledger-store-world.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

const id = uuidOf(1);
/** One line of every kind, and by every way that a commit takes lines. */
const kinds: Record<string, Line> = {
  "an accepted order": orderLine(),
  "a refused order": orderLine({ status: "rejected", reason: "insufficient_stock", delta: 0 }),
  "a cancelled order": orderLine({ status: "cancelled", revision: 2 }),
  "a cancel": movementLine({ commandId: id, type: "CancelOrder", orderId: uuidOf(2) }),
  "a delivery": movementLine({ commandId: id }),
  "a packed order": orderLine({ fulfilment: "packed", revision: 2 }),
  "a packing": movementLine({ commandId: id, type: "PackOrder", orderId: uuidOf(2), delta: 0, actor: "ada" }),
  "an archiving": movementLine({ commandId: id, type: "ArchiveProduct", quantity: 0, delta: 0, actor: "ada" }),
  "a stocktake": movementLine({ commandId: id, type: "CountStock", asOfVersion: 3 }),
};
const pairs = Object.entries(kinds).flatMap(([stored, first]) =>
  Object.entries(kinds).map(([coming, second]) => ({ stored, coming, first, second })),
);

/** Lines: unique ids, revisions that were read, and every column back as it went in. */
export function describeLines(world: () => LedgerWorld): void {
  /** Writes one more group of partition 0. */
  const writer = async (): Promise<(fields: Partial<GroupWrite>) => GroupWrite> => {
    const claim: Claim = await claimOne(world().store);
    return (fields) => group({ advances: [step(claim, claim.nextOffset + 10)], ...fields });
  };
  const written = async (fields: Partial<GroupWrite>): Promise<{ decidedAt: number }> =>
    world().store.commit((await writer())(fields));

  describe("ids (P1, P6)", () => {
    test.each(pairs)("duplicate: $coming with the id of $stored", async ({ first, second }) => {
      await written({ lines: [first] });
      const more = await writer();
      const lines = [orderLine({ commandId: uuidOf(8) }), second, movementLine({ commandId: uuidOf(9) })];
      await expectRefused(world(), "duplicate", (store) => store.commit(more({ lines })));
    });

    test("two owners who decide one id at once: one does, the other learns that it is a duplicate", async () => {
      const { store } = world();
      const claims = await store.claim([0, 1], "owner");
      const commits = claims.map((claim) =>
        store.commit(group({ advances: [step(claim, 1)], lines: [orderLine({ partition: claim.partition })] })),
      );
      expect(await outcomes(commits)).toEqual(["committed", "duplicate"]);
    });
  });

  describe("lines that change (P12)", () => {
    const order = orderLine();
    const cancelled: Line = { ...order, status: "cancelled", revision: 2 };
    const changed = { readRevision: 1, line: cancelled };
    const refusal = movementLine({ commandId: uuidOf(5), type: "CancelOrder", orderId: id, status: "rejected" });

    test("an order is cancelled at the revision read, and stays decided when it was", async () => {
      const { decidedAt } = await written({ lines: [order] });
      await new Promise((resolve) => setTimeout(resolve, 3));
      await written({ changes: [changed] });
      const stored = (await world().store.linesById([id])).get(id);
      expect(stored).toEqual({ ...cancelled, decidedAt });
    });

    test.each<[string, Partial<GroupWrite>]>([
      ["a line that changed since it was read", { changes: [changed] }],
      ["a line that was read to refuse, and changed since", { linesRead: [{ commandId: id, revision: 1 }] }],
      ["a revision that is still to come", { linesRead: [{ commandId: id, revision: 3 }] }],
      ["a line that is not there", { changes: [{ readRevision: 1, line: { ...cancelled, commandId: uuidOf(7) } }] }],
      ["a line read to refuse that is not there", { linesRead: [{ commandId: uuidOf(7), revision: 1 }] }],
    ])("stale: %s", async (_what, fields) => {
      await written({ lines: [order] });
      await written({ changes: [changed] });
      const more = await writer();
      await expectRefused(world(), "stale", (store) => store.commit(more({ ...fields, lines: [refusal] })));
    });

    test("a line that was read to refuse, and is as it was, lets the refusal in", async () => {
      await written({ lines: [order] });
      await written({ lines: [refusal], linesRead: [{ commandId: id, revision: 1 }] });
      expect(await world().store.linesById([id, refusal.commandId])).toHaveProperty("size", 2);
    });

    test("an order that was cancelled before it came is filled with its content when it comes", async () => {
      const tombstone = tombstoneLine();
      await written({ lines: [tombstone] });
      expect(content((await world().store.linesById([id])).get(id))).toEqual(content(tombstone));
      const location = { latitude: 52.5, longitude: 13.25, address: "Straße 1" };
      const content_ = {
        quantity: 4,
        unitPriceCents: 99,
        currency: "SEK",
        customerId: "c",
        basketId: "b",
        issuedAt: 5,
      };
      const met = { stockAfter: 7, version: 30, partition: 4, offset: 9 };
      const filled = { ...tombstone, ...content_, ...met, deliveryLocation: location, revision: 2 };
      await written({ changes: [{ readRevision: 1, line: filled }] });
      expect(content((await world().store.linesById([id])).get(id))).toEqual(content(filled));
    });

    test("two owners who change one order at once: one does, the other is stale", async () => {
      const { store } = world();
      await written({ lines: [order] });
      const claims = await store.claim([1, 2], "owner");
      const commits = claims.map((claim) => store.commit(group({ advances: [step(claim, 1)], changes: [changed] })));
      expect(await outcomes(commits)).toEqual(["committed", "stale"]);
    });
  });

  describe("reading lines", () => {
    test("those of a partition and a range, in the order of the log, at most so many", async () => {
      const { store } = world();
      const claims = await store.claim([0, 1], "owner");
      const at = (partition: number, offset: number) =>
        (offset % 2 === 0 ? orderLine : movementLine)({
          commandId: uuidOf(partition * 100 + offset),
          partition,
          offset,
        });
      const lines = [7, 2, 5, 0, 3].flatMap((offset) => [at(0, offset), at(1, offset)]);
      await store.commit(group({ advances: claims.map((claim) => step(claim, 8)), lines }));
      const offsets = async (...range: [number, number, number]) =>
        (await store.linesBetween(0, ...range)).map(({ partition, offset }) => [partition, offset]);
      expect(await offsets(2, 7, 9)).toEqual([[0, 2], [0, 3], [0, 5]]); // prettier-ignore
      expect(await offsets(0, 9, 2)).toEqual([[0, 0], [0, 2]]); // prettier-ignore
      expect(await offsets(8, 100, 9)).toEqual([]);
    });

    test("lines may share an offset: a cancel and the order that it found missing", async () => {
      const cancel = movementLine({ commandId: uuidOf(2), type: "CancelOrder", orderId: id, offset: 4 });
      await written({ lines: [cancel, tombstoneLine({ offset: 4 }), orderLine({ commandId: uuidOf(6), offset: 3 })] });
      const found = await world().store.linesBetween(0, 0, 10, 10);
      expect(found.map(({ offset }) => offset)).toEqual([3, 4, 4]);
    });

    test("by id: what is not there is absent", async () => {
      await written({ lines: [orderLine(), movementLine()] });
      const { store } = world();
      expect([...(await store.linesById([uuidOf(3), uuidOf(77), id])).keys()].toSorted()).toEqual([id, uuidOf(3)]);
      expect(await store.linesById([])).toEqual(new Map());
    });

    test("the stock at a version, also where its order was cancelled later or others were refused at it", async () => {
      const lines = [
        movementLine({ commandId: uuidOf(1), stockAfter: 30, version: 1 }),
        orderLine({ commandId: uuidOf(2), stockAfter: 29, version: 2, status: "cancelled", revision: 2 }),
        orderLine({
          commandId: uuidOf(3),
          stockAfter: 29,
          version: 2,
          status: "rejected",
          reason: "insufficient_stock",
        }),
        movementLine({ commandId: uuidOf(4), productId: "p2", stockAfter: 5, version: 3 }),
      ];
      const stock = [
        { productId: "p1", readVersion: 0, after: { quantity: 29, version: 2 } },
        { productId: "p2", readVersion: 0, after: { quantity: 5, version: 3 } },
      ];
      await written({ lines, stock });
      const asked = [["p1", 1], ["p1", 2], ["p1", 3], ["p2", 3], ["p2", 1], ["p3", 1]] as const; // prettier-ignore
      const versions = asked.map(([productId, version]) => ({ productId, version }));
      const { stockAtVersion } = await world().store.prefetch({ productIds: [], commandIds: [], versions });
      const expected = [[versionKey("p1", 1), 30], [versionKey("p1", 2), 29], [versionKey("p2", 3), 5]] as const; // prettier-ignore
      expect(stockAtVersion).toEqual(new Map(expected));
    });

    test("what is not there is absent from a snapshot, and nothing asked is nothing found", async () => {
      const { store } = world();
      const nothing = { stock: new Map(), parked: new Set(), lines: new Map(), stockAtVersion: new Map() };
      expect(await store.prefetch({ productIds: [], commandIds: [], versions: [] })).toEqual(nothing);
      const versions = [{ productId: "nope", version: 1 }];
      expect(await store.prefetch({ productIds: ["nope"], commandIds: [id], versions })).toEqual(nothing);
    });
  });

  test("every column comes back as it went in, whatever the line", async () => {
    const { store } = world();
    const claim = await claimOne(store);
    let offset = 0;
    const lines = fc.uniqueArray(storableLine, { selector: (line) => line.commandId, minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(lines, async (drawn) => {
        const ids = drawn.map((line) => line.commandId);
        fc.pre((await store.linesById(ids)).size === 0);
        const next = offset + 1;
        const { decidedAt } = await store.commit(
          group({ advances: [step({ ...claim, nextOffset: offset }, next)], lines: drawn }),
        );
        offset = next;
        expect(await store.linesById(ids)).toEqual(
          new Map(drawn.map((line) => [line.commandId, { ...line, decidedAt }])),
        );
      }),
      { numRuns: 60 },
    );
  });

  test("the largest group there may be is one commit", async () => {
    const { store } = world();
    const claim = await claimOne(store);
    const count = limits.groupCommandsMax;
    const productOf = (index: number) => `product-${index % 1_000}`;
    const lines = Array.from({ length: count }, (_, index) =>
      orderLine({
        commandId: uuidOf(index),
        productId: productOf(index),
        offset: index,
        customerId: `customer ${index}`,
      }),
    );
    const stock = Array.from({ length: 1_000 }, (_, index) => {
      return { productId: productOf(index), readVersion: 0, after: { quantity: index, version: 5 } };
    });
    await store.commit(group({ advances: [step(claim, count)], stock, lines }));
    const read = await store.linesBetween(0, 0, count, count + 1);
    expect(read.map(content)).toEqual(lines.map(content));
    const productIds = stock.map(({ productId }) => productId);
    expect((await store.prefetch({ productIds, commandIds: [], versions: [] })).stock.size).toBe(1_000);
  });
}
