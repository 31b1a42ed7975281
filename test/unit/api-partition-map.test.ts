/** What the ingress believes of the partition map, what it holds, and what it may acknowledge (P19). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createIngressMap, NotRouted } from "../../src/api/partition-map.ts";
import type { IngressMap } from "../../src/api/partition-map.ts";
import { limits } from "../../src/limits.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { createMemoryPartitionMapStore } from "../../src/stores/memory/partition-map-store.ts";
import type { Growth, PartitionMap } from "../../src/stores/partition-map-store.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";

const { mapLeaseMs, mapLookMs, mapLookHoldingMs, mapLogLookMs, holdMs } = limits;
const [from, to] = [4, 8];
const products = Array.from({ length: 40 }, (_, n) => `p-${n}`);
const moves = (id: string): boolean => partitionOf(id, from) !== partitionOf(id, to);
const [moving = "", alsoMoving = ""] = products.filter(moves);
const [staying = ""] = products.filter((id) => !moves(id));

let clock: FakeClock;
let store: ReturnType<typeof createMemoryPartitionMapStore>;
let storeAway: boolean;
let storeHangs: boolean;
/** What each answer of the store waits for. */
let storeAnswers: Promise<undefined> | undefined;
let counts: readonly number[] | undefined;
let looks: { store: number; log: number };
let map: IngressMap;
const metrics = createMetrics({ defaults: false });

const change = async (growth: Growth | null, partitionCount = from): Promise<PartitionMap> => {
  const changed = await store.change(store.current()?.version ?? 0, { partitionCount, growth });
  if (changed === null) throw new Error("the map was changed by somebody else");
  return changed;
};
const holding: Growth = { toCount: to, hurried: false, phase: "holding" };

beforeEach(async () => {
  clock = new FakeClock();
  store = createMemoryPartitionMapStore();
  [storeAway, storeHangs, counts, looks] = [false, false, [from], { store: 0, log: 0 }];
  storeAnswers = undefined;
  map = createIngressMap({
    map: await store.create(from),
    maps: {
      read: async () => {
        looks.store += 1;
        if (storeHangs) await new Promise(() => undefined);
        await storeAnswers;
        if (storeAway) throw new StoreUnavailable("away");
        return store.read();
      },
    },
    logAdmin: {
      partitionCounts: async () => {
        looks.log += 1;
        await settled();
        if (counts === undefined) throw new LogUnavailable("away");
        return counts;
      },
    },
    metrics,
    clock,
  });
  await clock.advance(0);
});
afterEach(() => map.close());

/** Sends the product's command when it may be sent; tells which partition it went to, or why it was not sent. */
const sent: [string, number][] = [];
beforeEach(() => void (sent.length = 0));
const route = (productId: string): Promise<number | string> => {
  const send = (partition: number): Promise<number> => {
    sent.push([productId, partition]);
    return Promise.resolve(partition);
  };
  const free = map.partitionNow(productId);
  const placed = free === undefined ? map.hold(productId, send) : send(free);
  return placed.catch((error: unknown) => (error instanceof NotRouted ? error.because : String(error)));
};
const confirmed = (productId: string, partition: number, ms: number = limits.appendDeadlineMs): Promise<boolean> =>
  map.confirm(productId, partition, clock.monotonic() + ms).then(
    () => true,
    (error: unknown) => {
      expect(error).toBeInstanceOf(LogUnavailable);
      return false;
    },
  );

describe("a belief", () => {
  test("gives out partitions while it is renewed, and asks a few times a second", async () => {
    const before = looks.store;
    for (let n = 0; n < 20; n += 1) {
      await clock.advance(100);
      for (const id of products) expect(map.partitionNow(id)).toBe(partitionOf(id, from));
    }
    expect(looks.store - before).toBeLessThanOrEqual(2_000 / mapLookMs + 1);
    expect(looks.log).toBe(0);
  });

  test("is not there before the first look: what comes waits for it", async () => {
    const fresh = createIngressMap({
      map: { version: 1, partitionCount: 2, growth: null, changedAt: 0 },
      maps: store,
      logAdmin: { partitionCounts: () => Promise.resolve([from]) },
      metrics,
      clock,
    });
    expect(fresh.partitionNow(staying)).toBeUndefined();
    expect(await fresh.hold(staying, (partition) => Promise.resolve(partition))).toBe(partitionOf(staying, from));
    fresh.close();
  });

  test.each<[string, (ms: number) => void]>([
    ["a process that stood still", (ms) => clock.stop(ms)],
    ["a machine that was suspended, whose monotonic clock stood still", (ms) => clock.suspend(ms)],
    ["a wall clock that was set ahead", (ms) => clock.setWall(ms)],
    ["a wall clock that was set back", (ms) => clock.setWall(-ms)],
  ])("of %s is none, until there was another look", async (_what, pass) => {
    pass(mapLeaseMs + 1);
    expect(map.isSure(staying, partitionOf(staying, from))).toBe(false);
    expect(map.partitionNow(staying)).toBeUndefined();
    await clock.advance(mapLookMs);
    expect(map.isSure(staying, partitionOf(staying, from))).toBe(true);
    expect(map.partitionNow(staying)).toBe(partitionOf(staying, from));
  });

  test("holds for a lease from the moment at which its look began, and no longer", async () => {
    storeHangs = true;
    counts = undefined;
    await clock.advance(mapLookMs); // The look that hangs.
    clock.stop(mapLeaseMs - mapLookMs);
    expect(map.partitionNow(staying)).toBe(partitionOf(staying, from));
    clock.stop(1);
    expect(map.partitionNow(staying)).toBeUndefined();
  });

  test("that has ended does not come back with the wall clock: nobody passes who came later", async () => {
    storeHangs = true;
    counts = undefined;
    await clock.advance(mapLookMs);
    clock.setWall(10_000);
    void route(staying);
    clock.setWall(-10_000);
    void route(staying);
    expect(sent).toEqual([]);
  });

  test("lets what waits for it go in order, in the turn of the look", async () => {
    clock.stop(mapLeaseMs + 1);
    const all = [moving, staying, alsoMoving, moving].map(route);
    expect(sent).toEqual([]);
    expect(await Promise.all(all)).toEqual(sent.map(([, partition]) => partition));
    expect(sent.map(([id]) => id)).toEqual([moving, staying, alsoMoving, moving]);
  });
});

describe("a hold", () => {
  const beginHold = async (): Promise<void> => {
    await change(holding);
    await clock.advance(mapLookMs);
  };

  test("holds products that move, and no others; nothing while it is prepared", async () => {
    await change({ ...holding, phase: "preparing" });
    await clock.advance(mapLookMs);
    for (const id of products) expect(map.partitionNow(id)).toBe(partitionOf(id, from));
    await beginHold();
    for (const id of products) expect(map.partitionNow(id)).toBe(moves(id) ? undefined : partitionOf(id, from));
    expect(map.expectedPartition(moving)).toBe(partitionOf(moving, to));
    expect(map.expectedPartition(staying)).toBe(partitionOf(staying, from));
  });

  test("ends where the new map counts: what was held goes there, in the order in which it came", async () => {
    await beginHold();
    const held = [moving, alsoMoving, moving, moving].map(route);
    await clock.advance(500);
    await change({ ...holding, phase: "draining", cuts: [0, 0, 0, 0] });
    await clock.advance(500);
    expect(sent).toEqual([]);
    expect(await metrics.registry.getSingleMetricAsString("tallyman_held_commands")).toMatch(/commands 4$/m);
    await change(null, to);
    await clock.advance(mapLookHoldingMs);
    expect(sent).toEqual([moving, alsoMoving, moving, moving].map((id) => [id, partitionOf(id, to)]));
    expect(await Promise.all(held)).toEqual(sent.map(([, partition]) => partition));
    expect(await metrics.registry.getSingleMetricAsString("tallyman_held_commands")).toMatch(/commands 0$/m);
  });

  test("that is called off lets them go to where they were", async () => {
    await beginHold();
    void route(moving);
    await change(null, from);
    await clock.advance(mapLookHoldingMs);
    expect(sent).toEqual([[moving, partitionOf(moving, from)]]);
  });

  test("whose end a look tells too late to be believed is over with the next one, and nobody passes", async () => {
    await beginHold();
    const first = route(moving);
    const answer = Promise.withResolvers<undefined>();
    storeAnswers = answer.promise;
    await change(null, to);
    await clock.advance(mapLookHoldingMs); // The look that takes its time.
    clock.stop(mapLeaseMs + 1);
    answer.resolve(undefined);
    await settled();
    expect(sent).toEqual([]);
    storeAnswers = undefined;
    await clock.advance(mapLookMs);
    void route(moving);
    expect(sent).toHaveLength(2);
    expect(await first).toBe(partitionOf(moving, to));
  });

  test("is bounded in time: who waits longer is refused, with nothing sent", async () => {
    await beginHold();
    const first = route(moving);
    await clock.advance(holdMs / 2);
    const second = route(moving);
    await clock.advance(holdMs / 2);
    expect(await first).toBe("moving");
    await change(null, to);
    await clock.advance(mapLookHoldingMs);
    expect(await second).toBe(partitionOf(moving, to));
    expect(sent).toHaveLength(1);
  });

  test("is bounded in number: who finds no place is refused at once; products that stay are not", async () => {
    await beginHold();
    const held = Array.from({ length: limits.heldCommandsMax }, () => route(moving));
    expect(map.hasRoom(moving)).toBe(false);
    expect(map.hasRoom(staying)).toBe(true);
    expect(await route(moving)).toBe("moving");
    expect(await route(staying)).toBe(partitionOf(staying, from));
    map.leave();
    expect(new Set(await Promise.all(held))).toEqual(new Set(["moving"]));
  });

  test("is over for whoever is held when the process leaves, and takes nobody any more", async () => {
    await beginHold();
    const held = route(moving);
    map.leave();
    expect([await held, await route(moving)]).toEqual(["moving", "moving"]);
    expect(await route(staying)).toBe(partitionOf(staying, from));
  });

  test("lets nobody pass who comes in the turn in which it ends", async () => {
    await beginHold();
    const first = route(moving);
    await change(null, to);
    void first.then(() => route(moving));
    await clock.advance(mapLookHoldingMs);
    void route(alsoMoving);
    expect(sent.map(([id]) => id)).toEqual([moving, moving, alsoMoving]);
  });
});

describe("an acknowledgement", () => {
  const old = partitionOf(moving, from);

  test("that was in flight when the hold began counts for as long as the look before it is believed", async () => {
    await change(holding);
    await clock.advance(mapLookMs);
    expect(map.partitionNow(moving)).toBeUndefined();
    expect(map.isSure(moving, old)).toBe(true);
    await clock.advance(mapLeaseMs - 2 * mapLookMs);
    expect(map.isSure(moving, old)).toBe(true);
    await clock.advance(2 * mapLookMs + 1);
    expect(map.isSure(moving, old)).toBe(false);
    const settling = confirmed(moving, old);
    await clock.advance(mapLookHoldingMs);
    expect(await settling).toBe(false);
    expect(map.isSure(staying, partitionOf(staying, from))).toBe(true);
  });

  test("in doubt is settled by the next look: the map is the same", async () => {
    clock.stop(60_000);
    expect(map.isSure(moving, old)).toBe(false);
    const settling = confirmed(moving, old);
    await clock.advance(mapLookMs);
    expect(await settling).toBe(true);
  });

  test.each<[string, () => Promise<unknown>, boolean]>([
    ["its product moves", () => change(holding), false],
    ["its product's old partition drains", () => change({ ...holding, phase: "draining", cuts: [0, 0, 0, 0] }), false],
    ["its product has moved", () => change(null, to), false],
    ["it was only prepared", () => change({ ...holding, phase: "preparing" }), true],
  ])("in doubt: %s", async (_what, happen, sure) => {
    clock.stop(60_000); // The zombie: it was stopped, and wakes up behind the growth.
    await happen();
    const [one, other] = [confirmed(moving, old), confirmed(staying, partitionOf(staying, from))];
    await clock.advance(mapLookMs);
    expect([await one, await other]).toEqual([sure, true]);
  });

  test("in doubt for too long is none", async () => {
    storeAway = true;
    counts = undefined;
    clock.stop(60_000);
    const settling = confirmed(staying, partitionOf(staying, from), 1_000);
    await clock.advance(1_000);
    expect(await settling).toBe(false);
  });
});

describe("while the store is away", () => {
  test.each(["refuses", "hangs"] as const)("and %s: the log renews the belief, and is hardly asked", async (how) => {
    [storeAway, storeHangs] = [how === "refuses", how === "hangs"];
    for (let n = 0; n < 50; n += 1) {
      await clock.advance(100);
      expect([n, map.partitionNow(moving)]).toEqual([n, partitionOf(moving, from)]);
      expect(map.isSure(moving, partitionOf(moving, from))).toBe(true);
    }
    expect(looks.log).toBeLessThanOrEqual(5_000 / mapLogLookMs + 1);
    expect(looks.log).toBeGreaterThan(5);
  });

  test.each<[string, readonly number[] | undefined]>([
    ["there are more partitions than the map has", [to]],
    ["one broker says that there are more", [from, to]],
    ["there are fewer", [from - 1]],
    ["no broker answers", undefined],
    ["there is no broker", []],
  ])("the log does not renew it where %s", async (_what, found) => {
    storeAway = true;
    counts = found;
    await clock.advance(mapLeaseMs + mapLookMs);
    expect(map.partitionNow(staying)).toBeUndefined();
    const waiting = route(staying);
    const settling = confirmed(staying, partitionOf(staying, from));
    await clock.advance(limits.appendDeadlineMs);
    expect([await waiting, await settling]).toEqual(["unknown", false]);
  });

  test("the log does not end a hold, nor renew what is believed under one", async () => {
    await change(holding);
    await clock.advance(mapLookMs);
    storeAway = true;
    await clock.advance(mapLeaseMs + mapLookMs);
    expect(map.partitionNow(moving)).toBeUndefined();
    expect(map.partitionNow(staying)).toBeUndefined();
  });

  test("what the log said before a hold was seen renews nothing after it", async () => {
    storeAway = true;
    await clock.advance(mapLookMs); // The log is being asked now, of the map that nothing was held by.
    storeAway = false;
    await change(holding);
    await clock.advance(mapLookHoldingMs);
    await clock.advance(mapLeaseMs + 1);
    expect(map.isSure(moving, partitionOf(moving, from))).toBe(false);
  });

  test("and back: what it says counts at once", async () => {
    storeAway = true;
    await clock.advance(5_000);
    await change(null, to);
    storeAway = false;
    await clock.advance(mapLookMs);
    expect(map.partitionNow(moving)).toBe(partitionOf(moving, to));
  });
});
