/**
 * A product that is flooded by batches, and its neighbours, in a model: one partition that is decided at a constant rate, each order not
 * before some time after it came, as the log and the commit take theirs; an api that reads no faster than it can.
 */
import { describe, expect, test } from "vitest";
import { createProductQuotas } from "../../src/api/product-quotas.ts";
import { Quota } from "../../src/api/quota.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { percentilesOf } from "../../bench/support/percentiles.ts";

const stepMs = 10;
/** In a step. */
const [decidedAtMost, readAtMost, neighbourOrders] = [300, 600, 2];
const decidedAfterMs = 20;
const [connections, lines, againAfterMs, acknowledgedAfterMs] = [8, 1_000, 1_000, 20];

type Queued = { readonly offset: number; readonly productId: string; readonly at: number };

/** `isHeld`: batches wait for room, as those of one product alone do; else what there is no room for is refused. */
function open({ isHeld, hasQuotas = true }: { readonly isHeld: boolean; readonly hasQuotas?: boolean }) {
  let time = 0;
  let timers: { readonly at: number; readonly work: () => void }[] = [];
  const after = (ms: number, work: () => void) => {
    const timer = { at: time + ms, work };
    timers.push(timer);
    return () => void (timers = timers.filter((each) => each !== timer));
  };
  const sleep = (ms: number) => new Promise<void>((resolve) => void after(ms, resolve));
  const metrics = createMetrics({ defaults: false });
  const quotas = createProductQuotas({ bounds: limits, clock: { monotonic: () => time, after }, metrics });
  const queue: Queued[] = [];
  let [end, readLeft, floods, longestHoldMs, refusals] = [0, readAtMost, 0, 0, 0];
  let waits: number[] = [];
  let taken = 0;

  const place = (productId: string): boolean => {
    if (hasQuotas && !quotas.hasRoom(productId)) return false;
    quotas.sent(productId, 0);
    const offset = end++;
    queue.push({ offset, productId, at: time });
    quotas.appended(0, offset, time);
    return true;
  };
  const flood = async (own: number): Promise<void> => {
    while (own <= floods) {
      let refused = 0;
      for (let left = lines; left > 0;) {
        while (readLeft === 0) await sleep(stepMs);
        const some = Math.min(left, readLeft);
        readLeft -= some;
        const since = time;
        const room = isHeld ? await quotas.roomFor("hot", some) : some;
        longestHoldMs = Math.max(longestHoldMs, time - since);
        left -= room;
        for (let n = 0; n < room; n++)
          if (place("hot")) taken += 1;
          else refused += 1;
      }
      refusals += refused;
      await sleep(refused > 0 ? againAfterMs : acknowledgedAfterMs);
    }
  };
  const decide = (): void => {
    const ready = queue.findIndex(({ at }) => at > time - decidedAfterMs);
    const decided = queue.splice(0, Math.min(decidedAtMost, ready === -1 ? queue.length : ready));
    for (const { productId, at } of decided) if (productId !== "hot") waits.push(time - at);
    const last = decided.at(-1);
    if (last !== undefined) quotas.decidedUpTo([[0, last.offset + 1]]);
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const run = async (ms: number) => {
    [waits, taken] = [[], 0];
    for (const until = time + ms; time < until; time += stepMs) {
      readLeft = readAtMost;
      const due = timers.filter(({ at }) => at <= time);
      timers = timers.filter(({ at }) => at > time);
      for (const { work } of due) work();
      await settle();
      for (let n = 0; n < neighbourOrders; n++) place(n % 2 === 0 ? "a" : "b");
      decide();
    }
    return { p99: percentilesOf(waits).p99, hotPerSecond: (taken / ms) * 1000, placed: waits.length };
  };
  return {
    run,
    begin: (count = connections) => {
      floods = count;
      for (let n = 1; n <= count; n++) void flood(n);
    },
    held: () => ({ longestHoldMs, refusals }),
    stop: () => (floods = 0),
    quotas: async () => (await metrics.productQuotas.get()).values[0]?.value,
  };
}

/** What is tried of a flood before its neighbours are in time, and how late they are then at most. */
const [foundAfterMs, inTimeMs] = [3_000, 100];

test("alone, neighbours are decided as fast as they can be; beside a flood without quotas, ever later", async () => {
  const world = open({ isHeld: false, hasQuotas: false });
  const { p99 } = await world.run(5_000);
  expect(p99).toBe(decidedAfterMs);
  world.begin();
  await world.run(foundAfterMs);
  expect((await world.run(4_000)).p99).toBeGreaterThan(2_000);
});

describe.each([
  // Of 30,000 that are decided in a second. Who comes again a second later has a burst in each.
  { how: "held up", isHeld: true, atLeast: 25_000 },
  { how: "refused, and coming again", isHeld: false, atLeast: 1_000 },
])("batches of a hot product, $how", ({ isHeld, atLeast }) => {
  test("its neighbours are in time, for as long as it goes on, and the product has what there is room for", async () => {
    const world = open({ isHeld });
    await world.run(5_000);
    world.begin();
    await world.run(foundAfterMs);
    for (let n = 0; n < 10; n += 1) {
      const { p99, placed } = await world.run(5_000);
      expect(p99).toBeLessThanOrEqual(inTimeMs);
      expect(placed).toBeGreaterThan(950);
    }
    expect((await world.run(20_000)).hotPerSecond).toBeGreaterThan(atLeast);
    expect(await world.quotas()).toBe(1);
  });

  test("nothing is left of the quota when it has ended", async () => {
    const world = open({ isHeld });
    world.begin();
    await world.run(10_000);
    world.stop();
    await world.run(limits.quotaKeptMs + 6_000);
    expect(await world.quotas()).toBe(0);
  });
});

test("who is held up is let on: eight without a refusal; hundreds after a while, and what there is no room for is refused", async () => {
  const few = open({ isHeld: true });
  few.begin();
  await few.run(20_000);
  expect(few.held()).toMatchObject({ refusals: 0 });
  expect(few.held().longestHoldMs).toBeLessThan(limits.quotaPauseMsMax + 500);

  const many = open({ isHeld: true });
  many.begin(400);
  await many.run(20_000);
  expect(many.held().refusals).toBeGreaterThan(0);
  expect(many.held().longestHoldMs).toBeGreaterThan(limits.quotaHoldMsMax - stepMs);
  expect(many.held().longestHoldMs).toBeLessThan(limits.quotaHoldMsMax + 5 * stepMs);
});

describe("the law", () => {
  const least = limits.quotaOrdersMin / limits.quotaPeriodMs;
  /** How many there is room for at once. */
  const burst = (quota: Quota, time: number): number => {
    let orders = 0;
    for (; quota.hasRoom(time); orders += 1) quota.sent();
    return orders;
  };
  /** Uses all that there is room for in a period; how many those are. */
  const use = (quota: Quota, from: number): number => {
    let orders = 0;
    for (let time = from + 1; time <= from + limits.quotaPeriodMs; time += 1) orders += burst(quota, time);
    return orders;
  };
  const period = limits.quotaPeriodMs;

  test("begins with a part of what was decided, after a pause for the backlog, and lets a burst through", () => {
    const quota = new Quota(limits, 0, 10, 400);
    expect(quota.hasRoom(400)).toBe(false);
    expect(quota.judgeFrom).toBe(400);
    expect(quota.hasRoom(401)).toBe(true);
    expect(burst(quota, 10_000)).toBe(6 * limits.quotaBurstMs);
    expect(new Quota(limits, 0, 10, 60_000).hasRoom(limits.quotaPauseMsMax + 1)).toBe(true);
  });

  test("never leaves less than the least, however late it is", () => {
    const quota = new Quota(limits, 0, 0, 0);
    quota.judge(0, 1);
    for (let n = 1; n < 50; n += 1) quota.judge(n * period, limits.quotaAimMs * 2);
    const later = 50 * period + limits.quotaPauseMsMax;
    burst(quota, later);
    expect(use(quota, later)).toBeGreaterThanOrEqual(Math.floor(least * period));
  });

  test("does not ask for less than twice the delay that there is at best", () => {
    const quota = new Quota(limits, 0, 10, 0);
    quota.judge(period, limits.quotaAimMs * 1.5);
    quota.judge(2 * period, limits.quotaAimMs * 2.9);
    expect(burst(quota, 10_000)).toBe(6 * limits.quotaBurstMs);
    quota.judge(11_000, limits.quotaAimMs * 3.1);
    expect(burst(quota, 20_000)).toBe(Math.floor(6 * 0.8 * limits.quotaBurstMs));
  });

  test("grows where all of it was used and all was in time, and not else; by little, where it was too much", () => {
    const quota = new Quota(limits, 0, 10, 0);
    quota.judge(period, 1);
    expect(use(quota, period)).toBeLessThan(6 * period + 6 * limits.quotaBurstMs + 2);
    quota.judge(2 * period, limits.quotaAimMs / 2);
    const before = use(quota, 2 * period);
    quota.judge(3 * period, 1);
    const grown = use(quota, 3 * period);
    expect(grown / before).toBeCloseTo(1.25, 1);
    quota.judge(4 * period, limits.quotaAimMs + 1);
    const lowered = use(quota, 4 * period);
    expect(lowered / grown).toBeCloseTo(0.8, 1);
    quota.judge(5 * period, 1);
    expect(use(quota, 5 * period) / lowered).toBeCloseTo(1.03, 1);
  });

  test("room that is promised is there for who has it, and for nobody else", () => {
    const quota = new Quota(limits, 0, 10, 0);
    expect(quota.promise(10_000, 1_000)).toBe(6 * limits.quotaBurstMs);
    expect(quota.promise(10_000, 1_000)).toBe(0);
    expect(quota.msUntilRoom(10_000, 6)).toBe(1);
    expect(burst(quota, 10_000)).toBe(6 * limits.quotaBurstMs);
  });
});
