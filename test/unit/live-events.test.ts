/** Event streams over HTTP: what they tell, when they are refused, and how they end. */
import { request } from "node:http";
import { describe, expect, test, vi } from "vitest";
import type { LiveLimits } from "../../src/api/live/live.ts";
import { limits } from "../../src/limits.ts";
import { cancelOrder, uuidOf } from "../support/commands.ts";
import { described, productId, useLiveApi } from "./live-api.ts";

const orderId = uuidOf(1);
const api = useLiveApi();

test("a product's stock is told as it is, and each time it changes", async () => {
  await api.open();
  const events = await api.follow("/products/p1/events");
  expect(events.status).toBe(200);
  expect(Object.fromEntries(events.headers)).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  expect(events.headers.get("x-request-id")).toBeTruthy();
  expect(await events.next()).toEqual({ id: "1.0", event: "stock", data: { productId, quantity: 10, version: 1 } });
  expect(await events.next()).toEqual({ id: "1.1", event: "product", data: described });
  expect(events.retries).toEqual([limits.liveRetryMs]);
  await api.sell(1, 3);
  expect(await events.next()).toEqual({ id: "2.1", event: "stock", data: { productId, quantity: 7, version: 2 } });
  await api.sell(2, 100); // It is refused, and changes nothing.
  await api.sell(3, 2);
  expect(await events.next()).toEqual({ id: "3.1", event: "stock", data: { productId, quantity: 5, version: 3 } });
  expect(await api.metric("tallyman_live_events_total")).toBe(3);
});

test("what a product is is told as it is, and each time that it is changed or imported, from whichever request", async () => {
  await api.open();
  const events = await api.follow("/products/p1/events");
  expect([await events.next(), await events.next()]).toMatchObject([{ event: "stock" }, { event: "product" }]);
  const change = (payload: object) =>
    api.world.app.inject({ method: "PATCH", url: "/products/p1", headers: { "if-match": "*" }, payload });
  expect((await change({ priceCents: 990, name: "Stool" })).statusCode).toBe(200);
  const changed = { ...described, name: "Stool", priceCents: 990, revision: 2 };
  expect(await events.next()).toEqual({ id: "1.2", event: "product", data: changed });
  await api.sell(1, 3);
  expect(await events.next()).toMatchObject({ id: "2.2", event: "stock", data: { quantity: 7 } });
  const { revision: _revision, ...line } = { ...changed, category: "seats", initialStock: 0 };
  await api.world.app.inject({
    method: "POST",
    url: "/catalogue",
    headers: { "content-type": "application/x-ndjson" },
    payload: JSON.stringify(line),
  });
  expect(await events.next()).toMatchObject({ id: "2.3", event: "product", data: { category: "seats", revision: 3 } });
  const again = await api.follow("/products/p1/events", "2.3");
  await api.sell(2);
  expect(await again.next()).toMatchObject({ id: "3.3" });
  for (const [id, next] of [
    ["2.3", "3.3"],
    ["3.2", "3.3"],
    ["3", "3.3"],
  ] as const)
    expect(await (await api.follow("/products/p1/events", id)).next(), id).toMatchObject({ id: next });
});

test("an order is told while it is pending, when it is decided, and when it is cancelled", async () => {
  await api.open();
  api.world.decides = false;
  const payload = { orderId, productId, quantity: 2 };
  expect((await api.world.app.inject({ method: "POST", url: "/orders", payload })).statusCode).toBe(202);
  const events = await api.follow(`/orders/${orderId.toUpperCase()}/events`);
  expect(await events.next()).toMatchObject({ id: "0.0", event: "order", data: { orderId, status: "pending" } });
  await api.world.decide();
  const accepted = await events.next();
  expect(accepted).toMatchObject({ id: "1.0", event: "order", data: { status: "accepted", stockAfter: 8 } });
  expect(accepted?.data).toEqual((await api.world.app.inject({ url: `/orders/${orderId}` })).json());
  api.world.produce(cancelOrder({ commandId: uuidOf(2), orderId, productId }));
  await api.world.decide();
  expect(await events.next()).toMatchObject({ id: "2.0", data: { status: "cancelled", revision: 2 } });
});

test.each([
  ["order", `/orders/${orderId}/events`, "1.0"],
  ["product", "/products/p1/events", "2.1"],
])("who comes again with the id of the last event is told nothing twice: %s", async (kind, path, last) => {
  await api.open();
  await api.sell(1, 2);
  const events = await api.follow(path, last);
  api.world.produce(cancelOrder({ commandId: uuidOf(2), orderId, productId }));
  await api.world.decide();
  expect(await events.next()).toMatchObject(
    kind === "order" ? { id: "2.0", data: { status: "cancelled" } } : { id: "3.1", data: { quantity: 10 } },
  );
});

test("who missed something is told how it is now; an id that nobody was given counts for nothing", async () => {
  await api.open();
  await api.sell(1, 2);
  for (const id of ["1.0", "0", "99.1", "2.99", "soon", "-1", "2.x", ""]) {
    const events = await api.follow("/products/p1/events", id);
    expect(await events.next(), id).toMatchObject({ id: "2.0", data: { quantity: 8 } });
  }
  // What was told of the product is not told again for that.
  const events = await api.follow("/products/p1/events", "1.1");
  expect(await events.next()).toMatchObject({ id: "2.1", data: { quantity: 8 } });
});

test("what Redis has is older than what a caller has seen: it is told nothing older", async () => {
  await api.open();
  await api.sell(1, 2);
  api.world.tells = false;
  await api.sell(2, 2); // Only PostgreSQL knows.
  const events = await api.follow(`/orders/${orderId}/events`, "1.0");
  const stock = await api.follow("/products/p1/events", "3.1");
  api.world.tells = true;
  api.world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await api.world.decide();
  expect(await events.next()).toMatchObject({ id: "2.0", data: { status: "cancelled" } });
  expect(await stock.next()).toMatchObject({ id: "4.1", data: { quantity: 8 } });
});

test("after a gap in the feed everything that is followed is read again", async () => {
  await api.open({ liveRecheckMs: 3_600_000 });
  await api.sell(1, 1);
  const [stock, order] = [
    await api.follow("/products/p1/events", "0.1"),
    await api.follow(`/orders/${orderId}/events`),
  ];
  expect(await stock.next()).toMatchObject({ id: "2.1" });
  expect(await order.next()).toMatchObject({ id: "1.0" });
  api.world.tells = false;
  api.world.feed.lost();
  await api.sell(2, 4);
  api.world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await api.world.decide();
  api.world.feed.heard();
  expect(await stock.next()).toMatchObject({ id: "4.1", data: { quantity: 6 } });
  expect(await order.next()).toMatchObject({ id: "2.0", data: { status: "cancelled" } });
  expect(await api.metric("tallyman_live_gaps_total")).toBe(1);
});

test.each([
  ["while the feed is lost", { liveUnheardMs: 50, liveRecheckMs: 3_600_000 }, true],
  ["where a message was lost unnoticed", { liveRecheckMs: 50 }, false],
])("%s, what is followed is read now and then", async (_when, bounds, isLost) => {
  await api.open({ ...bounds, liveLookMs: 10 });
  const stock = await api.follow("/products/p1/events", "0.1");
  expect(await stock.next()).toMatchObject({ id: "1.1" });
  api.world.tells = false;
  if (isLost) api.world.feed.lost();
  await api.sell(2, 4);
  expect(await stock.next()).toMatchObject({ id: "2.1", data: { quantity: 6 } });
});

test("what can't be read when it was told is read later", async () => {
  await api.open({ liveUnheardMs: 50, liveLookMs: 10, liveRecheckMs: 3_600_000 });
  await api.sell(1, 1);
  const order = await api.follow(`/orders/${orderId}/events`);
  expect(await order.next()).toMatchObject({ id: "1.0" });
  api.world.storeAway = true;
  api.world.cache.flush();
  api.world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await api.world.decide();
  await vi.waitFor(() => expect(api.world.questionsRefused).toBeGreaterThan(0), 5_000);
  api.world.storeAway = false;
  expect(await order.next()).toMatchObject({ id: "2.0", data: { status: "cancelled" } });
});

test("what is not there is refused as a reader is", async () => {
  await api.open();
  const refused = async (path: string): Promise<unknown[]> => {
    const events = await api.follow(path);
    return [events.status, (await events.problem()).code];
  };
  expect(await refused("/products/absent/events")).toEqual([404, "unknown_product"]);
  expect(await refused(`/orders/${orderId}/events`)).toEqual([404, "unknown_order"]);
  expect(await refused("/orders/1/events")).toEqual([400, "invalid_request"]);
  api.world.storeAway = true;
  expect(await refused("/products/absent/events")).toEqual([503, "store_unavailable"]);
  expect(await api.metric("tallyman_live_followed")).toBe(0);
  const head = await fetch(`${api.url}/products/p1/events`, { method: "HEAD" });
  expect([head.status, head.headers.get("allow")]).toEqual([405, "GET"]);
});

test.each<[string, Partial<LiveLimits>]>([
  ["subscribers", { liveSubscribersMax: 1 }],
  ["things that are followed", { liveFollowedMax: 1 }],
])("more %s than an api may have are refused until somebody goes", async (_what, bounds) => {
  await api.open(bounds);
  const first = await api.follow("/products/p1/events");
  await first.next();
  const second = await api.world.app.inject({ url: "/products/p1/events" });
  expect(second.statusCode).toBe(503);
  expect(second.headers["retry-after"]).toBe("1");
  expect(second.json()).toMatchObject({ code: "too_many_subscribers" });
  expect(await api.metric("tallyman_live_subscribers")).toBe(1);
  first.close();
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_subscribers")).toBe(0), 5_000);
  expect(await (await api.follow("/products/p1/events")).next()).toMatchObject({ id: "1.0" });
});

test("a stream that has nothing to tell says that it lives", async () => {
  await api.open({ liveBeatMs: 60 });
  const events = await api.follow("/products/p1/events");
  expect([await events.next(), await events.next()]).toMatchObject([{ event: "stock" }, { event: "product" }]);
  const next = events.next();
  await vi.waitFor(() => expect(events.comments.length).toBeGreaterThan(1), 10_000);
  await api.sell(1);
  expect(await next).toMatchObject({ id: "2.1" });
});

test("streams end when the server closes, and say when to come again", async () => {
  await api.open();
  const streams = await Promise.all(Array.from({ length: 5 }, () => api.follow("/products/p1/events")));
  for (const events of streams) {
    await events.next();
    await events.next();
  }
  const startedAt = performance.now();
  const closed = api.world.app.close();
  for (const events of streams) {
    expect(await events.next()).toEqual({ id: null, event: "end", data: { reason: "leaving" } });
    expect(await events.next()).toBeNull();
    const [, again = 0] = events.retries;
    expect(again).toBeGreaterThanOrEqual(limits.liveRetryMs);
    expect(again).toBeLessThan(limits.liveRetryMs + limits.liveRetrySpreadMs);
  }
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(limits.keepAliveTimeoutMs / 10);
  expect(await api.metric("tallyman_live_followed")).toBe(0);
});

test("a client that goes before it was answered leaves nothing behind", async () => {
  await api.open();
  let answer: () => void = () => undefined;
  api.world.storeHeld = new Promise<void>((resolve) => (answer = resolve));
  const sent = request(`${api.url}/products/p1/events`);
  sent.on("error", () => undefined).end();
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(1), 5_000);
  sent.destroy();
  await new Promise((resolve) => sent.once("close", resolve));
  answer();
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_subscribers")).toBe(0), 5_000);
  expect(await api.metric("tallyman_live_followed")).toBe(0);
});

describe("an order on its way", () => {
  const home = { latitude: 48.137154, longitude: 11.576124 };
  const send = async (method: "POST" | "PUT" | "DELETE", path: string, payload?: object): Promise<void> => {
    const headers = { prefer: "wait=5" };
    const answer = await api.world.app.inject({
      method,
      url: path,
      headers,
      ...(payload !== undefined && { payload }),
    });
    expect(answer.statusCode, `${path} ${answer.body}`).toBeLessThan(300);
  };
  const order = (step: string) => send("POST", `/orders/${orderId}/${step}`);
  const give = (driverId: string) => send("PUT", `/orders/${orderId}/driver`, { driverId });
  let sequence = 0;
  const drive = (driverId: string, meters: number) =>
    send("PUT", `/drivers/${driverId}/location`, {
      latitude: home.latitude + meters / 111_200,
      longitude: home.longitude,
      observedAt: new Date().toISOString(),
      sequence: (sequence += 1),
    });
  const begin = async (bounds: Partial<LiveLimits> = {}): Promise<void> => {
    await api.open({ liveDriverMs: 20, ...bounds });
    await send("POST", "/orders", { orderId, productId, quantity: 1, deliveryLocation: home });
    for (const id of ["grace", "ada"]) {
      await send("POST", "/drivers", { id, name: id.toUpperCase() });
      await send("PUT", `/drivers/${id}/duty`, { onDuty: true });
    }
  };
  const grace = { driverId: "grace", name: "GRACE" };

  test("is told step by step, with where its driver is between pick-up and delivery", async () => {
    await begin();
    await give("grace");
    await drive("grace", 900);
    const events = await api.follow(`/orders/${orderId}/events`);
    expect(await events.next()).toMatchObject({ id: "1.0", data: { fulfilment: null, driver: null } });
    await order("pack");
    expect(await events.next()).toMatchObject({
      id: "2.1",
      event: "order",
      data: { fulfilment: "packed", driver: null },
    });
    await order("out-for-delivery");
    expect(await events.next()).toMatchObject({ id: "2.2", data: { fulfilment: "out_for_delivery", driver: grace } });
    for (const meters of [900, 600, 300]) {
      await drive("grace", meters);
      const told = await events.next();
      expect(told).toMatchObject({ id: null, event: "driver", data: { orderId, driver: grace } });
      expect(told?.data.distanceMetres).toBeCloseTo(meters, -1);
      expect(Object.keys(told?.data ?? {})).toEqual(["orderId", "driver", "position", "distanceMetres"]);
    }
    const late = await api.follow(`/orders/${orderId}/events`, "2.2");
    expect(await late.next()).toMatchObject({ event: "driver", data: { orderId } });
    await order("deliver");
    for (const each of [events, late])
      expect(await each.next()).toMatchObject({ id: "2.3", data: { fulfilment: "delivered", driver: null } });
    await drive("grace", 5);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await api.world.app.close();
    for (const each of [events, late]) expect(await each.next()).toMatchObject({ event: "end" });
  });

  test("a driver who is changed is told, and where the new one is; one who falls silent has no position any more", async () => {
    await begin();
    await order("pack");
    await order("out-for-delivery");
    const events = await api.follow(`/orders/${orderId}/events`, "2.0");
    expect(await events.next()).toMatchObject({ id: "2.1", data: { driver: null } });
    await drive("ada", 10);
    await give("grace");
    expect(await events.next()).toMatchObject({ id: "2.2", data: { driver: grace } });
    expect(await events.next()).toMatchObject({ event: "driver", data: { driver: grace, position: null } });
    await send("DELETE", `/orders/${orderId}/driver`);
    expect(await events.next()).toMatchObject({ id: "2.3", data: { driver: null } });
    await give("ada");
    expect(await events.next()).toMatchObject({ id: "2.4", data: { driver: { driverId: "ada" } } });
    expect(await events.next()).toMatchObject({
      event: "driver",
      data: { driver: { driverId: "ada" }, distanceMetres: 10 },
    });
    const now = Date.now();
    api.world.clock = () => now + limits.driverSilenceMs;
    expect(await events.next()).toMatchObject({ event: "driver", data: { position: null, distanceMetres: null } });
  });

  test("who comes again is told of the steps and drivers that were missed, and of nothing twice", async () => {
    await begin({ liveRecheckMs: 50, liveLookMs: 10 });
    await order("pack");
    const events = await api.follow(`/orders/${orderId}/events`);
    expect(await events.next()).toMatchObject({ id: "2.0" });
    api.world.tells = false; // No message comes, and nobody says so.
    await order("out-for-delivery");
    expect(await events.next()).toMatchObject({ id: "2.1", data: { fulfilment: "out_for_delivery" } });
    await give("grace");
    expect(await events.next()).toMatchObject({ id: "2.2", data: { driver: grace } });
    for (const [id, next] of [
      ["2.0", "2.2"],
      ["2.1", "2.2"],
      ["1.5", "2.2"],
      ["2.99", "2.2"],
    ] as const)
      expect(await (await api.follow(`/orders/${orderId}/events`, id)).next(), id).toMatchObject({ id: next });
    const seen = await api.follow(`/orders/${orderId}/events`, "2.2");
    await order("deliver");
    let told = await seen.next();
    while (told?.event === "driver") told = await seen.next();
    expect(told).toMatchObject({ id: "2.3" });
  });

  test("over a WebSocket the same", async () => {
    await begin();
    const client = await api.connect();
    client.send({ type: "subscribe", topics: [{ kind: "order", id: orderId, after: "1.0" }] });
    expect(await client.next()).toMatchObject({ type: "subscribed" });
    for (const step of ["pack", "out-for-delivery"]) await order(step);
    let told = await client.next();
    while (told?.position !== "2.1") told = await client.next();
    expect(told).toMatchObject({ kind: "order", event: "order", data: { fulfilment: "out_for_delivery" } });
    await drive("grace", 70);
    await give("grace");
    expect(await client.next()).toMatchObject({ event: "order", position: "2.2", data: { driver: grace } });
    const sighting = await client.next();
    expect(sighting).toMatchObject({
      type: "event",
      kind: "order",
      id: orderId,
      event: "driver",
      data: { driver: grace },
    });
    expect(sighting).not.toHaveProperty("position");
  });
});
