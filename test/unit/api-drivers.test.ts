import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Check } from "typebox/value";
import {
  Driver,
  LocationReceipt,
  LocationResults,
  NearestDrivers,
  OrderDriver,
} from "../../src/api/schemas/drivers.ts";
import { limits } from "../../src/limits.ts";
import { dependencyNames } from "../../src/ops/health.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

const start = Date.UTC(2026, 0, 31, 12);
let world: ApiWorld;
let time: number;
beforeEach(async () => {
  time = start;
  world = new ApiWorld();
  world.clock = () => time;
  await world.open();
});
afterEach(() => world.app.close());

type Method = "GET" | "POST" | "PUT" | "DELETE";
const send = async (method: Method, url: string, payload?: object, headers: Record<string, string> = {}) => {
  const answer = await world.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) });
  return { status: answer.statusCode, headers: answer.headers, body: bodyOf(answer) };
};
const onDuty = async (...ids: string[]) => {
  for (const id of ids) {
    await send("POST", "/drivers", { id, name: id.toUpperCase() });
    await send("PUT", `/drivers/${id}/duty`, { onDuty: true });
  }
};
const observedAt = (ms = time) => new Date(ms).toISOString();
const here = { latitude: 48.137154, longitude: 11.576124 };
const report = (sequence: number, fields: object = {}) => ({ ...here, observedAt: observedAt(), sequence, ...fields });
const place = (id: string, fields: object = {}) =>
  send("PUT", `/drivers/${id}/location`, report(1, { ...here, ...fields }));

let orders = 0;
/** An order that is accepted, or what the product's stock makes of it. */
async function order(deliveryLocation: object | null = null, quantity = 1): Promise<string> {
  if (!world.products.has("p1")) world.addProduct({}, 1_000);
  const orderId = `018f7c1e-0000-7000-8000-${String((orders += 1)).padStart(12, "0")}`;
  await world.app.inject({
    method: "POST",
    url: "/orders",
    headers: { prefer: "wait=5" },
    payload: { orderId, productId: "p1", quantity, deliveryLocation },
  });
  return orderId;
}

describe("drivers", () => {
  test("are registered off duty; the same again is the same, another name is not", async () => {
    const answer = await send("POST", "/drivers", { id: "grace", name: "Grace" });
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBe("/drivers/grace");
    expect(Check(Driver, answer.body)).toBe(true);
    expect(answer.body).toMatchObject({ id: "grace", name: "Grace", onDuty: false, orderId: null, position: null });
    expect((await send("POST", "/drivers", { id: "grace", name: "Grace" })).body).toEqual(answer.body);
    const other = await send("POST", "/drivers", { id: "grace", name: "Ada" });
    expect([other.status, other.body.code, other.body.driverId]).toEqual([409, "driver_exists", "grace"]);
    const made = await send("POST", "/drivers", { name: "Linus" });
    expect((await send("GET", String(made.headers.location))).body.name).toBe("Linus");
    for (const id of ["nearest", "locations", "..", "a b"])
      expect((await send("POST", "/drivers", { id, name: "x" })).status, id).toBe(400);
  });

  test("go on and off duty; off duty they are nowhere", async () => {
    await onDuty("grace");
    await place("grace");
    expect((await send("GET", "/drivers/grace")).body).toMatchObject({ onDuty: true, position: { ...here, ageMs: 0 } });
    const off = await send("PUT", "/drivers/grace/duty", { onDuty: false });
    expect(off.body).toMatchObject({ onDuty: false, position: null });
    expect(await world.positions.read(["grace"])).toEqual([null]);
    const refused = await place("grace", { sequence: 9 });
    expect([refused.status, refused.body.code]).toEqual([422, "driver_off_duty"]);
    const unknown = await send("PUT", "/drivers/ada/duty", { onDuty: true });
    expect([unknown.status, unknown.body.code, unknown.body.driverId]).toEqual([404, "unknown_driver", "ada"]);
    expect((await send("GET", "/drivers/ada")).body.code).toBe("unknown_driver");
  });

  test("without Redis they are read without a position, and go off duty", async () => {
    await onDuty("grace");
    await place("grace");
    world.positions.setAway(true);
    expect((await send("GET", "/drivers/grace")).body).toMatchObject({ onDuty: true, position: null });
    expect((await send("PUT", "/drivers/grace/duty", { onDuty: false })).status).toBe(200);
  });
});

describe("a driver's position", () => {
  test("is taken when it is newer; older ones are answered, and change nothing", async () => {
    await onDuty("grace");
    const taken = await place("grace", { sequence: 5 });
    expect(taken.status).toBe(200);
    expect(Check(LocationReceipt, taken.body)).toBe(true);
    expect(taken.body).toEqual({ driverId: "grace", applied: true, reason: null, sequence: 5 });
    const older = await place("grace", { sequence: 4, latitude: 1 });
    expect(older.status).toBe(200);
    expect(older.body).toEqual({ driverId: "grace", applied: false, reason: "not_newer", sequence: 5 });
    const early = await place("grace", { sequence: 6, observedAt: observedAt(time - limits.driverSilenceMs) });
    expect(early.body).toEqual({ driverId: "grace", applied: false, reason: "too_old", sequence: 5 });
    expect(await world.positions.read(["grace"])).toMatchObject([{ ...here, sequence: 5 }]);
  });

  test("is gone when the driver is silent", async () => {
    await onDuty("grace");
    await place("grace");
    time += limits.driverSilenceMs - 1;
    expect((await send("GET", "/drivers/grace")).body.position).toMatchObject({ ageMs: limits.driverSilenceMs - 1 });
    time += 1;
    expect((await send("GET", "/drivers/grace")).body.position).toBe(null);
  });

  test.each<[string, object, string]>([
    ["beyond the grid of places", { latitude: 85.06 }, "/latitude"],
    ["beyond the pole", { latitude: -91 }, "/latitude"],
    ["beyond the world", { longitude: 180.5 }, "/longitude"],
    ["of no time", { observedAt: "yesterday" }, "/observedAt"],
    ["of a time that there is not", { observedAt: "2026-02-31T12:00:00Z" }, "/observedAt"],
    ["of a second that JavaScript does not have", { observedAt: "2016-12-31T23:59:60Z" }, "/observedAt"],
    ["without a whole sequence", { sequence: 1.5 }, "/sequence"],
    ["below the first sequence", { sequence: -1 }, "/sequence"],
    ["beyond the last sequence", { sequence: 2 ** 53 }, "/sequence"],
    ["with more than is known", { speed: 3 }, "/speed"],
  ])("%s is refused, and the field named", async (_what, fields, field) => {
    await onDuty("grace");
    const { status, body } = await place("grace", fields);
    expect([status, body.code]).toEqual([400, "invalid_request"]);
    expect((body.errors as { field: string }[]).map((error) => error.field)).toEqual([field]);
    const [result] = (
      await send("POST", "/drivers/locations", { locations: [{ driverId: "grace", ...report(1, fields) }] })
    ).body.results as Record<string, unknown>[];
    expect(result).toMatchObject({ driverId: "grace", applied: false, code: "invalid_request", errors: body.errors });
  });

  test("of the future is refused; a clock that is a little ahead is not", async () => {
    await onDuty("grace");
    const ahead = await place("grace", { observedAt: observedAt(time + limits.positionSkewMs) });
    expect(ahead.body.applied).toBe(true);
    const future = await place("grace", { sequence: 2, observedAt: observedAt(time + limits.positionSkewMs + 1) });
    expect([future.status, future.body.code]).toEqual([422, "observed_in_future"]);
  });

  test("of nobody who is known is refused", async () => {
    const { status, body } = await place("ada");
    expect([status, body.code, body.driverId]).toEqual([404, "unknown_driver", "ada"]);
  });

  test("Redis away: 503 with Retry-After, until it is back", async () => {
    await onDuty("grace");
    world.positions.setAway(true);
    for (const answer of [
      await place("grace"),
      await send("POST", "/drivers/locations", { locations: [{ driverId: "grace", ...report(1) }] }),
      await send("GET", "/drivers/nearest?near=48,11"),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([503, "positions_unavailable"]);
      expect(answer.headers["retry-after"]).toBe("1");
    }
    world.positions.setAway(false);
    expect((await place("grace")).body.applied).toBe(true);
  });

  test("PostgreSQL away: drivers who were heard lately are heard on, others get 503", async () => {
    await onDuty("grace", "ada");
    await place("grace");
    world.storeAway = true;
    time += limits.driverBelievedMs + 1;
    expect((await place("grace", { sequence: 2 })).body.applied).toBe(true);
    const unheard = await place("ada");
    expect([unheard.status, unheard.body.code]).toEqual([503, "store_unavailable"]);
    world.health.set(dependencyNames.store, true, "down");
    time += limits.driverBelievedMs + 1;
    expect((await place("grace", { sequence: 3 })).body.applied).toBe(true);
  });
});

describe("many positions", () => {
  test("each has a result of its own, in their order, and none spoils another", async () => {
    await onDuty("grace", "ada");
    await send("POST", "/drivers", { id: "off", name: "Off" });
    const locations = [
      { driverId: "grace", ...report(2) },
      { driverId: "ada", ...report(1, { latitude: 89 }) },
      { driverId: "grace", ...report(1) },
      7,
      { driverId: "nobody", ...report(1) },
      { driverId: "off", ...report(1) },
      { driverId: "ada", ...report(1, { observedAt: observedAt(time + 60_000) }) },
      { driverId: "ada", ...report(3) },
    ];
    const { status, body } = await send("POST", "/drivers/locations", { locations });
    expect(status).toBe(200);
    expect(Check(LocationResults, body)).toBe(true);
    const results = body.results as Record<string, unknown>[];
    const told = results.map(({ driverId, applied, reason, code }) => [driverId, applied, reason ?? code]);
    expect(told).toEqual([
      ["grace", true, undefined],
      ["ada", false, "invalid_request"],
      ["grace", false, "not_newer"],
      [undefined, false, "invalid_request"],
      ["nobody", false, "unknown_driver"],
      ["off", false, "driver_off_duty"],
      ["ada", false, "observed_in_future"],
      ["ada", true, undefined],
    ]);
    expect(results[0]).toEqual({ driverId: "grace", applied: true, reason: null, sequence: 2 });
  });

  test("PostgreSQL away: those who may be sent again say so", async () => {
    await onDuty("grace", "ada");
    await place("grace");
    world.storeAway = true;
    const locations = [
      { driverId: "ada", ...report(2) },
      { driverId: "grace", ...report(2) },
    ];
    const { results } = (await send("POST", "/drivers/locations", { locations })).body as { results: object[] };
    expect(results).toMatchObject([{ code: "store_unavailable", retryAfter: 1 }, { applied: true }]);
  });

  test("have a bound, and as many fit into a body", async () => {
    await onDuty("grace");
    const many = (count: number) =>
      Array.from({ length: count }, (_, sequence) => ({ driverId: "grace", ...report(sequence) }));
    const { status, body } = await send("POST", "/drivers/locations", { locations: many(limits.positionsMax) });
    expect(status).toBe(200);
    expect(body.results).toHaveLength(limits.positionsMax);
    expect((await send("POST", "/drivers/locations", { locations: many(limits.positionsMax + 1) })).status).toBe(400);
    expect((await send("POST", "/drivers/locations", { locations: [] })).status).toBe(400);
  });

  test("are counted by what became of them", async () => {
    await onDuty("grace");
    await place("grace", { sequence: 2 });
    await place("grace", { sequence: 1 });
    const { values } = await world.metrics.driverPositions.get();
    const counted = values.map(({ labels, value }) => `${labels.outcome} ${value}`);
    expect(counted.toSorted()).toEqual(["applied 1", "not_newer 1"]);
  });
});

describe("the nearest free drivers", () => {
  const ids = (body: Record<string, unknown>) => (body.drivers as { id: string }[]).map(({ id }) => id);
  /** About so many metres further to the north. */
  const north = (meters: number) => ({ ...here, latitude: here.latitude + meters / 111_200 });

  test("of a place: on duty, without an order, heard of; nearest first", async () => {
    await onDuty("far", "near", "busy", "silent", "outside", "leaves");
    await place("far", north(5_000));
    await place("near", north(100));
    await place("busy", north(10));
    await place("leaves", north(20));
    await place("outside", north(11_000));
    await place("silent", { ...north(5), observedAt: observedAt(time - limits.driverSilenceMs + 1) });
    time += 1;
    await send("PUT", `/orders/${await order()}/driver`, { driverId: "busy" });
    await world.drivers.setDuty("leaves", false); // By another instance, and its position is not withdrawn yet.
    const { status, body, headers } = await send("GET", "/drivers/nearest?near=48.137154,11.576124");
    expect(status).toBe(200);
    expect(headers["cache-control"]).toBe("no-store");
    expect(Check(NearestDrivers, body)).toBe(true);
    expect(ids(body)).toEqual(["near", "far"]);
    const [nearest] = body.drivers as Record<string, unknown>[];
    expect(nearest).toMatchObject({ id: "near", name: "NEAR", position: { ageMs: 1 } });
    expect(Number(nearest?.distanceMeters)).toBeCloseTo(100, -1);
    expect(ids((await send("GET", "/drivers/nearest?near=48.137154,11.576124&limit=1")).body)).toEqual(["near"]);
    const wide = await send("GET", "/drivers/nearest?near=48.137154,11.576124&radiusMeters=20000");
    expect(ids(wide.body)).toEqual(["near", "far", "outside"]);
  });

  test("of an order: near to where it is to be delivered", async () => {
    await onDuty("grace");
    await place("grace", north(300));
    const at = await order({ ...here, address: "Marienplatz 1" });
    expect(ids((await send("GET", `/drivers/nearest?orderId=${at.toUpperCase()}`)).body)).toEqual(["grace"]);
    for (const location of [null, { latitude: 88, longitude: 0 }]) {
      const orderId = await order(location);
      const { status, body } = await send("GET", `/drivers/nearest?orderId=${orderId}`);
      expect([status, body.code, body.orderId]).toEqual([422, "order_not_locatable", orderId]);
    }
    const nobodys = "00000000-0000-4000-8000-000000000099";
    const unknown = await send("GET", `/drivers/nearest?orderId=${nobodys}`);
    expect([unknown.status, unknown.body.code]).toEqual([404, "unknown_order"]);
  });

  test.each([
    "",
    "?near=48.1,11.5&orderId=00000000-0000-4000-8000-000000000001",
    "?near=86,11",
    "?near=48,181",
    "?near=48",
  ])("a question like %j is refused", async (query) => {
    const { status, body } = await send("GET", `/drivers/nearest${query}`);
    expect([status, body.code]).toEqual([400, "invalid_request"]);
  });

  test("PostgreSQL away: 503, for nobody else knows who is free", async () => {
    await onDuty("grace");
    await place("grace");
    world.storeAway = true;
    expect((await send("GET", "/drivers/nearest?near=48.137154,11.576124")).body.code).toBe("store_unavailable");
  });
});

describe("an order's driver", () => {
  const give = (orderId: string, driverId: string) =>
    send("PUT", `/orders/${orderId}/driver`, { driverId }, { "x-actor": "desk 7" });

  test("is given once, and told again by the same words", async () => {
    await onDuty("grace");
    const orderId = await order();
    const given = await give(orderId.toUpperCase(), "grace");
    expect(given.status).toBe(200);
    expect(Check(OrderDriver, given.body)).toBe(true);
    expect(given.body).toMatchObject({ orderId, driverId: "grace", assignedBy: "desk 7" });
    expect((await give(orderId, "grace")).body).toEqual(given.body);
    expect((await send("GET", "/drivers/grace")).body.orderId).toBe(orderId);
  });

  test("two dispatchers at once: exactly one has it, and the other hears who", async () => {
    await onDuty("grace", "ada");
    const orderId = await order();
    const answers = await Promise.all([give(orderId, "grace"), give(orderId, "ada")]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const [winner, loser] = answers.toSorted((a, b) => a.status - b.status);
    expect(loser?.body).toMatchObject({ code: "order_has_driver", orderId, driverId: winner?.body.driverId });
  });

  test("is refused where there is a reason", async () => {
    await onDuty("grace", "ada");
    const [one, two] = [await order(), await order()];
    const told = async (orderId: string, driverId: string) => {
      const { status, body } = await give(orderId, driverId);
      return [status, body.code];
    };
    expect(await told(one, "nobody")).toEqual([404, "unknown_driver"]);
    expect(await told("00000000-0000-4000-8000-000000000099", "grace")).toEqual([404, "unknown_order"]);
    expect(await told(await order(null, 5_000), "grace")).toEqual([409, "order_not_deliverable"]);
    await give(one, "grace");
    expect((await give(two, "grace")).body).toMatchObject({ code: "driver_busy", driverId: "grace", orderId: one });
    expect(await told(one, "ada")).toEqual([409, "order_has_driver"]);
    const stays = await send("PUT", "/drivers/grace/duty", { onDuty: false });
    expect([stays.status, stays.body.code, stays.body.orderId]).toEqual([409, "driver_busy", one]);
    await send("PUT", "/drivers/ada/duty", { onDuty: false });
    expect(await told(two, "ada")).toEqual([422, "driver_off_duty"]);
    world.delivered.set(one, time);
    expect(await told(one, "grace")).toEqual([409, "delivery_ended"]);
    expect((await send("DELETE", `/orders/${one}/driver`)).body).toMatchObject({
      code: "delivery_ended",
      driverId: "grace",
    });
  });

  test("an order that is not decided yet has none; a moment later it may", async () => {
    await onDuty("grace");
    world.decides = false;
    world.addProduct({}, 10);
    const orderId = "00000000-0000-4000-8000-0000000000aa";
    await send("POST", "/orders", { orderId, productId: "p1", quantity: 1 });
    const pending = await give(orderId, "grace");
    expect([pending.status, pending.body.code, pending.body.orderId]).toEqual([409, "order_not_deliverable", orderId]);
    await world.decide();
    expect((await give(orderId, "grace")).status).toBe(200);
  });

  test("is taken away, twice like once", async () => {
    await onDuty("grace");
    const orderId = await order();
    const nobody = { orderId, driverId: null, assignedBy: null, assignedAt: null };
    await give(orderId, "grace");
    for (let times = 0; times < 2; times += 1)
      expect(await send("DELETE", `/orders/${orderId}/driver`)).toMatchObject({ status: 200, body: nobody });
    expect((await give(orderId, "grace")).status).toBe(200);
  });

  test("PostgreSQL away: 503", async () => {
    await onDuty("grace");
    const orderId = await order();
    world.storeAway = true;
    expect((await give(orderId, "grace")).body.code).toBe("store_unavailable");
    expect((await send("DELETE", `/orders/${orderId}/driver`)).body.code).toBe("store_unavailable");
  });
});
