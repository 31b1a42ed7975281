import { describe, expect, test } from "vitest";
import type { Claim, DeadLetter, GroupWrite, LedgerStore, ParkedWrite } from "../../src/stores/ledger-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { claimOne, expectRefused, group, step, storedStock, withStock } from "./ledger-store-world.ts";
import type { LedgerWorld } from "./ledger-store-world.ts";

const at = (claim: Claim, nextOffset: number): Claim => ({ ...claim, nextOffset });
const waits = (offset: number, fields: Partial<DeadLetter> = {}): DeadLetter => ({
  partition: 0,
  offset,
  kind: "waiting",
  reason: "product_parked",
  productId: "p1",
  commandId: uuidOf(offset),
  key: Buffer.from("p1"),
  value: Buffer.from([offset]),
  valueBytes: 1,
  headers: {},
  ...fields,
});
const stock = { quantity: 10, version: 1 };
const parks: ParkedWrite = { productId: "p1", readVersion: 1, wasParked: false, after: stock, because: "23514 no" };
const staysParked: ParkedWrite = { ...parks, wasParked: true, because: "" };
const goesOn: ParkedWrite = { ...parks, wasParked: true, because: null };
const absent = { readVersion: 0, after: null };

async function isParked(store: LedgerStore, productId = "p1"): Promise<boolean> {
  return (await store.prefetch({ productIds: [productId], commandIds: [], versions: [] })).parked.has(productId);
}

/** p1 with 10 units and parked; its culprit lies at offset 1, and what waits at 2 and 3. */
async function withParked(store: LedgerStore): Promise<Claim> {
  const claim = await withStock(store, 10);
  const culprit = waits(1, { kind: "refused", reason: "23514 no" });
  await store.commit(group({ advances: [step(claim, 2)], parked: [parks], deadLetters: [culprit] }));
  const more = group({ advances: [step(at(claim, 2), 4)], parked: [staysParked], deadLetters: [waits(2), waits(3)] });
  await store.commit(more);
  return at(claim, 4);
}

/** Products that park, and the commands that wait for them (P7, P13). */
export function describeParking(world: () => LedgerWorld): void {
  const refused = (because: "stale", write: GroupWrite) =>
    expectRefused(world(), because, (store) => store.commit(write));

  describe("parking (P13)", () => {
    test("a product parks, keeps its stock, and what waits is read in the order in which it came", async () => {
      const { store } = world();
      await withParked(store);
      expect(await isParked(store)).toBe(true);
      expect(await storedStock(store)).toEqual(stock);
      expect((await store.waiting("p1", 9)).map(({ offset, kind }) => [offset, kind])).toEqual([
        [1, "refused"],
        [2, "waiting"],
        [3, "waiting"],
      ]);
      expect((await store.waiting("p1", 1))[0]).toEqual(waits(1, { kind: "refused", reason: "23514 no" }));
      expect(await store.waiting("p2", 9)).toEqual([]);
      expect(await world().deadLetters()).toHaveLength(3);
    });

    test.each<[string, Partial<GroupWrite>]>([
      ["sold", { stock: [{ productId: "p1", readVersion: 1, after: { quantity: 9, version: 2 } }] }],
      ["only read, to refuse", { stock: [{ productId: "p1", readVersion: 1, after: stock }] }],
      ["parked as if it were not", { parked: [parks] }],
    ])("stale: a parked product is %s", async (_what, fields) => {
      const claim = await withParked(world().store);
      await refused("stale", group({ advances: [step(claim, 5)], lines: [orderLine()], ...fields }));
    });

    test.each<[string, ParkedWrite]>([
      ["was never parked", staysParked],
      ["was never parked, and is to go on", goesOn],
      ["has another version", { ...parks, readVersion: 7 }],
      ["exists, and was read as absent", { ...parks, ...absent }],
    ])("stale: a product that %s", async (_what, parked) => {
      const claim = await withStock(world().store, 10);
      await refused("stale", group({ advances: [step(claim, 2)], parked: [parked], deadLetters: [waits(1)] }));
    });

    test("a product without stock parks, has none meanwhile, and none when it goes on", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      const first = { ...parks, ...absent };
      await store.commit(group({ advances: [step(claim, 1)], parked: [first], deadLetters: [waits(0)] }));
      expect([await isParked(store), await storedStock(store)]).toEqual([true, undefined]);
      const made = { productId: "p1", readVersion: 0, after: stock };
      await refused("stale", group({ advances: [step(at(claim, 1), 2)], stock: [made] }));
      await refused("stale", group({ advances: [step(at(claim, 1), 2)], stock: [{ ...made, after: null }] }));
      const goes = { ...goesOn, ...absent };
      await store.commit(
        group({ advances: [step(at(claim, 1), 2)], parked: [goes], resumed: [{ partition: 0, offset: 0 }] }),
      );
      expect([await isParked(store), await storedStock(store)]).toEqual([false, undefined]);
      await store.commit(group({ advances: [step(at(claim, 2), 3)], stock: [made] }));
      expect(await storedStock(store)).toEqual(stock);
    });

    test("a product without stock gets its first while it goes on, or while it stays parked", async () => {
      const { store } = world();
      const claim = await claimOne(store);
      const letters = [waits(0), waits(1)];
      await store.commit(
        group({ advances: [step(claim, 2)], parked: [{ ...parks, ...absent }], deadLetters: letters }),
      );
      const some = { ...staysParked, readVersion: 0, after: stock };
      await store.commit(
        group({ advances: [step(at(claim, 2), 3)], parked: [some], resumed: [{ partition: 0, offset: 0 }] }),
      );
      expect([await isParked(store), await storedStock(store)]).toEqual([true, stock]);
      const rest = { ...goesOn, after: { quantity: 9, version: 2 } };
      await store.commit(
        group({ advances: [step(at(claim, 3), 4)], parked: [rest], resumed: [{ partition: 0, offset: 1 }] }),
      );
      expect([await isParked(store), await storedStock(store)]).toEqual([false, { quantity: 9, version: 2 }]);
      expect(await store.waiting("p1", 9)).toEqual([]);
    });
  });

  test("an archived product stays so while it is parked, and whatever it is when it goes on", async () => {
    const { store } = world();
    const archived = { quantity: 10, version: 1, archived: true } as const;
    const steps: [Partial<ParkedWrite>, typeof stock][] = [
      [{ wasParked: false, readVersion: 0, after: archived, because: "no" }, archived],
      [
        { wasParked: true, readVersion: 1, after: { ...archived, version: 2 }, because: "" },
        { ...archived, version: 2 },
      ],
      [
        { wasParked: true, readVersion: 2, after: { quantity: 10, version: 3 }, because: null },
        { quantity: 10, version: 3 },
      ],
      [
        { wasParked: false, readVersion: 3, after: { ...archived, version: 4 }, because: "no" },
        { ...archived, version: 4 },
      ],
    ];
    const claim = await claimOne(store);
    for (const [offset, [write, expected]] of steps.entries()) {
      const parked = [{ ...parks, ...write }];
      await store.commit(group({ advances: [step(at(claim, offset), offset + 1)], parked }));
      expect(await storedStock(store)).toEqual(expected);
    }
  });

  describe("resuming (P13)", () => {
    const places = (...offsets: number[]) => offsets.map((offset) => ({ partition: 0, offset }));

    test("what is decided waits no more, and the product goes on when nothing waits", async () => {
      const { store } = world();
      const claim = await withParked(store);
      const line = movementLine({ commandId: uuidOf(1), offset: 4 });
      await store.commit(
        group({ advances: [step(claim, 5)], parked: [staysParked], lines: [line], resumed: places(1, 2) }),
      );
      expect((await store.waiting("p1", 9)).map(({ offset }) => offset)).toEqual([3]);
      await store.commit(group({ advances: [step(at(claim, 5), 6)], parked: [goesOn], resumed: places(3) }));
      expect([await isParked(store), await store.waiting("p1", 9)]).toEqual([false, []]);
    });

    test("of a product whose commands lie on two partitions all waits in the order in which it came, and either owner decides it", async () => {
      const { store } = world();
      const claim = await withParked(store);
      const other = await claimOne(store, 3);
      const elsewhere = waits(0, { partition: 3, commandId: uuidOf(30) });
      await store.commit(group({ advances: [step(other, 1)], parked: [staysParked], deadLetters: [elsewhere] }));
      await store.commit(group({ advances: [step(claim, 5)], parked: [staysParked], deadLetters: [waits(4)] }));
      const letters = await store.waiting("p1", 9);
      const inOrder = [...places(1, 2, 3), { partition: 3, offset: 0 }, ...places(4)];
      expect(letters.map(({ partition, offset }) => ({ partition, offset }))).toEqual(inOrder);
      await store.commit(group({ advances: [step(at(other, 1), 2)], parked: [goesOn], resumed: inOrder }));
      expect([await isParked(store), await store.waiting("p1", 9)]).toEqual([false, []]);
    });

    test("stale: something still waits for a product that is to go on", async () => {
      const claim = await withParked(world().store);
      await refused("stale", group({ advances: [step(claim, 5)], parked: [goesOn], resumed: places(1, 2) }));
      const late = { parked: [goesOn], resumed: places(1, 2, 3), deadLetters: [waits(4)] };
      await refused("stale", group({ advances: [step(claim, 5)], ...late }));
    });

    test("stale: what was to be decided has been, or was never there", async () => {
      const { store } = world();
      const claim = await withParked(store);
      await store.commit(group({ advances: [step(claim, 5)], parked: [staysParked], resumed: places(1) }));
      const now = at(claim, 5);
      await refused("stale", group({ advances: [step(now, 6)], parked: [goesOn], resumed: places(1, 2, 3) }));
      await refused("stale", group({ advances: [step(now, 6)], parked: [goesOn], resumed: places(2, 3, 77) }));
    });
  });

  test("a letter that is there already, since an offset was set back, is kept as it is", async () => {
    const { store } = world();
    const claim = await withParked(store);
    const again = waits(2, { kind: "undecodable", reason: "another", productId: null, commandId: null });
    await store.commit(group({ advances: [step(claim, 5)], deadLetters: [again] }));
    expect((await store.waiting("p1", 9))[1]).toEqual(waits(2));
  });

  test("a letter of another log at the place of a new one keeps the whole group back, and neither is lost", async () => {
    const { store } = world();
    const claim = await withParked(store);
    const before = await world().everything();
    const other = group({
      advances: [step(claim, 5)],
      lines: [orderLine({ commandId: uuidOf(70), productId: "p9" })],
      deadLetters: [waits(2, { value: Buffer.from("another"), commandId: uuidOf(71) })],
    });
    await expect(store.commit(other)).rejects.toThrow("of another log");
    expect(await world().everything()).toEqual(before);
  });

  test("the last record is remembered, and kept where a group has none (P11)", async () => {
    const { store } = world();
    const [zero, one] = await store.claim([0, 1], "owner");
    if (zero === undefined || one === undefined) throw new Error("claimed nothing");
    const last = { offset: 8, checksum: 2 ** 32 - 1 };
    await store.commit(group({ advances: [{ ...step(zero, 9), last }, step(one, 4)] }));
    expect((await store.readProgress([0, 1])).map((progress) => progress.last)).toEqual([last, null]);
    await store.commit(group({ advances: [step(at(zero, 9), 12)] }));
    const [claim] = await store.claim([0], "next");
    expect(claim?.last).toEqual(last);
    const newer = { offset: 15, checksum: 0 };
    await store.commit(group({ advances: [{ ...step({ ...zero, epoch: 2, nextOffset: 12 }, 16), last: newer }] }));
    expect((await store.readProgress([0]))[0]?.last).toEqual(newer);
  });
}
