import { describe, expect, test } from "vitest";
import { createProductQuotas } from "../../src/api/product-quotas.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";

const bounds = { ...limits, quotaOrdersMin: 10 };
const stepMs = 10;

type Queued = { readonly partition: number; readonly offset: number; readonly productId: string; readonly at: number };

/** The first one of each partition, the second one of each, and so on. */
function inTurns(queue: readonly Queued[]): Queued[] {
  const counts = new Map<number, number>();
  const turnOf = ({ partition }: Queued): number => {
    const turn = counts.get(partition) ?? 0;
    counts.set(partition, turn + 1);
    return turn;
  };
  return queue
    .map((order) => ({ order, turn: turnOf(order) }))
    .sort((one, other) => one.turn - other.turn)
    .map(({ order }) => order);
}

/**
 * One api, and one processor that decides so many orders in each step: of all partitions in the order in which they came, or of each partition
 * in turn. Orders that are refused are not sent again.
 */
function open(capacity: number, { takesTurns = false } = {}) {
  let time = 0;
  const metrics = createMetrics({ defaults: false });
  const quotas = createProductQuotas({
    bounds,
    clock: { monotonic: () => time, after: () => () => undefined },
    metrics,
  });
  const ends = new Map<number, number>();
  let queue: Queued[] = [];
  let credit = 0;
  let isTold = true;
  let taken = new Map<string, number>();
  let waitedMs = new Map<string, number>();

  const place = (productId: string, partition: number): void => {
    if (!quotas.hasRoom(productId)) return;
    quotas.sent(productId, partition);
    const offset = ends.get(partition) ?? 0;
    ends.set(partition, offset + 1);
    queue.push({ partition, offset, productId, at: time });
    quotas.appended(partition, offset, time);
    taken.set(productId, (taken.get(productId) ?? 0) + 1);
  };
  const decide = (): void => {
    credit += capacity;
    if (takesTurns) queue = inTurns(queue);
    const decided = queue.slice(0, Math.floor(credit));
    queue = queue.slice(decided.length);
    credit = queue.length === 0 ? 0 : credit - decided.length;
    const upTo = new Map(decided.map(({ partition, offset }) => [partition, offset + 1]));
    for (const { productId, at } of decided) waitedMs.set(productId, Math.max(waitedMs.get(productId) ?? 0, time - at));
    if (isTold) quotas.decidedUpTo([...upTo]);
  };
  /** Orders of each product in each step, by partition 0 unless it is said; for so long. */
  const run = (ms: number, orders: Readonly<Record<string, number>>, partitionOf = (_productId: string) => 0): void => {
    [taken, waitedMs] = [new Map<string, number>(), new Map<string, number>()];
    for (const end = time + ms; time < end; time += stepMs) {
      const most = Math.max(...Object.values(orders));
      for (let n = 0; n < most; n++) {
        for (const [productId, count] of Object.entries(orders))
          if (n < count) place(productId, partitionOf(productId));
      }
      decide();
    }
  };
  return {
    run,
    taken: (productId: string) => taken.get(productId) ?? 0,
    waitedMs: (productId: string) => waitedMs.get(productId) ?? 0,
    deaf: () => (isTold = false),
    quotas: async () => (await metrics.productQuotas.get()).values[0]?.value,
  };
}

const neighbours = { a: 1, b: 1, c: 1 };

describe("a hot product", () => {
  test("is held back until its neighbours are decided in time, and no further", () => {
    const world = open(50);
    world.run(10_000, { hot: 200, ...neighbours });
    world.run(20_000, { hot: 200, ...neighbours });
    expect(world.waitedMs("a")).toBeLessThan(500);
    expect(world.taken("a")).toBe(2_000);
    // Of what there is room for beside the neighbours, most.
    expect(world.taken("hot")).toBeGreaterThan(2_000 * 47 * 0.6);
    expect(world.taken("hot")).toBeLessThan(2_000 * 47 * 1.05);
  });

  test("is held back where other partitions are in time; also where another one has a hot product too", () => {
    const world = open(50, { takesTurns: true });
    const others = { d: 1, e: 1, f: 1, g: 1, h: 1 };
    const partitionOf = (productId: string): number => Math.max(0, ["d", "e", "f", "g", "h"].indexOf(productId) + 1);
    world.run(3_000, { hot: 200, ...neighbours, ...others }, partitionOf);
    world.run(5_000, { hot: 200, ...neighbours, ...others }, partitionOf);
    expect(world.waitedMs("a")).toBeLessThan(500);
    expect(world.taken("hot")).toBeLessThan(500 * 50);

    const two = open(50, { takesTurns: true });
    const alsoHot = { hot: 100, a: 1, dHot: 100, d: 1, e: 1 };
    const byTwo = (productId: string): number => (productId.startsWith("d") ? 1 : productId === "e" ? 2 : 0);
    two.run(3_000, alsoHot, byTwo);
    two.run(5_000, alsoHot, byTwo);
    expect(Math.max(two.waitedMs("a"), two.waitedMs("d"))).toBeLessThan(500);
  });

  test("without the quota, they would wait for ever longer", () => {
    const world = open(50);
    world.deaf();
    world.run(10_000, { hot: 200, ...neighbours });
    expect(world.waitedMs("a")).toBeGreaterThan(5_000);
  });

  test("is free again when it is hot no more", async () => {
    const world = open(50);
    world.run(10_000, { hot: 200, ...neighbours });
    expect(await world.quotas()).toBe(1);
    world.run(20_000, { hot: 2, ...neighbours });
    expect([await world.quotas(), world.taken("hot")]).toEqual([0, 4_000]);
  });
});

test("a quota is not lowered for orders that were sent before it began, however late they are decided", () => {
  let time = 0;
  const clock = { monotonic: () => time, after: () => () => undefined };
  const quotas = createProductQuotas({ bounds, clock, metrics: createMetrics({ defaults: false }) });
  const send = (productId: string, offset: number): void => {
    quotas.sent(productId, 0);
    quotas.appended(0, offset, time);
  };
  // Four orders in each millisecond, of which one is decided: 1,000 of them take a second.
  let end = 0;
  for (; time <= limits.quotaPeriodMs && quotas.hasRoom("hot"); time += 1) {
    for (let n = 0; n < 4; n += 1) send(time % 50 === 0 && n === 0 ? "other" : "hot", end++);
    quotas.decidedUpTo([[0, time + 1]]);
  }
  expect(quotas.hasRoom("hot")).toBe(false);
  for (; time < end; time += 1) {
    quotas.decidedUpTo([[0, time + 1]]);
    quotas.hasRoom("hot");
  }
  time += limits.quotaPeriodMs;
  let atOnce = 0;
  for (; quotas.hasRoom("hot"); atOnce += 1) send("hot", end++);
  expect(atOnce).toBeCloseTo(0.6 * limits.quotaBurstMs, -0.5);
});

describe("nobody is refused", () => {
  test("where all is decided in time", () => {
    const world = open(250);
    world.run(5_000, { hot: 200, ...neighbours });
    expect(world.taken("hot")).toBe(100_000);
  });

  test("where the product is alone: it holds up nobody", () => {
    const world = open(50);
    world.run(5_000, { hot: 100 });
    expect(world.taken("hot")).toBe(50_000);
  });

  test("where its neighbours are in another partition", () => {
    const world = open(50);
    world.run(5_000, { hot: 100, ...neighbours }, (productId) => (productId === "hot" ? 0 : 1));
    expect(world.taken("hot")).toBe(50_000);
  });

  test("where all partitions are late alike, though one product has more than the others of its partition", () => {
    const world = open(50);
    const all = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, 10]));
    world.run(5_000, { hot: 60, ...all }, (productId) => (productId === "hot" ? 0 : Number(productId.slice(1)) % 5));
    expect(world.taken("hot")).toBe(30_000);
  });

  test("where there is only more than can be decided, of all products: the log keeps it", () => {
    const world = open(50);
    const all = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, 20]));
    world.run(5_000, all);
    expect(world.taken("p0")).toBe(10_000);
  });

  test("where nothing is heard of the partition: a product is not to blame for a processor or a Redis that is away", () => {
    const world = open(50);
    world.run(5_000, { hot: 200, ...neighbours });
    world.deaf();
    world.run(5_000, {});
    world.run(2_000, { hot: 100, ...neighbours });
    world.run(5_000, { hot: 100, ...neighbours });
    expect(world.taken("hot")).toBe(50_000);
  });

  test("where it is not heard of any more, also while the product is still ordered too fast", () => {
    const world = open(50);
    world.run(5_000, { hot: 200, ...neighbours });
    world.deaf();
    world.run(2_000, { hot: 200, ...neighbours });
    world.run(3_000, { hot: 200, ...neighbours });
    expect(world.taken("hot")).toBe(60_000);
  });
});

describe("who is held up", () => {
  test("is let on in turn, who wants little no sooner than who wants much and came first", async () => {
    let time = 0;
    const timers: { readonly at: number; readonly work: () => void }[] = [];
    const quotas = createProductQuotas({
      bounds,
      clock: {
        monotonic: () => time,
        after: (ms, work) => {
          timers.push({ at: time + ms, work });
          return () => undefined;
        },
      },
      metrics: createMetrics({ defaults: false }),
    });
    const passMs = async (ms: number): Promise<void> => {
      for (const end = time + ms; time < end; time += 1) {
        for (const timer of timers.splice(0))
          if (timer.at > time) timers.push(timer);
          else timer.work();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    // A second of orders, of which a fifth is decided: enough for a quota.
    for (let n = 0; n < 1_000; n++, time += 1) {
      if (!quotas.hasRoom("hot")) continue;
      quotas.sent("hot", 0);
      quotas.appended(0, n, time);
      if (n % 100 === 0) quotas.sent("other", 0);
      if (n % 10 === 0) quotas.decidedUpTo([[0, n / 5]]);
    }
    const told: [who: string, room: number][] = [];
    const ask = (who: string, orders: number): void => {
      void Promise.resolve(quotas.roomFor("hot", orders)).then((room) => told.push([who, room]));
    };
    ask("much", 500);
    ask("little", 1);
    await passMs(limits.quotaHoldMsMax / 2);
    expect(told.map(([who]) => who)).toEqual(["much", "little"]);
    expect(told[0]?.[1]).toBeGreaterThan(1);
    expect(told[1]?.[1]).toBe(1);
  });
});
