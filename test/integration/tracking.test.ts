/**
 * A customer follows an order at one api while all that becomes of it is done at another: what is seen, when it is seen, and that nothing
 * of the driver is seen before pick-up and after delivery, whatever is asked.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openEvents } from "../support/events.ts";
import type { Events, Told } from "../support/events.ts";
import { openLive } from "../support/live-client.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const patience = { timeout: 60_000, interval: 50 };
const home = { latitude: 48.137154, longitude: 11.576124 };
let tallyman: Tallyman;
/** The shop's people and drivers are at one, customers at the other. */
let shop: Role;
let other: Role;

beforeAll(async () => {
  tallyman = await createTallyman();
  [shop, other] = await Promise.all([tallyman.startApi(), tallyman.startApi(), tallyman.startProcessor()]);
});
afterAll(() => tallyman[Symbol.asyncDispose]());

async function send(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${shop.url}${path}`, {
    method,
    headers: { prefer: "wait=30", ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path} ${response.status} ${text}`).toBe(true);
  return JSON.parse(text) as Record<string, unknown>;
}
const get = async (path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${other.url}${path}`);
  return { status: response.status, text: await response.text() };
};
let sequence = 0;
/** About so many metres to the north of where the order goes. */
const drive = (driverId: string, meters: number): Promise<unknown> =>
  send("PUT", `/drivers/${driverId}/location`, {
    latitude: home.latitude + meters / 111_200,
    longitude: home.longitude,
    observedAt: new Date().toISOString(),
    sequence: (sequence += 1),
  });
async function createOrder(): Promise<{ orderId: string; productId: string; driverId: string }> {
  const [orderId, productId, driverId] = [randomUUID(), `p-${randomUUID()}`, `grace-${randomUUID()}`];
  await send("POST", "/products", { id: productId, name: "Milk", category: "dairy", priceCents: 1, initialStock: 9 });
  await send("POST", "/orders", { orderId, productId, quantity: 1, deliveryLocation: home, customerId: "ada" });
  await send("POST", "/drivers", { id: driverId, name: "Grace" });
  await send("PUT", `/drivers/${driverId}/duty`, { onDuty: true });
  return { orderId, productId, driverId };
}
/** The next event that is not about where the driver is. */
async function step(events: Events): Promise<Told | null> {
  for (;;) {
    const told = await events.next();
    if (told?.event !== "driver") return told;
  }
}
/** Nothing of the driver is told by anything that tells of orders. */
async function expectUnseen(orderId: string, productId: string): Promise<void> {
  const driver = await get(`/orders/${orderId}/driver`);
  expect([driver.status, driver.text]).toEqual([404, expect.stringContaining("no_driver_to_see")]);
  const lookup = await fetch(`${other.url}/orders/lookup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: [orderId] }),
  });
  const paths = [`/orders/${orderId}`, `/orders/${orderId}/fulfilment`, `/orders?productId=${productId}`];
  const answers = await Promise.all([...paths, "/orders?customerId=ada", "/orders?status=accepted"].map(get));
  for (const text of [await lookup.text(), ...answers.map((answer) => answer.text)]) {
    expect(text).toContain(orderId);
    expect(text).not.toMatch(/grace/i);
  }
}

test("an order is followed from its decision to its door, over a change of the api in the middle", async () => {
  const { orderId, productId, driverId } = await createOrder();
  await send("PUT", `/orders/${orderId}/driver`, { driverId });
  await drive(driverId, 900);
  const events = await openEvents(`${other.url}/orders/${orderId}/events`);
  expect(await events.next()).toMatchObject({
    id: "1.0",
    data: { status: "accepted", fulfilment: null, driver: null },
  });
  await expectUnseen(orderId, productId);
  await send("POST", `/orders/${orderId}/pack`);
  expect(await events.next()).toMatchObject({ id: "2.1", data: { fulfilment: "packed", driver: null } });
  await expectUnseen(orderId, productId);
  await send("POST", `/orders/${orderId}/out-for-delivery`);
  const driver = { driverId, name: "Grace" };
  const out = await events.next();
  expect(out).toMatchObject({ id: "2.2", data: { fulfilment: "out_for_delivery", driver } });
  expect(JSON.parse((await get(`/orders/${orderId}`)).text)).toEqual(out?.data);
  for (const meters of [900, 600, 300]) {
    await drive(driverId, meters);
    let told = await events.next();
    while (Math.abs(Number(told?.data.distanceMetres) - meters) > 5) told = await events.next();
    expect(told).toMatchObject({ id: null, event: "driver", data: { orderId, driver } });
    const { ageMs: _age, ...position } = told?.data.position as Record<string, unknown>;
    expect(JSON.parse((await get(`/orders/${orderId}/driver`)).text)).toMatchObject({ ...told?.data, position });
  }
  events.close();
  // Somewhere else, with the id of the last event that had one.
  const again = await openEvents(`${shop.url}/orders/${orderId}/events`, "2.2");
  expect(await again.next()).toMatchObject({ event: "driver", data: { orderId, driver } });
  const late = await openEvents(`${other.url}/orders/${orderId}/events`, "1.0");
  expect(await late.next()).toMatchObject({ id: "2.2" });
  await send("POST", `/orders/${orderId}/deliver`);
  for (const each of [again, late])
    expect(await step(each)).toMatchObject({ id: "2.3", data: { fulfilment: "delivered", driver: null } });
  await expectUnseen(orderId, productId);
  const end = await openEvents(`${other.url}/orders/${orderId}/events`);
  expect(await end.next()).toMatchObject({ id: "2.3", event: "order" });
  for (const each of [again, late, end]) each.close();
});

test("what was told while the feed was cut is told afterwards, and once", async () => {
  const { orderId, driverId } = await createOrder();
  await send("POST", `/orders/${orderId}/pack`);
  const events = await openEvents(`${other.url}/orders/${orderId}/events`);
  const seen: string[] = [];
  const reading = (async () => {
    for (let told = await events.next(); told !== null; told = await events.next())
      if (told.id !== null) seen.push(told.id);
  })().catch(() => undefined);
  await vi.waitFor(() => expect(seen).toEqual(["2.0"]), patience);
  const cut = async (): Promise<void> => {
    const name = `name=tallyman-api-feed-api-${new URL(other.url).port} `;
    for (const line of String(await tallyman.redis.client("LIST")).split("\n"))
      if (line.includes(name)) await tallyman.redis.client("KILL", "ID", /\bid=(\d+)/.exec(line)?.[1] ?? "");
  };
  await cut();
  await send("POST", `/orders/${orderId}/out-for-delivery`);
  await cut();
  await send("PUT", `/orders/${orderId}/driver`, { driverId });
  await cut();
  await send("POST", `/orders/${orderId}/deliver`);
  await vi.waitFor(() => expect(seen.at(-1)).toBe("2.3"), patience);
  expect(seen).toEqual([...new Set(seen)].toSorted());
  events.close();
  await reading;
});

test("a product that is changed at one api is told at the other, beside its stock", async () => {
  const { productId } = await createOrder();
  const [events, live] = [await openEvents(`${other.url}/products/${productId}/events`), await openLive(other.url)];
  expect([await events.next(), await events.next()]).toMatchObject([
    { id: "2.0", event: "stock", data: { quantity: 8 } },
    { id: "2.1", event: "product", data: { name: "Milk" } },
  ]);
  live.send({ type: "subscribe", topics: [{ kind: "product", id: productId, after: "2.1" }] });
  expect(await live.next()).toMatchObject({ type: "subscribed" });
  const changed = await fetch(`${shop.url}/products/${productId}`, {
    method: "PATCH",
    headers: { "content-type": "application/json", "if-match": "*" },
    body: JSON.stringify({ name: "Oat milk" }),
  });
  expect(changed.status).toBe(200);
  expect(await events.next()).toMatchObject({ id: "2.2", event: "product", data: { name: "Oat milk", revision: 2 } });
  expect(await live.next()).toMatchObject({ event: "product", position: "2.2", data: { name: "Oat milk" } });
  await send("POST", "/orders", { productId, quantity: 3 });
  expect(await events.next()).toMatchObject({ id: "3.2", event: "stock", data: { quantity: 5 } });
  events.close();
  live.close();
});

test("when all of Redis is lost an order on its way is as before, but for where the driver is, and is kept again", async () => {
  const { orderId, driverId } = await createOrder();
  await send("PUT", `/orders/${orderId}/driver`, { driverId });
  for (const step of ["pack", "out-for-delivery"]) await send("POST", `/orders/${orderId}/${step}`);
  await drive(driverId, 400);
  const read = async (api: Role): Promise<unknown[]> =>
    Promise.all(
      [`/orders/${orderId}`, `/orders/${orderId}/driver`].map(async (path) => {
        const body = (await (await fetch(`${api.url}${path}`)).json()) as Record<string, unknown>;
        return "position" in body ? { ...body, position: body.position !== null } : body;
      }),
    );
  const [order, driver] = await read(shop);
  expect(order).toMatchObject({ fulfilment: "out_for_delivery", driver: { driverId } });
  expect(driver).toMatchObject({ driver: { driverId }, position: true });
  const kept = `page:order-${orderId}`;
  await vi.waitFor(async () => {
    expect(await read(other)).toEqual([order, driver]);
    expect(await tallyman.redis.exists(kept)).toBe(1);
  }, patience);
  await tallyman.redis.flushdb();
  const unseen = { ...(driver as object), position: false, distanceMetres: null };
  for (const api of [shop, other, shop]) expect(await read(api)).toEqual([order, unseen]);
  await drive(driverId, 400);
  // Nothing is kept until no change from before the loss can be under way.
  await vi.waitFor(async () => {
    for (const api of [shop, other]) expect(await read(api)).toEqual([order, driver]);
    expect(await tallyman.redis.exists(kept)).toBe(1);
  }, patience);
  expect(await tallyman.redis.ttl(kept)).toBeGreaterThan(0);
  await send("POST", `/orders/${orderId}/deliver`);
  for (const api of [shop, other])
    expect((await read(api))[0]).toMatchObject({ fulfilment: "delivered", driver: null });
});
