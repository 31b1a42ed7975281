/** The steps of orders: one suite on the memory and on PostgreSQL, over a ledger that has packed them. */
import { describe, expect, test } from "vitest";
import type { FulfilmentStore } from "../../src/stores/fulfilment-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createMemoryFulfilmentStore } from "../../src/stores/memory/fulfilment-store.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { createPostgresFulfilmentStore } from "../../src/stores/postgres/reads/fulfilment-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { claimOne, group, step } from "./ledger-store-world.ts";
import { useFileDatabase } from "./file-database.ts";

type World = { readonly ledger: LedgerStore; readonly store: FulfilmentStore };
const [packed, refused, placed] = [uuidOf(1), uuidOf(2), uuidOf(3)];
const packing = uuidOf(11);
const wanted = { orderId: packed, actor: "bob", requestId: uuidOf(21) };
const out = { ...wanted, step: "out_for_delivery" } as const;
const delivered = { ...wanted, step: "delivered", requestId: uuidOf(22) } as const;

/** One order is packed as it is placed, one was to be packed and was not, one is only placed. */
async function fill({ ledger, store }: World): Promise<World> {
  const pack = { type: "PackOrder", quantity: 1, delta: 0 } as const;
  const lines = [
    orderLine({ commandId: packed, fulfilment: "packed", revision: 2 }),
    movementLine({ ...pack, commandId: packing, orderId: packed, actor: "ada" }),
    movementLine({ ...pack, commandId: uuidOf(12), orderId: refused, status: "rejected", reason: "unknown_order" }),
    orderLine({ commandId: placed }),
  ];
  await ledger.commit(group({ advances: [step(await claimOne(ledger), 4)], lines }));
  return { ledger, store };
}

function describeFulfilments(name: string, createWorld: () => Promise<World>): void {
  describe(name, () => {
    test("an order is packed by the commit that packs it, and no other is", async () => {
      const { store } = await fill(await createWorld());
      const [first, ...rest] = await store.steps([packed, refused, placed, uuidOf(9)]);
      expect(first).toMatchObject([{ step: "packed", actor: "ada", requestId: packing }]);
      expect(rest).toEqual([[], [], []]);
      expect(await store.steps([])).toEqual([]);
    });

    test("steps follow one another, and each once", async () => {
      const { store } = await fill(await createWorld());
      expect(await store.advance(delivered)).toHaveLength(1);
      expect(await store.advance(out)).toMatchObject([{ step: "packed" }, { ...stepOf(out) }]);
      expect(await store.advance({ ...out, requestId: uuidOf(23), actor: null })).toMatchObject([{}, stepOf(out)]);
      const all = await store.advance(delivered);
      expect(all.map((done) => done.step)).toEqual(["packed", "out_for_delivery", "delivered"]);
      expect(await store.steps([placed, packed])).toEqual([[], all]);
      expect(all.map(({ doneAt }) => doneAt)).toEqual(all.map(({ doneAt }) => doneAt).toSorted((a, b) => a - b));
    });

    test.each([refused, placed, uuidOf(9)])("an order that is not packed goes nowhere: %s", async (orderId) => {
      const { store } = await fill(await createWorld());
      expect(await store.advance({ ...out, orderId })).toEqual([]);
      expect(await store.steps([orderId])).toEqual([[]]);
    });

    test("of many who ask for one step at once, all are told of the same one", async () => {
      const { store } = await fill(await createWorld());
      const asked = Array.from({ length: 8 }, (_, n) => store.advance({ ...out, requestId: uuidOf(30 + n) }));
      const answers = await Promise.all(asked);
      expect(new Set(answers.map((steps) => steps[1]?.requestId)).size).toBe(1);
    });
  });
}

const stepOf = ({ step: name, actor, requestId }: typeof out) => ({ step: name, actor, requestId });

describeFulfilments("in memory", () => {
  const ledger = createMemoryLedgerStore();
  return Promise.resolve({ ledger, store: createMemoryFulfilmentStore(ledger.lines, Date.now) });
});

const database = useFileDatabase();

describeFulfilments("in PostgreSQL", async () => {
  await database.pool.query("truncate ledger, fulfilment_steps, partitions, stock");
  return { ledger: createPostgresLedgerStore(database.pool), store: createPostgresFulfilmentStore(database.pool) };
});

describe("PostgreSQL", () => {
  test("a step that is there already holds up no commit", async () => {
    await database.pool.query("truncate ledger, fulfilment_steps, partitions, stock");
    const [ledger, store] = [createPostgresLedgerStore(database.pool), createPostgresFulfilmentStore(database.pool)];
    await fill({ ledger, store });
    const again = movementLine({ commandId: uuidOf(13), type: "PackOrder", orderId: packed, delta: 0 });
    const claim = { ...(await claimOne(ledger)), nextOffset: 4 };
    await ledger.commit(group({ advances: [step(claim, 5)], lines: [again] }));
    expect(await store.steps([packed])).toMatchObject([[{ step: "packed", requestId: packing }]]);
  });
});
