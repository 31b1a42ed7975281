import { describe, expect, test } from "vitest";
import { createAbsenceProof } from "../../src/api/absence-proof.ts";
import { cancelId, initialStockId, keyedId } from "../../src/api/command-ids.ts";
import { waitSecondsOf } from "../../src/api/prefer.ts";
import { createStockReaders } from "../../src/api/stock-reader.ts";
import { createWaiters } from "../../src/api/waiters.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { DecisionNotice } from "../../src/schemas/decision-feed.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { createTickBatch } from "../../src/stores/tick-batch.ts";
import { uuidOf } from "../support/commands.ts";

const metrics = createMetrics({ defaults: false });
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("ids that follow from what the caller said never change", () => {
  expect(initialStockId("p1")).toBe("2ce3fd71-585e-5924-a060-390eb3422eb4");
  expect(cancelId(uuidOf(1))).toBe("67ee893d-6431-5cd2-afdf-e8cff7833b45");
  expect(keyedId("place_order", "k")).toBe("02ab3784-a27a-5281-b8e3-9f7d1012f958");
  expect(new Set([keyedId("restock:p1", "k"), keyedId("count:p1", "k"), keyedId("restock:p2", "k")]).size).toBe(3);
});

test.each([
  [undefined, 0],
  ["", 0],
  ["wait=5", 5],
  ["respond-async, wait=7", 7],
  ["WAIT = 3; foo=bar", 3],
  ['wait="4"', 4],
  ["wait=99999", 30],
  ["wait=-1", 0],
  ["wait=1.5", 0],
  ["await=5", 0],
])("Prefer: %s waits %i seconds", (prefer, seconds) => expect(waitSecondsOf(prefer)).toBe(seconds));

describe("waiters", () => {
  const notice = (id: string, offset: number): DecisionNotice => [id, "accepted", null, 1, 2, 0, offset, 1, 1];

  test("what is told is told to all who wait for it, in its order, within the time of the first question", async () => {
    const waiters = createWaiters(metrics);
    const [one, two, other] = [waiters.register("a"), waiters.register("a"), waiters.register("b")];
    waiters.told({ decidedAt: 5, decisions: [notice("a", 1), notice("a", 2), notice("c", 3)] });
    expect(await one?.until(1_000)).toEqual({ notice: notice("a", 1), decidedAt: 5 });
    expect(await two?.until(1_000)).toEqual({ notice: notice("a", 1), decidedAt: 5 });
    expect(await two?.until(1_000)).toEqual({ notice: notice("a", 2), decidedAt: 5 });
    expect(await other?.until(20)).toBeNull();
    for (const waiter of [one, two, other]) waiter?.release();
    expect(waiters.wanted()).toBe(false);
  });

  test("their number is bounded, a released one makes room, and releasing twice makes it once", () => {
    const waiters = createWaiters(metrics, 1);
    const first = waiters.register("a");
    expect(waiters.register("a")).toBeNull();
    first?.release();
    first?.release();
    expect(waiters.register("b")).not.toBeNull();
    expect(waiters.register("c")).toBeNull();
  });

  test("leaving wakes all, and nobody waits after it", async () => {
    const waiters = createWaiters(metrics);
    const waiting = waiters.register("a")?.until(60_000);
    const appending = waiters.register("b");
    waiters.leave();
    expect(await waiting).toBeNull();
    expect(await appending?.until(60_000)).toBeNull();
    expect(waiters.register("b")).toBeNull();
  });
});

describe("the proof that an id is unknown", () => {
  const bounds = { absenceProofWaitMs: 100, absenceProofPollMs: 5 };

  test("questions that come before the ends are read share a flight; one that comes later gets a later reading", async () => {
    const readings: number[] = [];
    let answer: (() => void)[] = [];
    let high = 5;
    const proof = createAbsenceProof({
      bounds,
      inspector: {
        ends: () => {
          const seen = high;
          readings.push(seen);
          return new Promise((resolve) => answer.push(() => resolve(new Map([[0, { low: 0, high: seen }]]))));
        },
      },
      orders: { progress: () => Promise.resolve(new Map([[0, 5]])) },
    });
    const early = [proof(), proof()];
    await turn();
    await turn();
    expect(readings).toEqual([5]);
    high = 6; // A command arrives, and then somebody asks for it.
    const late = [proof(), proof()];
    answer.splice(0).forEach((resolve) => resolve());
    expect(await Promise.all(early)).toEqual([true, true]);
    while (readings.length < 2) await turn();
    answer.forEach((resolve) => resolve());
    answer = [];
    expect(await Promise.all(late)).toEqual([false, false]);
    expect(readings).toEqual([5, 6]);
  });

  test("waits for progress; a partition that nobody claimed has decided nothing", async () => {
    let progress = new Map<number, number>();
    const ends = new Map([
      [0, { low: 0, high: 3 }],
      [1, { low: 0, high: 0 }],
    ]);
    const proof = createAbsenceProof({
      bounds,
      inspector: { ends: () => Promise.resolve(ends) },
      orders: { progress: () => Promise.resolve(progress) },
    });
    expect(await proof()).toBe(false);
    setTimeout(() => (progress = new Map([[0, 3]])), 20);
    expect(await proof()).toBe(true);
  });

  test("a flight that fails fails those who asked, and the next one starts afresh", async () => {
    let fails = true;
    const proof = createAbsenceProof({
      bounds,
      inspector: { ends: () => (fails ? Promise.reject(new Error("away")) : Promise.resolve(new Map())) },
      orders: { progress: () => Promise.resolve(new Map()) },
    });
    await expect(proof()).rejects.toThrow("away");
    fails = false;
    expect(await proof()).toBe(true);
  });
});

test("stock: one question for all who look at a product, and the refill's token is taken before PostgreSQL is asked", async () => {
  const memory = createMemoryCache();
  const cache = memory.readCache();
  let questions = 0;
  const { readStock: read } = createStockReaders({
    cache,
    metrics,
    orders: {
      stock: async (ids) => {
        questions++;
        // While PostgreSQL answers with what was, an owner writes what is: the refill must come to nothing.
        const owner = memory.effectsCache(() => Promise.resolve(true));
        const stock = [{ productId: "p1", quantity: 3, version: 8, isHome: true }];
        const effects = { partition: 0, epoch: 1, partitionCount: 0, noted: memory.moment(), orders: [] };
        await owner.apply([{ ...effects, stock }]);
        expect(memory.quantityOf("p1")).toBe(3);
        memory.expireQuantity("p1");
        return ids.map(() => ({ quantity: 4, version: 8 }));
      },
    },
  });
  const found = await Promise.all(Array.from({ length: 50 }, () => read("p1")));
  expect(new Set(found.map(({ quantity }) => quantity))).toEqual(new Set([4]));
  expect(questions).toBe(1);
  await turn();
  expect(memory.quantityOf("p1")).toBeUndefined();
});

test("stocks of a page: those that Redis has in one look, the others as by themselves; all from PostgreSQL without Redis", async () => {
  const memory = createMemoryCache();
  const asked: string[][] = [];
  const { readStocks } = createStockReaders({
    cache: memory.readCache(),
    metrics,
    orders: {
      stock: (ids) => {
        asked.push([...ids]);
        return Promise.resolve(ids.map((id) => (id === "new" ? null : { quantity: 4, version: 8 })));
      },
    },
  });
  const [four, none] = [
    { quantity: 4, version: 8 },
    { quantity: 0, version: 0 },
  ];
  expect(await readStocks(["p1", "new", "p2"])).toEqual([four, none, four]);
  await turn();
  expect(await readStocks(["p2", "p1"])).toEqual([four, four]);
  expect(asked).toEqual([["p1", "new", "p2"]]);
  memory.setAway(true);
  expect(await readStocks(["p2"])).toEqual([four]);
  expect(asked).toEqual([["p1", "new", "p2"], ["p2"]]);
});

test("a tick's questions go out together, in bounded batches, and each gets its own answer or its batch's error", async () => {
  const batches: number[][] = [];
  const ask = createTickBatch<number, number>(3, (items) => {
    batches.push([...items]);
    return items.includes(4) ? Promise.reject(new Error("no")) : Promise.resolve(items.map((item) => item * 10));
  });
  const results = await Promise.allSettled([1, 2, 3, 4, 5].map(ask));
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  expect(results.map((each) => (each.status === "fulfilled" ? each.value : "error"))).toEqual([
    10,
    20,
    30,
    "error",
    "error",
  ]);
});
