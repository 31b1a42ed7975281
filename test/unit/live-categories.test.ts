/** Categories followed over /live: told of what changes in their products, whichever these are by then. */
import { expect, test, vi } from "vitest";
import type { LiveClient, LiveMessage } from "../support/live-client.ts";
import { productId, useLiveApi } from "./live-api.ts";

const api = useLiveApi();
const furniture = { kind: "category", id: "furniture" };
const subscribe = async (client: LiveClient, topic: object = furniture): Promise<void> => {
  client.send({ type: "subscribe", topics: [topic] });
  expect(await client.next()).toEqual({ type: "subscribed", ...topic });
};
const change = async (id: string, payload: object): Promise<void> => {
  const headers = { "if-match": "*" };
  const answer = await api.world.app.inject({ method: "PATCH", url: `/products/${id}`, headers, payload });
  expect(answer.statusCode).toBe(200);
};
const create = async (id: string, category = "furniture"): Promise<void> => {
  const payload = { id, name: id, category, priceCents: 1, initialStock: 5 };
  const headers = { prefer: "wait=5" };
  const answer = await api.world.app.inject({ method: "POST", url: "/products", headers, payload });
  expect(answer.statusCode).toBe(201);
};
/** The next messages until one is as wanted. */
async function until(client: LiveClient, wanted: object): Promise<LiveMessage[]> {
  const told: LiveMessage[] = [];
  for (;;) {
    const message = await client.next();
    if (message === null) throw new Error("the connection is closed");
    told.push(message);
    try {
      expect(message).toMatchObject(wanted);
      return told;
    } catch {
      // Not yet.
    }
  }
}

test("what changes in its products is told as their own followers are told, and what is elsewhere is not", async () => {
  await api.open();
  api.world.addProduct({ id: "p2" }, 7);
  api.world.addProduct({ id: "toy", category: "toys" }, 7);
  const client = await api.connect();
  await subscribe(client);
  await api.sell(1, 3);
  expect(await client.next()).toEqual({
    ...{ type: "event", kind: "product", id: productId, event: "stock", position: "2.1" },
    data: { productId, quantity: 7, version: 2 },
  });
  await change("toy", { name: "Bear" });
  await change("p2", { priceCents: 7 });
  expect(await client.next()).toMatchObject({ id: "p2", event: "product", position: "1.2", data: { priceCents: 7 } });
  client.send({ type: "unsubscribe", topics: [furniture] });
  expect(await client.next()).toEqual({ type: "unsubscribed", ...furniture });
  expect(await api.metric("tallyman_live_followed")).toBe(0);
});

test("a product that comes, new or from elsewhere, is told from then on; one that goes is told for the last time", async () => {
  await api.open();
  api.world.addProduct({ id: "toy", category: "toys" }, 7);
  const client = await api.connect();
  await subscribe(client);
  await create("lamp");
  await until(client, { id: "lamp", event: "stock", data: { quantity: 5 } });
  await change("toy", { category: "furniture" });
  await until(client, { id: "toy", event: "product", data: { category: "furniture" } });
  await change(productId, { category: "toys" });
  expect(await client.next()).toMatchObject({ id: productId, event: "product", data: { category: "toys" } });
  await api.sell(1, 3);
  await change("toy", { name: "Bear" });
  expect(await client.next()).toMatchObject({ id: "toy", event: "product", data: { name: "Bear" } });
  expect(await api.metric("tallyman_live_followed")).toBe(2);
});

test("what came, went and changed while the feed was lost is told when it is heard again, or is looked at", async () => {
  for (const bounds of [{ liveRecheckMs: 3_600_000 }, { liveRecheckMs: 60, liveLookMs: 10 }]) {
    await api.open(bounds);
    const client = await api.connect();
    await subscribe(client);
    api.world.tells = false;
    const isLost = bounds.liveRecheckMs > 60;
    if (isLost) api.world.feed.lost();
    api.world.addProduct({ id: "lamp" }, 5);
    await api.sell(1, 3);
    if (isLost) api.world.feed.heard();
    const told = [...(await until(client, { id: productId, event: "stock", data: { quantity: 7 } }))];
    if (!told.some(({ id }) => id === "lamp")) await until(client, { id: "lamp" });
    api.world.addProduct({ id: "sofa" }, 5);
    if (isLost) api.world.feed.heard();
    await until(client, { id: "sofa" });
    await api.close();
  }
});

test("a slow client finds the newest of each, and once", async () => {
  await api.open();
  const [quick, slow] = [await api.connect(), await api.connect()];
  await subscribe(quick);
  for (let price = 1; price <= 300; price++) await change(productId, { priceCents: price });
  await until(quick, { event: "product", data: { priceCents: 300 } });
  await subscribe(slow);
  await api.sell(1, 3);
  expect(await slow.next()).toMatchObject({ event: "stock", data: { quantity: 7 } });
  expect(await quick.next()).toMatchObject({ event: "stock", data: { quantity: 7 } });
});

test("a category that nobody has sold from yet is followed, and PostgreSQL that is away is a problem of its own", async () => {
  await api.open();
  const client = await api.connect();
  await subscribe(client, { kind: "category", id: "lamps" });
  await create("lamp", "lamps");
  await until(client, { id: "lamp", event: "product" });
  api.world.storeAway = true;
  client.send({ type: "subscribe", topics: [furniture] });
  const told = await until(client, { type: "problem" });
  expect(told.at(-1)).toMatchObject({ ...furniture, code: "store_unavailable" });
  api.world.storeAway = false;
  client.send({ type: "subscribe", topics: [furniture] });
  await until(client, { type: "subscribed", ...furniture });
});

test("more products than an api follows for categories: refused at first, and ended when they become so many", async () => {
  await api.open({ liveCategoryProductsMax: 1 });
  const client = await api.connect();
  await subscribe(client);
  await create("lamp");
  const told = await until(client, { type: "problem" });
  expect(told.at(-1)).toMatchObject({ ...furniture, code: "too_many_subscribers" });
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(0), 5_000);
  client.send({ type: "subscribe", topics: [furniture] });
  expect(await client.next()).toMatchObject({ type: "problem", ...furniture, code: "too_many_subscribers" });
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(0), 5_000);
  await subscribe(client, { kind: "category", id: "toys" });
});

test("who goes leaves nothing behind", async () => {
  await api.open();
  const [one, other] = [await api.connect(), await api.connect()];
  await subscribe(one);
  await subscribe(other);
  expect(await api.metric("tallyman_live_followed")).toBe(1);
  one.close();
  await change(productId, { name: "Stool" });
  expect(await other.next()).toMatchObject({ event: "product", data: { name: "Stool" } });
  expect(await api.metric("tallyman_live_followed")).toBe(1);
  other.close();
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(0), 5_000);
});
