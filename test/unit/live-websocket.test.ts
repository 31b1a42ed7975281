/** /live: orders and products followed over one WebSocket. */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { Ajv } from "ajv";
import { expect, test, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { cancelOrder, uuidOf } from "../support/commands.ts";
import type { LiveMessage } from "../support/live-client.ts";
import { described, productId, useLiveApi } from "./live-api.ts";

const orderId = "00000000-0000-4000-8000-00000000000a";
const order = { kind: "order", id: orderId };
const product = { kind: "product", id: productId };
const api = useLiveApi();
const stockEvent = (version: number, quantity: number, revision = 1): LiveMessage => ({
  ...{ type: "event", ...product, event: "stock", position: `${version}.${revision}` },
  data: { productId, quantity, version },
});
/** As it is told at first: the stock, and then what the product is. */
const productEvents = (version: number, quantity: number): LiveMessage[] => [
  stockEvent(version, quantity, 0),
  { type: "event", ...product, event: "product", position: `${version}.1`, data: described },
];

test("what is subscribed to is told as it is and whenever it changes, until it is no longer", async () => {
  await api.open();
  const client = await api.connect();
  client.send({ type: "subscribe", topics: [product] });
  expect(await client.next()).toEqual({ type: "subscribed", ...product });
  expect([await client.next(), await client.next()]).toEqual(productEvents(1, 10));
  await api.sell(orderId, 3);
  expect(await client.next()).toEqual(stockEvent(2, 7));
  client.send({ type: "unsubscribe", topics: [product] });
  client.send({ type: "subscribe", topics: [{ ...order, id: orderId.toUpperCase() }] });
  expect(await client.next()).toEqual({ type: "unsubscribed", ...product });
  expect(await client.next()).toEqual({ type: "subscribed", ...order });
  expect(await client.next()).toMatchObject({ type: "event", ...order, position: "1.0", data: { status: "accepted" } });
  api.world.produce(cancelOrder({ commandId: uuidOf(2), orderId, productId }));
  await api.world.decide();
  expect(await client.next()).toMatchObject({ ...order, position: "2.0", data: { status: "cancelled", quantity: 3 } });
  expect(await api.metric("tallyman_live_followed")).toBe(1);
  client.close();
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(0), 5_000);
});

test("with the position that was told last nothing is told twice; twice subscribed is once", async () => {
  await api.open();
  await api.sell(orderId, 3);
  const client = await api.connect();
  client.send({ type: "subscribe", topics: [{ ...product, after: "2.1" }, { ...order, after: "0.0" }, product] });
  const told = [await client.next(), await client.next(), await client.next(), await client.next()];
  expect(told.filter((message) => message?.type === "subscribed")).toHaveLength(3);
  expect(told.filter((message) => message?.type === "event")).toMatchObject([{ ...order, position: "1.0" }]);
  await api.sell(uuidOf(3));
  expect(await client.next()).toEqual(stockEvent(3, 6));
  expect(await api.metric("tallyman_live_followed")).toBe(2);
});

test("what can't be followed is a problem of its own, and so is what is no message", async () => {
  await api.open({ liveFollowedBySocketMax: 1 });
  const client = await api.connect();
  client.send({ type: "subscribe", topics: [{ kind: "product", id: "absent" }] });
  expect(await client.next()).toMatchObject({
    type: "problem",
    kind: "product",
    id: "absent",
    code: "unknown_product",
  });
  client.send({ type: "subscribe", topics: [order] });
  expect(await client.next()).toMatchObject({ type: "problem", ...order, code: "unknown_order" });
  for (const text of ["{", "[]", '{"type":"subscribe","topics":[]}', '{"type":"ask","topics":[{"kind":"order"}]}']) {
    client.send(text);
    const code = text === "{" ? "malformed_json" : "invalid_request";
    expect(await client.next(), text).toMatchObject({ type: "problem", code });
  }
  client.send({ type: "subscribe", topics: [product, order] });
  const told = [await client.next(), await client.next(), await client.next(), await client.next()];
  expect(told).toContainEqual(expect.objectContaining({ ...order, code: "too_many_subscribers" }));
  for (const event of productEvents(1, 10)) expect(told).toContainEqual(event);
});

test("every message is as /asyncapi.json says", async () => {
  await api.open();
  const document = (await api.world.app.inject({ url: "/asyncapi.json" })).json<{
    components: { messages: Record<string, { payload: object }> };
  }>();
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const isOf = (name: string) => ajv.compile(document.components.messages[name]?.payload ?? { not: {} });
  const known = { event: isOf("LiveEvent"), answer: isOf("LiveAnswer"), problem: isOf("LiveProblem") };
  const isRequest = isOf("LiveRequest");
  await api.sell(orderId);
  const client = await api.connect();
  for (const message of [
    { type: "subscribe", topics: [{ ...product, after: null }, order, { kind: "product", id: "absent" }] },
    { type: "unsubscribe", topics: [product] },
  ]) {
    expect(isRequest(message), JSON.stringify(isRequest.errors)).toBe(true);
    client.send(message);
  }
  client.send("{");
  const kinds = new Map<string, number>();
  for (let count = 0; count < 8; count++) {
    const message = await client.next();
    const fits = Object.entries(known).filter(([, isSuch]) => isSuch(message));
    expect(
      fits.map(([name]) => name),
      JSON.stringify(message),
    ).toHaveLength(1);
    kinds.set(fits[0]?.[0] ?? "", (kinds.get(fits[0]?.[0] ?? "") ?? 0) + 1);
  }
  expect(Object.fromEntries(kinds)).toEqual({ event: 3, answer: 3, problem: 2 });
});

test("without a WebSocket it is 426, and beyond the bound 503", async () => {
  await api.open({ liveSubscribersMax: 1 });
  const answer = await fetch(`${api.url}/live`);
  expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
  expect(await answer.json()).toMatchObject({ code: "upgrade_required" });
  const first = await api.connect();
  const refused = await upgrade("/live");
  expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([503, "1"]);
  first.close();
  await vi.waitFor(
    async () => expect((await upgrade("/live", { "sec-websocket-key": "" })).statusCode).toBe(400),
    5_000,
  );
  // A handshake that failed keeps no place.
  await vi.waitFor(() => api.connect(), 5_000);
});

/** What is answered to who wants a WebSocket, where that is not one. */
async function upgrade(path: string, more: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  const headers = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13", ...more };
  const sent = request(`${api.url}${path}`, {
    headers: { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers },
  });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  return response;
}

test("who would rather have HTTP/2 is answered as before", async () => {
  await api.open();
  const sent = request(`${api.url}/products/p1`, {
    headers: { connection: "upgrade, http2-settings", upgrade: "h2c" },
  });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(200);
});

test("when the server closes the reason is told, and it does not wait", async () => {
  await api.open();
  const client = await api.connect();
  client.send({ type: "subscribe", topics: [product] });
  await client.next();
  const startedAt = performance.now();
  const closed = api.world.app.close();
  expect(await client.closed).toEqual({ code: 1001, reason: "leaving" });
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(limits.keepAliveTimeoutMs / 10);
  await vi.waitFor(async () => expect(await api.metric("tallyman_live_followed")).toBe(0), 5_000);
});

test("a message that is too long ends the connection", async () => {
  await api.open();
  const client = await api.connect();
  client.send(`"${"x".repeat(limits.liveSocketMessageBytesMax)}"`);
  expect((await client.closed).code).toBe(1009);
});
