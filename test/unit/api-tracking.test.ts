// What a customer sees of an order on its way, and of who brings it.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Check } from "typebox/value";
import { DriverOnTheWay, DriverPage, OrderAssignment } from "../../src/api/schemas/drivers.ts";
import { Order } from "../../src/api/schemas/orders.ts";
import { limits } from "../../src/limits.ts";
import { uuidOf } from "../support/commands.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";
import { openShop, orderCalls, orderId } from "./order-calls.ts";

const start = Date.UTC(2026, 0, 31, 12);
const home = { latitude: 48.137154, longitude: 11.576124, address: "Marienplatz 1" };
let world: ApiWorld;
let time: number;
beforeEach(async () => {
  time = start;
  const made = new ApiWorld();
  made.clock = () => time;
  world = await openShop(made);
});
afterEach(() => world.app.close());

const { get, place, post } = orderCalls(() => world);
const put = (url: string, payload: object) => world.app.inject({ method: "PUT", url, payload });
const take = () => world.app.inject({ method: "DELETE", url: `/orders/${orderId}/driver` });
const give = (driverId: string, order = orderId) => put(`/orders/${order}/driver`, { driverId });
const onDuty = async (...ids: string[]) => {
  for (const id of ids) {
    await world.app.inject({ method: "POST", url: "/drivers", payload: { id, name: id.toUpperCase() } });
    await put(`/drivers/${id}/duty`, { onDuty: true });
  }
};
let sequence = 0;
/** About so many metres to the north of where the order goes. */
const drive = (driverId: string, meters: number) =>
  put(`/drivers/${driverId}/location`, {
    latitude: home.latitude + meters / 111_200,
    longitude: home.longitude,
    observedAt: new Date(time).toISOString(),
    sequence: (sequence += 1),
  });
const seen = () => get(`/orders/${orderId}/driver`);
const grace = { driverId: "grace", name: "GRACE" };

/** All that anybody is told of the order who asks for orders. */
async function everywhere(): Promise<string> {
  const ids = { ids: [orderId] };
  const lookup = await world.app.inject({ method: "POST", url: "/orders/lookup", payload: ids });
  const lists = await Promise.all(
    ["productId=p1", "status=accepted", "customerId=ada"].map((by) => get(`/orders?${by}`)),
  );
  const one = await get(`/orders/${orderId}`);
  const steps = await get(`/orders/${orderId}/fulfilment`);
  return [one, lookup, steps, ...lists, await post("pack")].map(({ body }) => body).join("\n");
}

describe("the driver of an order", () => {
  test("is seen from pick-up to delivery, and neither before nor after, by no route", async () => {
    await onDuty("grace");
    await place({ deliveryLocation: home, customerId: "ada" });
    const unseen = async (fulfilment: string | null) => {
      const answer = await seen();
      expect([answer.statusCode, bodyOf(answer)]).toMatchObject([
        404,
        { code: "no_driver_to_see", orderId, fulfilment },
      ]);
      if (fulfilment !== null) expect(await everywhere()).not.toMatch(/grace/i);
      expect(bodyOf(await get(`/orders/${orderId}`)).driver).toBe(null);
    };
    await give("grace");
    await drive("grace", 500);
    await unseen(null);
    await post("pack");
    await unseen("packed");
    await post("out-for-delivery");
    time += 800;
    const answer = await seen();
    expect(answer.statusCode).toBe(200);
    expect(Check(DriverOnTheWay, bodyOf(answer))).toBe(true);
    const { distanceMetres, ...rest } = bodyOf(answer);
    expect(distanceMetres).toBeCloseTo(500, -1);
    expect(rest).toEqual({
      orderId,
      driver: grace,
      position: {
        latitude: home.latitude + 500 / 111_200,
        longitude: home.longitude,
        observedAt: new Date(start).toISOString(),
        ageMs: 800,
      },
    });
    const order = bodyOf(await get(`/orders/${orderId}`));
    expect(Check(Order, order)).toBe(true);
    expect(order.driver).toEqual(grace);
    expect((await everywhere()).match(/"driver":\{"driverId":"grace","name":"GRACE"\}/g)).toHaveLength(6);
    await post("deliver");
    await unseen("delivered");
  });

  test("has no position while silent, or Redis is away, and no distance where the order goes nowhere that is known", async () => {
    await onDuty("grace");
    await place();
    await give("grace");
    await post("pack");
    await post("out-for-delivery");
    expect(bodyOf(await seen())).toEqual({ orderId, driver: grace, position: null, distanceMetres: null });
    await drive("grace", 100);
    expect(bodyOf(await seen())).toMatchObject({ position: { ageMs: 0 }, distanceMetres: null });
    world.positions.setAway(true);
    expect(bodyOf(await seen())).toMatchObject({ driver: grace, position: null });
    world.positions.setAway(false);
    time += limits.driverSilenceMs;
    expect(bodyOf(await seen())).toMatchObject({ driver: grace, position: null });
  });

  test("an order may be out for delivery by nobody who is known, and be given to somebody, and another, meanwhile", async () => {
    await onDuty("grace", "ada");
    await place();
    await post("pack");
    await post("out-for-delivery");
    expect(bodyOf(await seen())).toMatchObject({ code: "no_driver_to_see", fulfilment: "out_for_delivery" });
    await give("grace");
    expect(bodyOf(await seen())).toMatchObject({ driver: grace });
    await take();
    expect((await seen()).statusCode).toBe(404);
    await give("ada");
    expect(bodyOf(await seen())).toMatchObject({ driver: { driverId: "ada", name: "ADA" } });
  });

  test("304 until the position is another one; that of the order is another one with its driver, not with the position", async () => {
    await onDuty("grace", "ada");
    await place();
    await post("pack");
    const tags = [(await get(`/orders/${orderId}`)).headers.etag];
    await give("grace");
    const ask = (url: string, tag: unknown) => get(url, { "if-none-match": String(tag) });
    const order = `/orders/${orderId}`;
    expect((await ask(order, tags[0])).statusCode).toBe(304);
    await post("out-for-delivery");
    tags.push((await ask(order, tags[0])).headers.etag);
    const none = (await seen()).headers.etag;
    await drive("grace", 10);
    const first = await ask(`${order}/driver`, none);
    expect([first.statusCode, first.headers["cache-control"]]).toEqual([200, "private, no-cache"]);
    time += 400;
    const same = await ask(`${order}/driver`, first.headers.etag);
    expect([same.statusCode, same.body]).toEqual([304, ""]);
    await drive("grace", 10);
    expect((await ask(`${order}/driver`, first.headers.etag)).statusCode).toBe(200);
    expect((await ask(order, tags[1])).statusCode).toBe(304);
    await take();
    tags.push((await ask(order, tags[1])).headers.etag);
    await give("ada");
    tags.push((await ask(order, tags[2])).headers.etag);
    expect(tags).toEqual([
      'W/"2-packed"',
      'W/"2-out_for_delivery-grace"',
      'W/"2-out_for_delivery"',
      'W/"2-out_for_delivery-ada"',
    ]);
  });

  test("of an order that nobody knows is not there either; and without PostgreSQL nothing is guessed", async () => {
    expect(bodyOf(await seen())).toMatchObject({ code: "unknown_order", status: 404 });
    expect(bodyOf(await get(`/orders/${orderId}/assignment`))).toMatchObject({ code: "unknown_order", status: 404 });
    await place();
    await post("pack");
    world.storeAway = true;
    expect(bodyOf(await seen())).toMatchObject({ code: "store_unavailable", status: 503 });
  });
});

describe("dispatchers", () => {
  test("see who has an order before it leaves, on its way, and afterwards", async () => {
    await onDuty("grace");
    await place();
    const assignment = () => get(`/orders/${orderId}/assignment`);
    const nobody = { driverId: null, assignedBy: null, assignedAt: null, name: null, endedAt: null, position: null };
    expect(bodyOf(await assignment())).toEqual({ orderId, ...nobody });
    await give("grace");
    await drive("grace", 5);
    const answer = await assignment();
    expect(Check(OrderAssignment, bodyOf(answer))).toBe(true);
    expect(bodyOf(answer)).toMatchObject({ orderId, ...grace, endedAt: null, position: { ageMs: 0 } });
    for (const step of ["pack", "out-for-delivery", "deliver"]) await post(step);
    const ended = bodyOf(await assignment());
    expect(ended).toMatchObject({ ...grace, position: null });
    expect(Date.parse(String(ended.endedAt))).toBeGreaterThan(0);
  });

  test("list drivers by id, page by page, on duty or not, free or not", async () => {
    await onDuty("d", "b", "a");
    await world.app.inject({ method: "POST", url: "/drivers", payload: { id: "c", name: "C" } });
    await drive("b", 5);
    await place();
    await give("a");
    const ids = async (query: string) => {
      const answer = await get(`/drivers?${query}`);
      expect(Check(DriverPage, bodyOf(answer))).toBe(true);
      return (bodyOf(answer).drivers as { id: string }[]).map(({ id }) => id);
    };
    expect(await ids("")).toEqual(["a", "b", "c", "d"]);
    expect(await ids("onDuty=true")).toEqual(["a", "b", "d"]);
    expect(await ids("onDuty=false")).toEqual(["c"]);
    expect(await ids("free=true")).toEqual(["b", "d"]);
    expect(await ids("free=false")).toEqual(["a", "c"]);
    const first = bodyOf(await get("/drivers?limit=2&onDuty=true"));
    expect(first.drivers).toMatchObject([
      { id: "a", orderId, position: null },
      { id: "b", orderId: null, position: { ageMs: 0 } },
    ]);
    expect(await ids(`limit=2&onDuty=true&cursor=${String(first.next)}`)).toEqual(["d"]);
    expect(bodyOf(await get("/drivers?limit=3&onDuty=true")).next).toBe(null);
    for (const query of [`cursor=${String(first.next)}`, `onDuty=true&cursor=${uuidOf(1)}`])
      expect(bodyOf(await get(`/drivers?${query}`)).code).toBe("invalid_cursor");
    world.positions.setAway(true);
    expect(bodyOf(await get("/drivers?onDuty=true")).drivers).toMatchObject([
      { id: "a" },
      { id: "b", position: null },
      {},
    ]);
  });
});
