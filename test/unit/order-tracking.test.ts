/** What is kept in Redis of an order on its way: polling costs PostgreSQL nothing, nothing older follows a newer, and all comes back after a loss. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMarkedDrivers, createMarkedFulfilments } from "../../src/api/marked-tracking.ts";
import { createOrderTracking } from "../../src/api/order-tracking.ts";
import { createPageMarks } from "../../src/api/page-marks.ts";
import { systemClock } from "../../src/clock.ts";
import { limits } from "../../src/limits.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { decidedOrder } from "../../src/schemas/order-document.ts";
import { createMemoryDriverStore } from "../../src/stores/memory/driver-store.ts";
import { createMemoryFulfilmentStore } from "../../src/stores/memory/fulfilment-store.ts";
import { createMemoryPageCache } from "../../src/stores/memory/page-cache.ts";
import { createMemoryTrackingStore } from "../../src/stores/memory/tracking-store.ts";
import type { Tracking } from "../../src/stores/tracking-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";
import { openShop, orderCalls, orderId } from "./order-calls.ts";

/** The pages' clock. After a loss nothing is kept for as long as a mark may be on. */
let now = 0;
const settleDown = (): void => void (now += limits.pageMarkTtlMs);

describe("over HTTP", () => {
  let world: ApiWorld;
  let pages: ReturnType<typeof createMemoryPageCache>;
  beforeEach(async () => {
    pages = createMemoryPageCache({ now: () => now });
    const made = new ApiWorld();
    made.pages = pages;
    world = await openShop(made);
    for (const id of ["grace", "ada"]) {
      await world.drivers.register({ id, name: id.toUpperCase() });
      await world.drivers.setDuty(id, true);
    }
    await place({ deliveryLocation: { latitude: 48, longitude: 11 } });
    await post("pack");
    await get(`/orders/${orderId}`); // The first one finds the cache empty.
    settleDown();
  });
  afterEach(() => world.app.close());
  const { get, place, post } = orderCalls(() => world);
  const give = (driverId: string) =>
    world.app.inject({ method: "PUT", url: `/orders/${orderId}/driver`, payload: { driverId } });
  const take = () => world.app.inject({ method: "DELETE", url: `/orders/${orderId}/driver` });
  const read = async () => bodyOf(await get(`/orders/${orderId}`));
  const driver = async () => bodyOf(await get(`/orders/${orderId}/driver`));
  const all = async () => {
    const listed = bodyOf(await get("/orders?productId=p1"));
    const lookup = { method: "POST", url: "/orders/lookup", payload: { ids: [orderId] } } as const;
    return [await read(), await driver(), listed, bodyOf(await world.app.inject(lookup))];
  };

  test("polling an order on its way asks PostgreSQL nothing, and goes on without it", async () => {
    await give("grace");
    await post("out-for-delivery");
    await read();
    const [asked, before] = [world.trackingQuestions, [await read(), await driver()]];
    for (let poll = 0; poll < 20; poll++) await Promise.all([read(), driver()]);
    expect(world.trackingQuestions).toBe(asked);
    world.storeAway = true;
    expect([await read(), await driver()]).toEqual(before);
    expect(before[0]).toMatchObject({ fulfilment: "out_for_delivery", driver: { driverId: "grace" } });
  });

  test("each step and each change of the driver is seen at once, though it was kept a moment before", async () => {
    const states: unknown[] = [];
    const changes = [
      () => post("out-for-delivery"),
      () => give("grace"),
      take,
      () => give("ada"),
      () => post("deliver"),
    ];
    for (const change of changes) {
      await read();
      await read();
      expect((await change()).statusCode).toBe(200);
      const { fulfilment, driver: seen } = await read();
      states.push([fulfilment, (seen as { driverId: string } | null)?.driverId]);
    }
    const out = "out_for_delivery";
    expect(states).toEqual([
      [out, undefined],
      [out, "grace"],
      [out, undefined],
      [out, "ada"],
      ["delivered", undefined],
    ]);
  });

  test("after all of Redis is lost everything is as before, but for where the driver is; and then it is kept again", async () => {
    await give("grace");
    await post("out-for-delivery");
    const position = { latitude: 48.01, longitude: 11, observedAt: new Date().toISOString(), sequence: 1 };
    await world.app.inject({ method: "PUT", url: "/drivers/grace/location", payload: position });
    const before = await all();
    expect(before[1]).toMatchObject({ position: { latitude: 48.01 } });
    pages.flush();
    world.cache.flush();
    world.positions.flush();
    const seen = { orderId, driver: { driverId: "grace", name: "GRACE" }, position: null, distanceMetres: null };
    const after = before.with(1, seen);
    expect(await all()).toEqual(after);
    settleDown();
    expect(await all()).toEqual(after);
    world.storeAway = true;
    expect([await read(), await driver()]).toEqual(after.slice(0, 2));
  });

  test("what is kept of an order goes by itself", async () => {
    await post("out-for-delivery");
    await post("deliver");
    await read();
    expect(pages.size()).toBe(1);
    now += 1.2 * limits.pageTtlMs;
    expect(await pages.look({ key: `order-${orderId}`, scopes: [`order:${orderId}`] }, null)).toEqual({ kind: "miss" });
  });

  test("while Redis is away PostgreSQL is asked", async () => {
    await read();
    pages.setAway(true);
    expect((await post("out-for-delivery")).statusCode).toBe(200);
    expect(await read()).toMatchObject({ fulfilment: "out_for_delivery" });
    await give("grace");
    expect(await driver()).toMatchObject({ driver: { driverId: "grace" } });
  });

  test("an order that is not packed is nobody's page", async () => {
    const other = uuidOf(7);
    await place({ orderId: other });
    const asked = world.trackingQuestions;
    await get(`/orders/${other}`);
    expect([world.trackingQuestions, pages.size()]).toEqual([asked, 0]);
  });
});

describe("a reader who was told before a change what the way of the order was", () => {
  const packed = uuidOf(1);
  const lines = [
    orderLine({ commandId: packed, fulfilment: "packed", revision: 2 }),
    movementLine({ type: "PackOrder", quantity: 1, delta: 0, commandId: uuidOf(2), orderId: packed }),
  ].map((line) => ({ ...line, decidedAt: 0 }));
  function openWorld() {
    const cache = createMemoryPageCache({ now: () => now });
    const metrics = createMetrics({ defaults: false });
    const marks = createPageMarks({ cache, metrics });
    const steps = createMemoryFulfilmentStore(new Map(lines.map((line) => [line.commandId, line])), () => 0);
    const memory = createMemoryDriverStore({ statusOf: () => "accepted", deliveredAt: (id) => steps.deliveredAt(id) });
    const store = createMemoryTrackingStore(steps, memory);
    let held: Promise<void> | null = null;
    const tracking = async (ids: readonly string[]): Promise<Tracking[]> => {
      const answer = await store.tracking(ids);
      await held;
      return answer;
    };
    const open = () => createOrderTracking({ tracking: { tracking }, cache, metrics, clock: systemClock });
    return {
      ...{ open, drivers: createMarkedDrivers(memory, marks), fulfilments: createMarkedFulfilments(steps, marks) },
      hold: (until: Promise<void> | null): void => void (held = until),
    };
  }
  const order = decidedOrder(lines[0] ?? orderLine(), 0);

  test.each<[string, (world: ReturnType<typeof openWorld>) => Promise<unknown>]>([
    [
      "of its step",
      ({ fulfilments }) =>
        fulfilments.advance({ orderId: packed, step: "out_for_delivery", actor: null, requestId: uuidOf(3) }),
    ],
    ["of its driver", ({ drivers }) => drivers.assign({ orderId: packed, driverId: "grace", assignedBy: null })],
    ["that takes its driver", ({ drivers }) => drivers.release(packed)],
  ])("%s leaves nothing old for those who ask afterwards, at any api", async (which, change) => {
    const world = openWorld();
    const [one, other] = [world.open(), world.open()];
    for (const id of ["grace"]) {
      await world.drivers.register({ id, name: id });
      await world.drivers.setDuty(id, true);
    }
    if (which.startsWith("that")) await world.drivers.assign({ orderId: packed, driverId: "grace", assignedBy: null });
    const before = (await one.of(order)).revision;
    settleDown();
    let answer: () => void = () => undefined;
    world.hold(new Promise((resolve) => (answer = resolve)));
    const late = one.of(order);
    await new Promise((resolve) => setTimeout(resolve, 20)); // It has been read, and is not there yet.
    await change(world);
    world.hold(null);
    answer();
    await late;
    for (const api of [other, one, world.open()]) expect((await api.of(order)).revision).toBe(before + 1);
  });
});
