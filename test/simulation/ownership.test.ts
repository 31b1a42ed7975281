import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import type { Command } from "../../src/schemas/commands.ts";
import type { CacheGuardName } from "../../src/stores/memory/effects-cache.ts";
import type { GuardName } from "../../src/stores/memory/ledger-store.ts";
import { archiveProduct, cancelOrder, countStock, packOrder, placeOrder, receiveStock } from "../support/commands.ts";
import { restoreProduct, resumeProduct, uuidOf } from "../support/commands.ts";
import { auditAgainstLog, auditCache, auditTally, auditWaiting } from "./auditor.ts";
import type { SimRecord } from "./sim-log.ts";
import { createWorld, unlucky } from "./sim-world.ts";
import type { Step } from "./sim-world.ts";

const partitionCount = 2;
const productCount = 4;

/** Order ids are few, so that duplicates and cancels meet their orders; an id always has the same content. */
const orderNumber = fc.integer({ min: 1, max: 12 });
const productOf = (number: number): number => number % productCount;
/** Two at home on each partition. */
const names = ["a", "d", "c", "f"];
const name = (product: number): string => names[product] ?? "a";

const order = orderNumber.map((number) =>
  placeOrder({ commandId: uuidOf(number), productId: name(productOf(number)), quantity: 1 + (number % 3) }),
);
const cancel = orderNumber.map((number) =>
  cancelOrder({ commandId: uuidOf(100 + number), orderId: uuidOf(number), productId: name(productOf(number)) }),
);
const delivery = fc
  .integer({ min: 1, max: 12 })
  .map((number) =>
    receiveStock({ commandId: uuidOf(200 + number), productId: name(productOf(number)), quantity: number % 5 }),
  );
const stocktake = fc
  .integer({ min: 1, max: 4 })
  .map((number) =>
    countStock({ commandId: uuidOf(300 + number), productId: name(productOf(number)), quantity: number }),
  );
const archiving = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.boolean()).map(([number, archives]) => {
  const productId = name(productOf(number));
  return archives
    ? archiveProduct({ commandId: uuidOf(700 + number), productId })
    : restoreProduct({ commandId: uuidOf(720 + number), productId });
});
const packing = orderNumber.map((number) =>
  packOrder({ commandId: uuidOf(800 + number), orderId: uuidOf(number), productId: name(productOf(number)) }),
);
const usual = [
  { weight: 6, arbitrary: order },
  { weight: 3, arbitrary: delivery },
  { weight: 2, arbitrary: cancel },
  { weight: 1, arbitrary: stocktake },
  { weight: 1, arbitrary: archiving },
  { weight: 1, arbitrary: packing },
] as const;
const command: fc.Arbitrary<Command> = fc.oneof(...usual);

/** Orders that the store refuses, and operators who try to go on, before and after it is mended. */
const poison = fc
  .integer({ min: 20, max: 25 })
  .map((number) => placeOrder({ commandId: uuidOf(number), productId: name(productOf(number)), customerId: unlucky }));
const resume = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 4 })).map(([number, commandsMax]) =>
  resumeProduct({
    commandId: uuidOf(400 + number * 4 + commandsMax),
    productId: name(productOf(number)),
    commandsMax,
  }),
);
const poisoned: fc.Arbitrary<Command> = fc.oneof(
  ...usual,
  { weight: 4, arbitrary: poison },
  { weight: 3, arbitrary: resume },
);

/** A product's commands go to one partition, or anywhere: a producer that is wrong about partitions. */
const appendTo = (
  partitionOf: (productId: string, drawn: number) => number,
  from: fc.Arbitrary<Command> = command,
): fc.Arbitrary<Step> =>
  fc
    .tuple(fc.array(from, { minLength: 1, maxLength: 4 }), fc.nat(partitionCount - 1), fc.boolean())
    .map(([commands, drawn, marker]) => {
      const partition = partitionOf(commands[0]?.productId ?? "", drawn);
      const records: SimRecord[] = commands.filter(({ productId }) => partitionOf(productId, drawn) === partition);
      return { do: "append", partition, records: marker ? [...records, "marker"] : records };
    });
const byProduct = (productId: string): number => partitionOf(productId, partitionCount);

const owner = fc.nat(1);
const trouble: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("rebalance" as const),
    owners: fc.tuple(owner, owner),
    told: fc.tuple(fc.boolean(), fc.boolean()),
  }),
  fc.record({ do: fc.constant("crash" as const), instance: owner }),
  fc.record({ do: fc.constant("cache away" as const), away: fc.boolean() }),
);
const loss: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("flush cache" as const) }),
  fc.record({ do: fc.constant("lose product" as const), productId: fc.constantFrom(...names) }),
);
const troubleOrLoss = fc.oneof({ weight: 3, arbitrary: trouble }, { weight: 2, arbitrary: loss });

/** The store is mended, and operators go on with every product, in steps that the world takes among all others. */
const recovery: Step[] = [
  { do: "rest" },
  { do: "mend store" },
  ...Array.from({ length: productCount }, (_, product): Step => {
    const records = [3, 4].map((commandsMax) =>
      resumeProduct({ commandId: uuidOf(600 + product * 10 + commandsMax), productId: name(product), commandsMax }),
    );
    return { do: "append", partition: byProduct(name(product)), records };
  }),
];
const recovering = (steps: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> =>
  fc.tuple(steps, fc.double({ min: 0.2, max: 1, noNaN: true })).map(([before, part]) => {
    const at = Math.ceil(before.length * part);
    return [...before.slice(0, at), ...recovery, ...before.slice(at)];
  });
const mend: fc.Arbitrary<Step> = fc.constant({ do: "mend store" });

const firstAssignment: Step = { do: "rebalance", owners: [0, 1], told: [true, true] };
const script = (append: fc.Arbitrary<Step>, troubles: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> =>
  fc
    .array(fc.oneof({ weight: 3, arbitrary: append }, { weight: 2, arbitrary: troubles }), {
      minLength: 4,
      maxLength: 24,
    })
    .map((steps) => [firstAssignment, ...steps]);
const plan = fc.array(fc.nat(99), { maxLength: 300 });

type World = ReturnType<typeof createWorld>;

function property(
  steps: fc.Arbitrary<Step[]>,
  audit: (world: World) => void,
  without: readonly GuardName[],
  cacheWithout: readonly CacheGuardName[] = [],
) {
  return fc.asyncProperty(fc.scheduler(), steps, plan, async (scheduler, script, plan) => {
    const world = createWorld({ scheduler, partitionCount, plan, without, cacheWithout });
    await world.run(script);
    audit(world);
  });
}

/** No command twice and no cancel ahead of its order, for worlds that do not check whether an id is taken. */
const once = (steps: Step[]): Step[] => {
  const seen = new Set<string>();
  const isNew = (record: SimRecord): boolean => {
    if (record === "marker") return true;
    if (seen.has(record.commandId) || (record.type === "CancelOrder" && !seen.has(record.orderId))) return false;
    seen.add(record.commandId);
    return true;
  };
  return steps.map((step) => (step.do === "append" ? { ...step, records: step.records.filter(isNew) } : step));
};

const orderedScript = script(appendTo(byProduct), troubleOrLoss);
const ordered = (without: readonly GuardName[] = []) =>
  property(
    without.includes("duplicate") ? orderedScript.map(once) : orderedScript,
    ({ log, ledger, cache }) => {
      auditAgainstLog(log, ledger);
      auditTally(ledger);
      auditCache(log, ledger, cache);
    },
    without,
  );
const strewn = (without: readonly GuardName[] = [], cacheWithout: readonly CacheGuardName[] = []) =>
  property(
    script(
      appendTo((_productId, drawn) => drawn),
      troubleOrLoss,
    ),
    ({ log, ledger, cache }) => {
      auditTally(ledger);
      auditCache(log, ledger, cache);
    },
    without,
    cacheWithout,
  );

const parking = (without: readonly GuardName[] = []) =>
  property(
    recovering(script(appendTo(byProduct, poisoned), fc.oneof({ weight: 4, arbitrary: trouble }, mend))),
    ({ log, ledger, cache }) => {
      auditAgainstLog(log, ledger);
      auditTally(ledger);
      auditWaiting(ledger);
      auditCache(log, ledger, cache);
    },
    without,
  );
const parkingStrewn = (without: readonly GuardName[] = []) =>
  property(
    recovering(
      script(
        appendTo((_productId, drawn) => drawn, poisoned),
        fc.oneof({ weight: 4, arbitrary: trouble }, mend),
      ),
    ),
    ({ log, ledger, cache }) => {
      auditTally(ledger);
      auditWaiting(ledger);
      auditCache(log, ledger, cache);
    },
    without,
  );

describe("two owners, crashes and rebalances at every await, duplicates, lost answers", () => {
  it("decides every command once, in the order of the log", async () => {
    await fc.assert(ordered(), { numRuns: 300 });
  });

  it("keeps the tally when a product's commands lie on both partitions", async () => {
    await fc.assert(strewn(), { numRuns: 300 });
  });
});

describe("commands that the store refuses, and operators who resume", () => {
  it("parks their products, loses nothing, and decides what waits in its order", async () => {
    await fc.assert(parking(), { numRuns: 300 });
  });

  it("leaves nothing waiting for a product that goes on, when its commands lie on both partitions", async () => {
    await fc.assert(parkingStrewn(), { numRuns: 300 });
  });
});

/** Each guard alone holds a world in which its siblings are off; without it, that world breaks. */
describe("the simulation can fail", () => {
  const search = { numRuns: 3_000, endOnFailure: true };
  const holds = { numRuns: 200 };
  const all: GuardName[] = ["epoch", "offset", "version", "revision", "duplicate", "parked"];

  it.each([
    { guard: "epoch", world: ordered, siblings: all },
    { guard: "offset", world: ordered, siblings: all },
    { guard: "version", world: strewn, siblings: ["revision", "parked"] },
    { guard: "parked", world: parkingStrewn, siblings: [] },
  ] satisfies { guard: GuardName; world: typeof ordered; siblings: GuardName[] }[])(
    "without the $guard check",
    async ({ guard, world, siblings }) => {
      const off = siblings.filter((name) => name !== guard);
      await fc.assert(world(off), holds);
      const broken = await fc.check(world([...off, guard]), search);
      expect(broken.failed, `the world without ${guard} must break`).toBe(true);
    },
  );
});
