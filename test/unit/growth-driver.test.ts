/**
 * The driver of a growth (P19): several at once, with every await in the hands of fast-check's scheduler, dying and beginning anew,
 * over a store, brokers and processors that fail, lag and recover. What has to hold is checked at each transition, by somebody who
 * knows what the driver can only measure.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createGrowthDriver } from "../../src/growth/growth-driver.ts";
import type { GrowthDeps } from "../../src/growth/growth-driver.ts";
import { callOff } from "../../src/growth/grow.ts";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { createMemoryPartitionMapStore } from "../../src/stores/memory/partition-map-store.ts";
import type { PartitionMap, PartitionMapChange } from "../../src/stores/partition-map-store.ts";

const { mapLeaseMs, mapLeaseMarginMs, growthRehearsalMs } = limits;
const from = 2;
/** Enough for both drivers to come as far as they can. */
const hopsBetweenCures = 60;

type Step =
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "append"; readonly partition: number; readonly count: number }
  | { readonly do: "decide"; readonly partition: number }
  | { readonly do: "claim"; readonly partition: number }
  | { readonly do: "broker learns"; readonly broker: number }
  | { readonly do: "driver dies"; readonly driver: number }
  | { readonly do: "hurry" }
  | { readonly do: "call off" };

const partition = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 900 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("append" as const), partition, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("decide" as const), partition }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("claim" as const), partition }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("broker learns" as const), broker: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("driver dies" as const), driver: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.constant({ do: "hurry" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "call off" as const }) },
);
const script = fc.record({
  scheduler: fc.scheduler(),
  steps: fc.array(step, { maxLength: 40 }),
  /** 0 to 99, for each call in turn: below 8 it fails before, below 16 after it was done. */
  luck: fc.array(fc.nat(99), { maxLength: 150 }),
  toCount: fc.constantFrom(4, 6),
  /** In which order all becomes well in the end. */
  cures: fc.shuffledSubarray(["brokers", "claims", "decisions"] as const, { minLength: 3 }),
});
type Script = typeof script extends fc.Arbitrary<infer Value> ? Value : never;

/** Ways to take a guard out: the driver is told something else than what is. */
type Lies = {
  readonly limits?: Partial<GrowthDeps["limits"]>;
  readonly counts?: (counts: readonly number[]) => readonly number[];
  readonly progress?: (progress: ReadonlyMap<number, number>, map: PartitionMap) => ReadonlyMap<number, number>;
};

async function run({ scheduler, steps, luck, toCount, cures }: Script, lies: Lies = {}): Promise<PartitionMap | null> {
  let time = 0;
  const weather = { calm: false };
  let drawn = 0;
  const draw = (): number => (weather.calm ? 99 : (luck[drawn++] ?? 99));
  const maps = createMemoryPartitionMapStore(() => time);
  const ends = Array.from({ length: from }, () => 0);
  const brokers = [from, from];
  const decided = new Map(ends.entries());
  /** Every state of the log's ends, with the time from which it was so. */
  const history: { readonly at: number; readonly ends: readonly number[] }[] = [{ at: 0, ends: [...ends] }];
  const endsAt = (at: number): readonly number[] => history.findLast((each) => each.at <= at)?.ends ?? [];
  let phaseSince = 0;

  /** What holds at each transition. */
  const check = (before: PartitionMap, to: PartitionMapChange, calledAt: number): void => {
    const { growth } = before;
    const phase = to.growth?.phase ?? "stable";
    if (phase === "stable" && to.partitionCount === before.partitionCount) return; // Called off.
    assert(growth !== null && (phase === "stable" || to.growth?.toCount === growth.toCount), "one growth at a time");
    switch (phase) {
      case "preparing":
        assert.equal(growth.phase, "preparing");
        break;
      case "holding": {
        assert.equal(growth.phase, "preparing");
        assert(
          brokers.every((count) => count >= growth.toCount),
          "every broker knows the new partitions",
        );
        for (let each = 0; each < growth.toCount; each += 1) assert(decided.has(each), `partition ${each} is claimed`);
        if (growth.hurried) break;
        for (const [each, end] of endsAt(calledAt - growthRehearsalMs).entries())
          assert((decided.get(each) ?? 0) >= end, `what was in partition ${each} is decided`);
        break;
      }
      case "draining": {
        assert.equal(growth.phase, "holding");
        assert(to.growth?.phase === "draining");
        // An ingress that looked just before the hold began may acknowledge until then.
        const lastAck = phaseSince + mapLeaseMs;
        assert(time >= lastAck + mapLeaseMarginMs, "each ingress has noticed");
        for (const [each, cut] of to.growth.cuts.entries())
          assert(cut >= (endsAt(lastAck)[each] ?? 0), `partition ${each} is cut behind what is acknowledged`);
        break;
      }
      case "stable":
        assert(growth.phase === "draining" && to.partitionCount === growth.toCount);
        for (const [each, cut] of growth.cuts.entries())
          assert((decided.get(each) ?? 0) >= cut, `partition ${each} is decided up to its cut`);
    }
  };

  /** A call to a port: somebody else may run before it and after it, and it may fail on either way. */
  const call = async <T>(label: string, error: Error, work: (calledAt: number) => Promise<T>): Promise<T> => {
    const calledAt = time;
    await scheduler.schedule(Promise.resolve(), label);
    if (draw() < 8) throw error;
    const result = await work(calledAt);
    await scheduler.schedule(Promise.resolve(), `${label} answers`);
    if (draw() < 8) throw error;
    return result;
  };
  const storeAway = new StoreUnavailable("away");
  const logAway = new LogUnavailable("away");
  const read = () => maps.read();
  const change = async (version: number, to: PartitionMapChange, calledAt = time): Promise<PartitionMap | null> => {
    const before = maps.current();
    assert(before !== null);
    if (before.version === version) check(before, to, calledAt);
    const after = await maps.change(version, to);
    if (after !== null) phaseSince = time;
    return after;
  };
  const told = (): ReadonlyMap<number, number> => {
    const map = maps.current();
    return lies.progress === undefined || map === null ? new Map(decided) : lies.progress(decided, map);
  };
  const newDriver = () => ({
    alive: true,
    driver: createGrowthDriver({
      maps: {
        read: () => call("read", storeAway, read),
        change: (version, to) => call("change", storeAway, (calledAt) => change(version, to, calledAt)),
      },
      log: {
        partitionCounts: () =>
          call("counts", logAway, () =>
            Promise.resolve(lies.counts === undefined ? [...brokers] : lies.counts(brokers)),
          ),
        addPartitions: (count) =>
          call("add", logAway, () => {
            while (ends.length < count) ends.push(0);
            history.push({ at: time, ends: [...ends] });
            return Promise.resolve();
          }),
      },
      inspector: {
        ends: () =>
          call("ends", logAway, () => Promise.resolve(new Map(ends.map((high, each) => [each, { low: 0, high }])))),
      },
      progress: () => call("progress", storeAway, () => Promise.resolve(told())),
      clock: { monotonic: () => time },
      limits: { ...limits, ...lies.limits },
    }),
  });

  const perform = async (each: Step): Promise<void> => {
    switch (each.do) {
      case "pass":
        time += each.ms;
        return;
      case "append": {
        const end = ends[each.partition];
        if (end === undefined) return;
        ends[each.partition] = end + each.count;
        history.push({ at: time, ends: [...ends] });
        return;
      }
      case "decide":
        if (decided.has(each.partition)) decided.set(each.partition, ends[each.partition] ?? 0);
        return;
      case "claim":
        if (ends[each.partition] !== undefined && !decided.has(each.partition)) decided.set(each.partition, 0);
        return;
      case "broker learns":
        brokers[each.broker] = ends.length;
        return;
      case "driver dies": {
        const dead = drivers[each.driver];
        if (dead !== undefined) dead.alive = false;
        drivers[each.driver] = newDriver();
        void drive(each.driver);
        return;
      }
      case "hurry": {
        const map = maps.current();
        if (map?.growth?.phase !== "preparing") return;
        await change(map.version, { ...map, growth: { ...map.growth, hurried: true } });
        return;
      }
      case "call off":
        await callOff({ ...maps, change });
    }
  };

  const failures: unknown[] = [];
  const drivers = [newDriver(), newDriver()];
  const drive = async (number: number): Promise<void> => {
    const mine = drivers[number];
    while (mine?.alive === true && maps.current()?.growth !== null) {
      try {
        const { waitsFor } = await mine.driver.step();
        if (weather.calm && waitsFor?.for === "leases") time += waitsFor.ms;
      } catch (error) {
        if (error !== storeAway && error !== logAway) {
          failures.push(error);
          return;
        }
      }
    }
  };
  await maps.create(from);
  await maps.change(1, { partitionCount: from, growth: { phase: "preparing", toCount, hurried: false } });
  const driving = drivers.map((_, number) => drive(number));
  const acting = (async () => {
    for (const each of steps) {
      await scheduler.schedule(Promise.resolve(), `step: ${each.do}`);
      await perform(each);
    }
    weather.calm = true;
    time += 2 * growthRehearsalMs;
  })();
  let calmHops = 0;
  for (let hops = 0; scheduler.count() > 0 && failures.length === 0; hops += 1) {
    assert(hops < 20_000, "it does not come to rest");
    await scheduler.waitNext(1);
    await new Promise((resolve) => setImmediate(resolve));
    if (!weather.calm) continue;
    calmHops += 1;
    // Who is asked answers now; what is well once stays well.
    const well = cures.slice(0, calmHops / hopsBetweenCures);
    if (well.includes("brokers")) brokers.fill(ends.length);
    for (const [each, end] of ends.entries()) {
      if (well.includes("claims") && !decided.has(each)) decided.set(each, 0);
      if (well.includes("decisions") && decided.has(each)) decided.set(each, end);
    }
  }
  if (failures.length > 0)
    throw failures[0] instanceof Error ? failures[0] : new Error("a driver failed", { cause: failures[0] });
  await Promise.all([acting, ...driving]);
  return maps.current();
}

const property = (lies?: Lies) =>
  fc.asyncProperty(script, async (each) => {
    const map = await run(each, lies);
    const isCalledOff = each.steps.some((one) => one.do === "call off");
    expect(map).toMatchObject({ growth: null });
    expect(isCalledOff ? [from, each.toCount] : [each.toCount]).toContain(map?.partitionCount);
  });

describe("a growth", () => {
  test("goes through its phases as it must, whoever drives, dies, fails or waits, and ends", async () => {
    await fc.assert(property(), { numRuns: 400 });
  });

  const everything = new Map(Array.from({ length: 6 }, (_, each) => [each, 1_000]));
  test.each<[string, RegExp, Lies]>([
    ["asking every broker", /every broker knows/, { counts: (counts) => [Math.max(...counts)] }],
    [
      "waiting for claims",
      /is claimed|what was in partition/,
      { progress: (progress, { growth }) => (growth?.phase === "preparing" ? everything : progress) },
    ],
    [
      "the rehearsal",
      /what was in partition/,
      { progress: (p, { growth }) => (growth?.phase === "preparing" ? raised(p) : p) },
    ],
    ["waiting for the lease", /has noticed|cut behind/, { limits: { mapLeaseMs: 0, mapLeaseMarginMs: 0 } }],
    ["draining", /up to its cut/, { progress: (p, { growth }) => (growth?.phase === "draining" ? everything : p) }],
  ])("is found out without %s", async (_guard, says, lies) => {
    const found = await fc.check(property(lies), { numRuns: 2_000, endOnFailure: true });
    expect(found.failed).toBe(true);
    expect(String(found.errorInstance)).toMatch(says);
  });
});

/** All that is claimed looks decided. */
const raised = (progress: ReadonlyMap<number, number>): ReadonlyMap<number, number> =>
  new Map([...progress.keys()].map((each) => [each, 1_000]));

describe("one step", () => {
  test("of a map that is stable does nothing; without a map the store is not there", async () => {
    const maps = createMemoryPartitionMapStore();
    const unused = () => Promise.reject(new Error("not to be asked"));
    const driver = createGrowthDriver({
      maps,
      log: { partitionCounts: unused, addPartitions: unused },
      inspector: { ends: unused },
      progress: unused,
      clock: { monotonic: () => 0 },
      limits,
    });
    await expect(driver.step()).rejects.toBeInstanceOf(StoreUnavailable);
    const map = await maps.create(4);
    expect(await driver.step()).toEqual({ map, waitsFor: null });
  });

  test("a look changes nothing, and tells what is missing", async () => {
    const maps = createMemoryPartitionMapStore();
    await maps.create(from);
    let counts = [from];
    const claimed = new Map([[0, 0]]);
    const driver = createGrowthDriver({
      maps,
      log: { partitionCounts: () => Promise.resolve(counts), addPartitions: () => Promise.reject(new Error("a look")) },
      inspector: { ends: () => Promise.resolve(new Map([0, 1, 2, 3].map((each) => [each, { low: 0, high: 5 }]))) },
      progress: () => Promise.resolve(claimed),
      clock: { monotonic: () => 0 },
      limits,
    });
    const waitsFor = async () => (await driver.look()).waitsFor;
    const growth = { toCount: 4, hurried: false } as const;
    await maps.change(1, { partitionCount: from, growth: { ...growth, phase: "preparing" } });
    expect(await waitsFor()).toEqual({ for: "partitions", counts: [from] });
    counts = [4];
    expect(await waitsFor()).toEqual({ for: "claims", partitions: [2, 3] });
    for (const each of [0, 1, 2, 3]) claimed.set(each, each);
    expect(await waitsFor()).toEqual({ for: "backlog", records: 14, partitions: [0, 1, 2, 3] });
    await maps.change(2, { partitionCount: from, growth: { ...growth, phase: "holding" } });
    expect(await waitsFor()).toEqual({ for: "leases", ms: mapLeaseMs + mapLeaseMarginMs });
    await maps.change(3, { partitionCount: from, growth: { ...growth, phase: "draining", cuts: [0, 7] } });
    expect(await waitsFor()).toEqual({ for: "decisions", records: 6, partitions: [1] });
    expect(maps.current()?.version).toBe(4);
  });
});
