// What is put together for drivers: who is believed to be on duty, who is free and near, who brings an order and where they are.
import { beforeEach, describe, expect, test } from "vitest";
import { createDriverDirectory } from "../../src/api/driver-directory.ts";
import { createDriverOf, createPositionOf } from "../../src/api/driver-of-order.ts";
import { createFindFreeDrivers } from "../../src/api/free-drivers.ts";
import { systemClock } from "../../src/clock.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { LineStatus } from "../../src/schemas/lines.ts";
import type { DriverStore } from "../../src/stores/driver-store.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { createMemoryDriverPositions } from "../../src/stores/memory/driver-positions.ts";
import { createMemoryDriverStore } from "../../src/stores/memory/driver-store.ts";
import { uuidOf } from "../support/commands.ts";

const metrics = createMetrics({ defaults: false });
let time: number;
let statuses: Map<string, LineStatus>;
let delivered: Map<string, number>;
let drivers: DriverStore;
let positions: ReturnType<typeof createMemoryDriverPositions>;
beforeEach(() => {
  time = 1_000_000;
  statuses = new Map();
  delivered = new Map();
  drivers = createMemoryDriverStore({
    statusOf: (orderId) => statuses.get(orderId),
    deliveredAt: (orderId) => delivered.get(orderId),
    now: () => time,
  });
  positions = createMemoryDriverPositions({ now: () => time });
});

const onDuty = async (...ids: string[]) => {
  for (const id of ids) {
    await drivers.register({ id, name: id.toUpperCase() });
    await drivers.setDuty(id, true);
  }
};
const assign = async (number: number, driverId: string) => {
  const orderId = uuidOf(number);
  statuses.set(orderId, "accepted");
  await drivers.assign({ orderId, driverId, assignedBy: "x" });
  return orderId;
};
/** `meters` to the north of 48 degrees. */
const put = (driverId: string, meters: number, sequence = 1) =>
  positions.put({ driverId, latitude: 48 + meters / 111_200, longitude: 11, observedAt: time, sequence });

describe("who is on duty", () => {
  let away: boolean;
  let knownAway: boolean;
  let asked: string[][];
  const open = () =>
    createDriverDirectory({
      drivers: {
        drivers: (ids) => {
          asked.push([...ids]);
          return away ? Promise.reject(new StoreUnavailable("away")) : drivers.drivers(ids);
        },
      },
      clock: { now: () => time, soon: (work) => systemClock.soon(work) },
      isStoreAway: () => knownAway,
    });
  beforeEach(() => {
    [away, knownAway, asked] = [false, false, []];
  });

  test("is believed for a while, then asked again", async () => {
    await onDuty("grace");
    const directory = open();
    for (let times = 0; times < 3; times += 1) expect(await directory.dutyOf("grace")).toBe("on");
    expect(asked).toEqual([["grace"]]);
    await drivers.setDuty("grace", false);
    expect(await directory.dutyOf("grace")).toBe("on");
    time += limits.driverBelievedMs;
    expect(await directory.dutyOf("grace")).toBe("off");
  });

  test("is not believed of who was off duty, or not there", async () => {
    const directory = open();
    expect(await directory.dutyOf("grace")).toBe("unknown_driver");
    await drivers.register({ id: "grace", name: "Grace" });
    expect(await directory.dutyOf("grace")).toBe("off");
    await drivers.setDuty("grace", true);
    expect(await directory.dutyOf("grace")).toBe("on");
  });

  test("is asked of all at once, and of each once", async () => {
    await onDuty("grace", "ada");
    const directory = open();
    await Promise.all(["grace", "ada", "grace"].map((id) => directory.dutyOf(id)));
    expect(asked).toEqual([["grace", "ada"]]);
  });

  test("is believed on while PostgreSQL is away, of those who were known", async () => {
    await onDuty("grace");
    const directory = open();
    await directory.dutyOf("grace");
    away = true;
    time += limits.driverBelievedMs;
    expect(await directory.dutyOf("grace")).toBe("on");
    expect(asked).toHaveLength(2);
    time += limits.driverBelievedMs;
    knownAway = true;
    expect(await directory.dutyOf("grace")).toBe("on");
    expect(asked).toHaveLength(2);
    await expect(directory.dutyOf("ada")).rejects.toBeInstanceOf(StoreUnavailable);
    directory.forget("grace");
    await expect(directory.dutyOf("grace")).rejects.toBeInstanceOf(StoreUnavailable);
  });
});

describe("who is free and near", () => {
  const place = { latitude: 48, longitude: 11 };

  test("further away is looked as long as too few are free, up to a bound", async () => {
    const ids = Array.from({ length: 30 }, (_, n) => `d${n}`);
    await onDuty(...ids);
    for (const [n, id] of ids.entries()) await put(id, 10 * (n + 1));
    // Of the 20 nearest, none is free.
    for (const [n, id] of ids.slice(0, 20).entries()) await assign(n, id);
    const looks: number[] = [];
    const noting = {
      nearest: (...wanted: Parameters<typeof positions.nearest>) => {
        looks.push(wanted[2]);
        return positions.nearest(...wanted);
      },
    };
    const find = createFindFreeDrivers({ drivers, positions: noting, looksFirst: 5, looksMax: 25 });
    const found = await find(place, 10_000, 2);
    expect(found.map(({ driverId, name }) => [driverId, name])).toEqual([
      ["d20", "D20"],
      ["d21", "D21"],
    ]);
    expect(looks).toEqual([5, 20, 25]);
    looks.length = 0;
    expect(await find(place, 10_000, 8)).toHaveLength(5); // Of the 25 that are looked at, no more are free.
    expect(looks).toEqual([8, 25]);
    looks.length = 0;
    expect(await find(place, 45, 2)).toEqual([]);
    expect(looks).toEqual([5]);
  });

  test("a driver whom PostgreSQL does not know is not shown", async () => {
    await onDuty("grace");
    await put("grace", 20);
    await put("stranger", 10);
    const found = await createFindFreeDrivers({ drivers, positions })(place, 1_000, 5);
    expect(found.map(({ driverId }) => driverId)).toEqual(["grace"]);
  });
});

describe("who brings an order", () => {
  const open = () => createDriverOf({ drivers, positionOf: createPositionOf({ positions, metrics }) });

  test("is told with where they are, and how long ago that was", async () => {
    await onDuty("grace");
    const driverOf = open();
    expect(await driverOf(uuidOf(1))).toBe(null);
    const orderId = await assign(1, "grace");
    const known = { orderId, driverId: "grace", name: "GRACE", assignedBy: "x", assignedAt: time, endedAt: null };
    expect(await driverOf(orderId)).toEqual({ ...known, position: null });
    const observedAt = time;
    await put("grace", 0);
    time += 700;
    const position = { driverId: "grace", latitude: 48, longitude: 11, observedAt, sequence: 1, ageMs: 700 };
    expect(await driverOf(orderId)).toEqual({ ...known, position });
    time += limits.driverSilenceMs;
    expect(await driverOf(orderId)).toEqual({ ...known, position: null });
  });

  test("is not followed any more once the order is brought, nor told where it was cancelled or taken away", async () => {
    await onDuty("grace");
    await put("grace", 0);
    const driverOf = open();
    const brought = await assign(1, "grace");
    delivered.set(brought, time);
    expect(await driverOf(brought)).toMatchObject({ driverId: "grace", endedAt: time, position: null });
    const cancelled = await assign(2, "grace");
    statuses.set(cancelled, "cancelled");
    expect(await driverOf(cancelled)).toBe(null);
    const released = await assign(3, "grace");
    await drivers.release(released);
    expect(await driverOf(released)).toBe(null);
  });

  test("is told without a position while Redis is away", async () => {
    await onDuty("grace");
    await put("grace", 0);
    const orderId = await assign(1, "grace");
    positions.setAway(true);
    expect(await open()(orderId)).toMatchObject({ driverId: "grace", position: null });
    positions.setAway(false);
    expect(await open()(orderId)).toMatchObject({ position: { latitude: 48 } });
  });
});
