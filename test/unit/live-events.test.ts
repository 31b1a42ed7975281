/** Event streams over HTTP: what they tell, when they are refused, and how they end. */
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import type { LiveLimits } from "../../src/api/live/live.ts";
import { limits } from "../../src/limits.ts";
import { cancelOrder, placeOrder, uuidOf } from "../support/commands.ts";
import { openEvents } from "../support/events.ts";
import type { Events } from "../support/events.ts";
import { ApiWorld } from "./api-world.ts";

const orderId = uuidOf(1);
const productId = "p1";
let world: ApiWorld;
let url = "";
const opened: Events[] = [];

async function open(bounds: Partial<LiveLimits> = {}): Promise<void> {
  world = new ApiWorld();
  world.liveBounds = bounds;
  await world.open();
  world.addProduct({}, 10);
  await world.app.listen({ host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${(world.app.server.address() as AddressInfo).port}`;
}
async function follow(path: string, lastEventId?: number | string): Promise<Events> {
  const events = await openEvents(`${url}${path}`, lastEventId);
  opened.push(events);
  return events;
}
afterEach(async () => {
  for (const events of opened.splice(0)) events.close();
  await world.app.close();
});

const metric = async (name: string): Promise<number> => {
  const text = await world.metrics.registry.metrics();
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? "NaN");
};
const sell = async (number: number, quantity = 1): Promise<void> => {
  world.produce(placeOrder({ commandId: uuidOf(number), productId, quantity }));
  await world.decide();
};

test("a product's stock is told as it is, and each time it changes", async () => {
  await open();
  const events = await follow("/products/p1/events");
  expect(events.status).toBe(200);
  expect(Object.fromEntries(events.headers)).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  expect(events.headers.get("x-request-id")).toBeTruthy();
  expect(await events.next()).toEqual({ id: "1", event: "stock", data: { productId, quantity: 10, version: 1 } });
  expect(events.retries).toEqual([limits.liveRetryMs]);
  await sell(1, 3);
  expect(await events.next()).toEqual({ id: "2", event: "stock", data: { productId, quantity: 7, version: 2 } });
  await sell(2, 100); // It is refused, and changes nothing.
  await sell(3, 2);
  expect(await events.next()).toEqual({ id: "3", event: "stock", data: { productId, quantity: 5, version: 3 } });
  expect(await metric("tallyman_live_events_total")).toBe(3);
});

test("an order is told while it is pending, when it is decided, and when it is cancelled", async () => {
  await open();
  world.decides = false;
  const payload = { orderId, productId, quantity: 2 };
  expect((await world.app.inject({ method: "POST", url: "/orders", payload })).statusCode).toBe(202);
  const events = await follow(`/orders/${orderId.toUpperCase()}/events`);
  expect(await events.next()).toMatchObject({ id: "0", event: "order", data: { orderId, status: "pending" } });
  await world.decide();
  const accepted = await events.next();
  expect(accepted).toMatchObject({ id: "1", event: "order", data: { status: "accepted", stockAfter: 8 } });
  expect(accepted?.data).toEqual((await world.app.inject({ url: `/orders/${orderId}` })).json());
  world.produce(cancelOrder({ commandId: uuidOf(2), orderId, productId }));
  await world.decide();
  expect(await events.next()).toMatchObject({ id: "2", data: { status: "cancelled", revision: 2 } });
});

test.each([
  ["order", `/orders/${orderId}/events`, "1"],
  ["product", "/products/p1/events", "2"],
])("who comes again with the id of the last event is told nothing twice: %s", async (kind, path, last) => {
  await open();
  await sell(1, 2);
  const events = await follow(path, last);
  world.produce(cancelOrder({ commandId: uuidOf(2), orderId, productId }));
  await world.decide();
  expect(await events.next()).toMatchObject(
    kind === "order" ? { id: "2", data: { status: "cancelled" } } : { id: "3", data: { quantity: 10 } },
  );
});

test("who missed something is told how it is now; an id that nobody was given counts for nothing", async () => {
  await open();
  await sell(1, 2);
  for (const id of ["1", "0", "99", "soon", "-1", ""]) {
    const events = await follow("/products/p1/events", id);
    expect(await events.next(), id).toMatchObject({ id: "2", data: { quantity: 8 } });
  }
});

test("what Redis has is older than what a caller has seen: it is told nothing older", async () => {
  await open();
  await sell(1, 2);
  world.tells = false;
  await sell(2, 2); // Only PostgreSQL knows.
  const events = await follow(`/orders/${orderId}/events`, 1);
  const stock = await follow("/products/p1/events", 3);
  world.tells = true;
  world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await world.decide();
  expect(await events.next()).toMatchObject({ id: "2", data: { status: "cancelled" } });
  expect(await stock.next()).toMatchObject({ id: "4", data: { quantity: 8 } });
});

test("after a gap in the feed everything that is followed is read again", async () => {
  await open({ liveRecheckMs: 3_600_000 });
  await sell(1, 1);
  const [stock, order] = [await follow("/products/p1/events"), await follow(`/orders/${orderId}/events`)];
  expect(await stock.next()).toMatchObject({ id: "2" });
  expect(await order.next()).toMatchObject({ id: "1" });
  world.tells = false;
  world.feed.lost();
  await sell(2, 4);
  world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await world.decide();
  world.feed.heard();
  expect(await stock.next()).toMatchObject({ id: "4", data: { quantity: 6 } });
  expect(await order.next()).toMatchObject({ id: "2", data: { status: "cancelled" } });
  expect(await metric("tallyman_live_gaps_total")).toBe(1);
});

test.each([
  ["while the feed is lost", { liveUnheardMs: 50, liveRecheckMs: 3_600_000 }, true],
  ["where a message was lost unnoticed", { liveRecheckMs: 50 }, false],
])("%s, what is followed is read now and then", async (_when, bounds, isLost) => {
  await open({ ...bounds, liveLookMs: 10 });
  const stock = await follow("/products/p1/events");
  expect(await stock.next()).toMatchObject({ id: "1" });
  world.tells = false;
  if (isLost) world.feed.lost();
  await sell(2, 4);
  expect(await stock.next()).toMatchObject({ id: "2", data: { quantity: 6 } });
});

test("what can't be read when it was told is read later", async () => {
  await open({ liveUnheardMs: 50, liveLookMs: 10, liveRecheckMs: 3_600_000 });
  await sell(1, 1);
  const order = await follow(`/orders/${orderId}/events`);
  expect(await order.next()).toMatchObject({ id: "1" });
  world.storeAway = true;
  world.cache.flush();
  world.produce(cancelOrder({ commandId: uuidOf(3), orderId, productId }));
  await world.decide();
  await vi.waitFor(() => expect(world.questionsRefused).toBeGreaterThan(0), 5_000);
  world.storeAway = false;
  expect(await order.next()).toMatchObject({ id: "2", data: { status: "cancelled" } });
});

test("what is not there is refused as a reader is", async () => {
  await open();
  const refused = async (path: string): Promise<unknown[]> => {
    const events = await follow(path);
    return [events.status, (await events.problem()).code];
  };
  expect(await refused("/products/absent/events")).toEqual([404, "unknown_product"]);
  expect(await refused(`/orders/${orderId}/events`)).toEqual([404, "unknown_order"]);
  expect(await refused("/orders/1/events")).toEqual([400, "invalid_request"]);
  world.storeAway = true;
  expect(await refused("/products/absent/events")).toEqual([503, "store_unavailable"]);
  expect(await metric("tallyman_live_followed")).toBe(0);
  const head = await fetch(`${url}/products/p1/events`, { method: "HEAD" });
  expect([head.status, head.headers.get("allow")]).toEqual([405, "GET"]);
});

test.each<[string, Partial<LiveLimits>]>([
  ["subscribers", { liveSubscribersMax: 1 }],
  ["things that are followed", { liveFollowedMax: 1 }],
])("more %s than an api may have are refused until somebody goes", async (_what, bounds) => {
  await open(bounds);
  const first = await follow("/products/p1/events");
  await first.next();
  const second = await world.app.inject({ url: "/products/p1/events" });
  expect(second.statusCode).toBe(503);
  expect(second.headers["retry-after"]).toBe("1");
  expect(second.json()).toMatchObject({ code: "too_many_subscribers" });
  expect(await metric("tallyman_live_subscribers")).toBe(1);
  first.close();
  await vi.waitFor(async () => expect(await metric("tallyman_live_subscribers")).toBe(0), 5_000);
  expect(await (await follow("/products/p1/events")).next()).toMatchObject({ id: "1" });
});

test("a stream that has nothing to tell says that it lives", async () => {
  await open({ liveBeatMs: 60 });
  const events = await follow("/products/p1/events");
  await events.next();
  const next = events.next();
  await vi.waitFor(() => expect(events.comments.length).toBeGreaterThan(1), 10_000);
  await sell(1);
  expect(await next).toMatchObject({ id: "2" });
});

test("streams end when the server closes, and say when to come again", async () => {
  await open();
  const streams = await Promise.all(Array.from({ length: 5 }, () => follow("/products/p1/events")));
  for (const events of streams) await events.next();
  const startedAt = performance.now();
  const closed = world.app.close();
  for (const events of streams) {
    expect(await events.next()).toEqual({ id: null, event: "end", data: { reason: "leaving" } });
    expect(await events.next()).toBeNull();
    const [, again = 0] = events.retries;
    expect(again).toBeGreaterThanOrEqual(limits.liveRetryMs);
    expect(again).toBeLessThan(limits.liveRetryMs + limits.liveRetrySpreadMs);
  }
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(limits.keepAliveTimeoutMs / 10);
  expect(await metric("tallyman_live_followed")).toBe(0);
});

test("a client that goes before it was answered leaves nothing behind", async () => {
  await open();
  let answer: () => void = () => undefined;
  world.storeHeld = new Promise<void>((resolve) => (answer = resolve));
  const sent = request(`${url}/products/p1/events`);
  sent.on("error", () => undefined).end();
  await vi.waitFor(async () => expect(await metric("tallyman_live_followed")).toBe(1), 5_000);
  sent.destroy();
  await new Promise((resolve) => sent.once("close", resolve));
  answer();
  await vi.waitFor(async () => expect(await metric("tallyman_live_subscribers")).toBe(0), 5_000);
  expect(await metric("tallyman_live_followed")).toBe(0);
});
