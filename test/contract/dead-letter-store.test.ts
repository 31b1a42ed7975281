/** The store of dead letters on PostgreSQL: what operators read of it, and that a letter is settled once. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DeadLetterStore, LetterFilter, Settlement } from "../../src/stores/dead-letter-store.ts";
import type { DeadLetter } from "../../src/stores/ledger-store.ts";
import { createPostgresDeadLetterStore } from "../../src/stores/postgres/dead-letter-store.ts";
import { uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { createPostgresWorld } from "./ledger-store-postgres-world.ts";
import { claimOne, group, step } from "./ledger-store-world.ts";

let database: TestDatabase;
let world: Awaited<ReturnType<typeof createPostgresWorld>>;
let letters: DeadLetterStore;

const letter = (offset: number, fields: Partial<DeadLetter> = {}): DeadLetter => ({
  partition: 0,
  offset,
  kind: "undecodable",
  reason: "key_mismatch",
  productId: null,
  commandId: null,
  key: Buffer.from("chair"),
  value: Buffer.from([0, 255]),
  valueBytes: 2,
  headers: { "dHJhY2U=": "MQ==" },
  ...fields,
});
const waits = (offset: number, productId: string): DeadLetter =>
  letter(offset, { kind: "waiting", reason: "product_parked", productId, commandId: uuidOf(offset) });
const kept = [
  letter(0),
  letter(1, { reason: "key_mismatched_otherwise", key: null, value: null, valueBytes: 0 }),
  { ...waits(2, "chair"), kind: "refused", reason: "23514 a constraint" } satisfies DeadLetter,
  waits(3, "chair"),
  waits(4, "lamp"),
  letter(5, { reason: "not_confluent", valueBytes: 1_000, key: Buffer.from([0, 255]) }),
];
const discarded: Settlement = { outcome: "discarded", because: null };
const at = (offset: number) => ({ partition: 0, offset });

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  world = await createPostgresWorld(database.url);
  letters = createPostgresDeadLetterStore(world.pool);
  const claim = await claimOne(world.store);
  const parked = ["chair", "lamp"].map((productId) => {
    return { productId, readVersion: 0, wasParked: false, after: null, because: `the ${productId} is bad` };
  });
  await world.store.commit(group({ advances: [step(claim, 6)], deadLetters: kept, parked }));
});
afterEach(() => world[Symbol.asyncDispose]());

const offsets = async (filter: LetterFilter, after = 0, limit = 100): Promise<number[]> =>
  (await letters.list(filter, after, limit)).map(({ offset }) => offset);

describe("a list", () => {
  test("has letters without their bytes, in the order in which they came", async () => {
    const all = await letters.list({}, 0, 100);
    expect(all).toMatchObject(
      kept.map(({ key: _key, value: _value, headers: _headers, ...head }) => ({ ...head, outcome: null })),
    );
    expect(all.every((head) => !("value" in head) && !("key" in head))).toBe(true);
    expect(all.map(({ letterId }) => letterId)).toEqual(all.map(({ letterId }) => letterId).toSorted((a, b) => a - b));
  });

  test("has those for which all of the filter holds", async () => {
    expect(await offsets({ kinds: ["refused", "waiting"] })).toEqual([2, 3, 4]);
    expect(await offsets({ kinds: [] })).toEqual([]);
    expect(await offsets({ reason: "key_mismatch" })).toEqual([0, 1]);
    expect(await offsets({ reason: "%" })).toEqual([]);
    expect(await offsets({ productId: "chair" })).toEqual([0, 2, 3]);
    expect(await offsets({ productId: "chair", kinds: ["waiting"] })).toEqual([3]);
    expect(await offsets({ partition: 0 })).toHaveLength(6);
    expect(await offsets({ partition: 1 })).toEqual([]);
  });

  test("goes on behind a letter, and has no more than it may", async () => {
    const [, second] = await letters.list({}, 0, 2);
    expect(await offsets({}, 0, 2)).toEqual([0, 1]);
    expect(await offsets({}, second?.letterId, 2)).toEqual([2, 3]);
  });

  test("has settled letters where they are asked for", async () => {
    await letters.settle(at(1), discarded);
    expect(await offsets({})).toEqual([0, 2, 3, 4, 5]);
    expect(await offsets({ settled: true })).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("a letter", () => {
  test("is settled once, and says how", async () => {
    expect(await letters.at(at(0))).toMatchObject({
      outcome: null,
      settledAt: null,
      redrivenAs: null,
      settledBecause: null,
    });
    expect(await letters.settle(at(0), { outcome: "redriven", redrivenAs: uuidOf(9) })).toBe(true);
    expect(await letters.settle(at(0), discarded)).toBe(false);
    expect(await letters.settle(at(0), { outcome: "redriven", redrivenAs: uuidOf(8) })).toBe(false);
    const settled = { outcome: "redriven", redrivenAs: uuidOf(9), settledAt: expect.any(Number) as number };
    expect(await letters.at(at(0))).toMatchObject({ ...settled, settledBecause: null });
    expect(await letters.settle(at(1), { outcome: "discarded", because: "ours" })).toBe(true);
    expect(await letters.at(at(1))).toMatchObject({ outcome: "discarded", redrivenAs: null, settledBecause: "ours" });
  });

  test("that is settled by many at once is settled by one of them", async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => letters.settle(at(0), discarded)));
    expect(all.filter(Boolean)).toEqual([true]);
  });

  test("that is not there is not settled", async () => {
    expect(await letters.settle(at(77), discarded)).toBe(false);
    expect(await letters.at(at(77))).toBe(null);
    expect(await letters.list({ settled: true }, 0, 100)).toHaveLength(6);
  });

  test("that is settled waits no more", async () => {
    expect(await world.store.waiting("chair", 10)).toHaveLength(2);
    await letters.settle(at(2), discarded);
    expect((await world.store.waiting("chair", 10)).map(({ offset }) => offset)).toEqual([3]);
    expect(await letters.undecided([uuidOf(2), uuidOf(3)])).toMatchObject([null, { offset: 3 }]);
  });
});

describe("a parked product", () => {
  test("is told with what waits for it, and one that is not parked is none", async () => {
    expect(await letters.parkedProduct("chair")).toMatchObject({
      productId: "chair",
      because: "the chair is bad",
      waiting: 2,
    });
    await letters.settle(at(2), discarded);
    expect(await letters.parkedProduct("chair")).toMatchObject({ waiting: 1 });
    expect(await letters.parkedProduct("table")).toBe(null);
    expect((await letters.parked(10)).map(({ productId }) => productId)).toEqual(["chair", "lamp"]);
  });
});
