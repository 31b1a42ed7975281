/** What every store of drivers and of who brings which order does. */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { LineStatus } from "../../src/schemas/lines.ts";
import type { DriverStore } from "../../src/stores/driver-store.ts";
import { uuidOf } from "../support/commands.ts";

export type DriverWorld = {
  readonly store: DriverStore;
  /** The ledger says so of the order from now on. */
  decide(orderId: string, status: LineStatus): Promise<unknown>;
  /** The order is delivered. */
  deliver(orderId: string): Promise<unknown>;
};

/** Resolves with a store that is empty. */
export function describeDriverStore(where: string, emptyWorld: () => Promise<DriverWorld>): void {
  let world: DriverWorld;
  let store: DriverStore;
  beforeEach(async () => {
    world = await emptyWorld();
    store = world.store;
  });
  const [one, two, three] = [uuidOf(1), uuidOf(2), uuidOf(3)];
  const onDuty = async (...ids: string[]) => {
    for (const id of ids) {
      await store.register({ id, name: id });
      await store.setDuty(id, true);
    }
  };
  const accepted = async (...ids: string[]) => {
    for (const id of ids) await world.decide(id, "accepted");
  };
  const assign = (orderId: string, driverId: string, assignedBy = "dispatch") =>
    store.assign({ orderId, driverId, assignedBy });
  const orderOf = async (id: string) => (await store.drivers([id]))[0]?.orderId;

  describe(`drivers ${where}`, () => {
    test("are registered once, off duty; who comes later gets the one that is there", async () => {
      const first = await store.register({ id: "grace", name: "Grace" });
      expect(first.created).toBe(true);
      expect(first.driver).toEqual({
        id: "grace",
        name: "Grace",
        onDuty: false,
        dutySince: expect.any(Number) as number,
        orderId: null,
      });
      const again = await store.register({ id: "grace", name: "Another" });
      expect(again).toEqual({ driver: first.driver, created: false });
      expect(await store.drivers(["ada", "grace"])).toEqual([null, first.driver]);
      expect(await store.drivers([])).toEqual([]);
    });

    test("go on and off duty", async () => {
      expect(await store.setDuty("grace", true)).toEqual({ kind: "unknown_driver" });
      await onDuty("grace");
      const [before] = await store.drivers(["grace"]);
      expect(before?.onDuty).toBe(true);
      expect(await store.setDuty("grace", true)).toEqual({ kind: "done" });
      expect(await store.drivers(["grace"])).toEqual([before]);
      expect(await store.setDuty("grace", false)).toEqual({ kind: "done" });
      expect((await store.drivers(["grace"]))[0]?.onDuty).toBe(false);
    });

    test("are listed by their ids, those who are on duty or free, from behind any of them", async () => {
      await store.register({ id: "off", name: "Off" });
      await onDuty("b", "Z", "a");
      await accepted(one);
      await assign(one, "b");
      const ids = async (...listing: Parameters<DriverStore["list"]>) =>
        (await store.list(...listing)).map(({ id }) => id);
      expect(await ids({}, null, 10)).toEqual(["Z", "a", "b", "off"]);
      expect(await ids({}, "a", 10)).toEqual(["b", "off"]);
      expect(await ids({}, "aa", 1)).toEqual(["b"]);
      expect(await ids({ onDuty: true }, null, 10)).toEqual(["Z", "a", "b"]);
      expect(await ids({ onDuty: false }, null, 10)).toEqual(["off"]);
      expect(await ids({ free: true }, null, 2)).toEqual(["Z", "a"]);
      expect(await ids({ free: false }, null, 10)).toEqual(["b", "off"]);
      expect(await store.list({}, "a", 1)).toEqual(await store.drivers(["b"]));
    });

    test("the first reason that holds is why an order is not given", async () => {
      // Each is mended after it was seen, so that the next one wins.
      expect(await assign(one, "grace")).toEqual({ kind: "unknown_driver" });
      await store.register({ id: "grace", name: "Grace" });
      expect(await assign(one, "grace")).toEqual({ kind: "undecided" });
      await world.decide(one, "rejected");
      expect(await assign(one, "grace")).toEqual({ kind: "not_accepted" });
      await accepted(two, three);
      await onDuty("ada", "grace");
      await assign(two, "ada");
      await assign(three, "grace");
      await world.deliver(two);
      expect(await assign(two, "grace")).toEqual({ kind: "ended", driverId: "ada" });
      const four = uuidOf(4);
      await accepted(four);
      await assign(four, "ada");
      expect(await assign(four, "grace")).toEqual({ kind: "order_taken", driverId: "ada" });
      await store.release(four);
      expect(await assign(four, "grace")).toEqual({ kind: "driver_busy", orderId: three });
      await store.release(three);
      await store.setDuty("grace", false);
      expect(await assign(four, "grace")).toEqual({ kind: "off_duty" });
      await store.setDuty("grace", true);
      expect(await assign(four, "grace")).toMatchObject({ kind: "assigned" });
    });

    test("an order is given, and given again by the same words", async () => {
      await onDuty("grace");
      await accepted(one);
      const given = await assign(one, "grace", "desk 7");
      const assignedAt = expect.any(Number) as number;
      const assignment = { orderId: one, driverId: "grace", assignedBy: "desk 7", assignedAt };
      expect(given).toEqual({ kind: "assigned", assignment });
      expect(await assign(one, "grace", "desk 8")).toEqual(given);
      expect(await orderOf("grace")).toBe(one);
      const row = { ...(given.kind === "assigned" ? given.assignment : {}), name: "grace", endedAt: null };
      expect(await store.driversOf([two, one])).toEqual([null, row]);
      expect(await store.driversOf([])).toEqual([]);
    });

    test("who has an order stays on duty", async () => {
      await onDuty("grace");
      await accepted(one);
      await assign(one, "grace");
      expect(await store.setDuty("grace", false)).toEqual({ kind: "driver_busy", orderId: one });
      expect(await store.setDuty("grace", true)).toEqual({ kind: "done" });
      await store.release(one);
      expect(await store.setDuty("grace", false)).toEqual({ kind: "done" });
    });

    test("an order is taken from its driver, twice like once", async () => {
      await onDuty("grace");
      await accepted(one);
      expect(await store.release(one)).toEqual({ kind: "none" });
      await assign(one, "grace");
      expect(await store.release(one)).toEqual({ kind: "released", driverId: "grace" });
      expect(await store.release(one)).toEqual({ kind: "none" });
      expect(await orderOf("grace")).toBe(null);
      expect(await store.driversOf([one])).toEqual([null]);
      expect(await assign(one, "grace")).toMatchObject({ kind: "assigned" });
    });

    test("who has brought an order is free, and stays known as the one who brought it", async () => {
      await onDuty("grace");
      await accepted(one, two);
      await assign(one, "grace");
      await world.deliver(one);
      const [brought] = await store.driversOf([one]);
      expect(brought).toMatchObject({ driverId: "grace", endedAt: expect.any(Number) as number });
      expect(await store.driversOf([one, two])).toEqual([brought, null]);
      expect(await orderOf("grace")).toBe(null);
      expect(await store.release(one)).toEqual({ kind: "ended", driverId: "grace" });
      expect(await assign(one, "grace")).toEqual({ kind: "ended", driverId: "grace" });
      expect(await assign(two, "grace")).toMatchObject({ kind: "assigned" });
      // It makes no difference that the driver has another order by now.
      expect(await store.driversOf([one])).toEqual([brought]);
      expect(await store.release(one)).toEqual({ kind: "ended", driverId: "grace" });
      expect(await orderOf("grace")).toBe(two);
    });

    test("an order that is cancelled keeps no driver", async () => {
      await onDuty("grace");
      await accepted(one, two);
      await assign(one, "grace");
      await world.decide(one, "cancelled");
      expect(await orderOf("grace")).toBe(null);
      expect(await store.driversOf([one])).toEqual([null]);
      expect(await store.release(one)).toEqual({ kind: "none" });
      expect(await assign(one, "grace")).toEqual({ kind: "not_accepted" });
      expect(await assign(two, "grace")).toMatchObject({ kind: "assigned" });
      await store.release(two);
      expect(await store.setDuty("grace", false)).toEqual({ kind: "done" });
    });

    test("of many dispatchers who give one order at once, one has it, and the others hear who", async () => {
      const ids = Array.from({ length: 6 }, (_, n) => `d${n}`);
      await onDuty(...ids);
      await accepted(one);
      const outcomes = await Promise.all(ids.map((id) => assign(one, id)));
      const winners = ids.filter((_, index) => outcomes[index]?.kind === "assigned");
      expect(winners).toHaveLength(1);
      const losers = outcomes.filter(({ kind }) => kind !== "assigned");
      expect(losers).toEqual(losers.map(() => ({ kind: "order_taken", driverId: winners[0] })));
      expect((await store.driversOf([one]))[0]?.driverId).toBe(winners[0]);
    });

    test("of many orders that are given to one driver at once, the driver has one", async () => {
      const orders = Array.from({ length: 6 }, (_, n) => uuidOf(n + 10));
      await onDuty("grace");
      await accepted(...orders);
      const outcomes = await Promise.all(orders.map((orderId) => assign(orderId, "grace")));
      const winners = orders.filter((_, index) => outcomes[index]?.kind === "assigned");
      expect(winners).toHaveLength(1);
      expect(await orderOf("grace")).toBe(winners[0]);
      const losers = outcomes.filter(({ kind }) => kind !== "assigned");
      expect(losers).toEqual(losers.map(() => ({ kind: "driver_busy", orderId: winners[0] })));
    });

    test("whatever is done at the same time: an order has one driver, a driver one order, and who has one is on duty", async () => {
      const drivers = ["ada", "grace", "linus"];
      const orders = [one, two, three];
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.record({ do: fc.constant("assign"), order: fc.nat(2), driver: fc.nat(2) }) },
        fc.record({ do: fc.constantFrom("release", "on", "off"), order: fc.nat(2), driver: fc.nat(2) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
          world = await emptyWorld();
          store = world.store;
          await onDuty(...drivers);
          await accepted(...orders);
          await Promise.all(
            steps.map(async ({ do: what, order, driver }) => {
              const [orderId = one, driverId = "ada"] = [orders[order], drivers[driver]];
              if (what === "assign") return assign(orderId, driverId);
              if (what === "release") return store.release(orderId);
              return store.setDuty(driverId, what === "on");
            }),
          );
          const found = await store.drivers(drivers);
          const rows = await store.driversOf(orders);
          const had = found.flatMap((driver) => driver?.orderId ?? []);
          expect(new Set(had).size).toBe(had.length);
          for (const driver of found) if (typeof driver?.orderId === "string") expect(driver.onDuty).toBe(true);
          const taken = rows.flatMap((row) => (row === null ? [] : [[row.orderId, row.driverId]]));
          const brings = found.flatMap((driver) =>
            typeof driver?.orderId !== "string" ? [] : [[driver.orderId, driver.id]],
          );
          expect(taken.toSorted()).toEqual(brings.toSorted());
        }),
        { numRuns: 40 },
      );
    });
  });
}
