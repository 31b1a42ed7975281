// Background work as it is run: two workers on real services, a receiver of webhooks that fails and comes back, and a worker that is killed.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

let tallyman: Tallyman;
let api: Role;
let workers: Role[];
let receiver: WebhookReceiver;
beforeAll(async () => {
  const environment = { WEBHOOKS_ALLOW_PRIVATE: "on", WEBHOOK_RETRY_SECONDS: "1" };
  [tallyman, receiver] = await Promise.all([createTallyman({ environment }), new WebhookReceiver().open()]);
  api = await tallyman.startBoth();
  // Both at once: each makes the queue, or finds it made.
  workers = await Promise.all([tallyman.startWorker(), tallyman.startWorker()]);
}, 120_000);
afterAll(async () => {
  await tallyman[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
}, 60_000);

type Body = Record<string, unknown>;
async function call(method: string, path: string, body?: object): Promise<Body> {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { "content-type": "application/json", prefer: "wait=20", "if-match": "*" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Body;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
async function webhook(path: string, events: string[]): Promise<string> {
  const { id, secret } = await call("POST", "/webhooks", { url: receiver.url(path), events });
  receiver.secrets.set(path, String(secret));
  return String(id);
}
const product = (id: string, initialStock: number, lowStockAt: number | null) =>
  call("POST", "/products", { id, name: id, category: "c", priceCents: 100, initialStock, lowStockAt });
async function order(productId: string, quantity: number): Promise<string> {
  const orderId = randomUUID();
  await call("POST", "/orders", { orderId, productId, quantity });
  return orderId;
}
const deliveriesOf = async (id: string): Promise<Body[]> =>
  (await call("GET", `/webhooks/${id}/deliveries`)).deliveries as Body[];
const soon = { timeout: 60_000, interval: 100 };

test("each event is told once, signed, whichever worker does it; a receiver that failed gets it when it is back", async () => {
  receiver.answer = (event, nth) => (event.type === "order.packed" && nth <= 2 ? 503 : 200);
  const events = [
    "product.low_stock",
    "product.archived",
    "product.restored",
    "order.packed",
    "order.out_for_delivery",
  ];
  const all = [...events, "order.delivered", "order.cancelled"];
  const id = await webhook("/shop", all);
  await product("milk", 10, 3);
  const packed = await order("milk", 2);
  const cancelled = await order("milk", 5); // 3 left: low.
  await call("POST", `/orders/${cancelled}/cancel`);
  await call("POST", `/orders/${packed}/pack`);
  await call("POST", `/orders/${packed}/out-for-delivery`);
  await call("POST", `/orders/${packed}/deliver`);
  await call("POST", "/products/milk/archive");
  await call("POST", "/products/milk/restore");

  await vi.waitFor(async () => {
    const deliveries = await deliveriesOf(id);
    expect(deliveries.map(({ event }) => event).toSorted()).toEqual(all.toSorted());
    expect(deliveries.map(({ state }) => state)).toEqual(all.map(() => "delivered"));
  }, soon);
  expect(receiver.received.every(({ isSigned }) => isSigned)).toBe(true);
  expect(receiver.of("order.packed")).toHaveLength(3);
  expect(new Set(receiver.of("order.packed").map((event) => event.id)).size).toBe(1);
  for (const type of all.filter((each) => each !== "order.packed")) expect(receiver.of(type), type).toHaveLength(1);
  expect(receiver.of("order.packed")[0]?.data).toEqual({
    orderId: packed,
    productId: "milk",
    quantity: 2,
    actor: null,
  });
  expect(receiver.of("order.cancelled")[0]?.data).toMatchObject({ orderId: cancelled });
  expect(receiver.of("order.delivered")[0]?.data).toMatchObject({ orderId: packed });
  const { alerts } = await call("GET", "/alerts?productId=milk");
  expect(alerts).toMatchObject([{ quantity: 3, lowStockAt: 3 }]);
  expect(receiver.of("product.low_stock")[0]?.data).toMatchObject({ productId: "milk", quantity: 3, lowStockAt: 3 });

  const [entry] = (await deliveriesOf(id)).filter(({ event }) => event === "order.packed");
  expect(entry?.attempts).toMatchObject([
    { status: 503, error: "it answered 503", answer: "answer 1" },
    { status: 503 },
    { status: 200, error: null },
  ]);
});

test("many alerts at once: one each, told once each, by two workers", async () => {
  const id = await webhook("/many", ["product.low_stock"]);
  const ids = Array.from({ length: 40 }, (_, n) => `many-${n}`);
  for (const each of ids) await product(each, 5, 2);
  await Promise.all(ids.map(async (each) => order(each, 4)));
  await vi.waitFor(async () => {
    const { deliveries } = await call("GET", `/webhooks/${id}/deliveries?limit=50`);
    expect((deliveries as Body[]).filter(({ state }) => state === "delivered")).toHaveLength(40);
  }, soon);
  const told = receiver.received.filter(({ path }) => path === "/many");
  expect(told.map(({ data }) => data.productId).toSorted()).toEqual(ids.toSorted());
});

test("a redirect is not followed, a webhook that says it is gone is disabled, and a new secret signs beside the old one", async () => {
  receiver.answer = ({ path }, nth) => (path === "/moved" && nth === 1 ? 302 : path === "/gone" ? 410 : 200);
  const [moved, gone] = [await webhook("/moved", ["order.packed"]), await webhook("/gone", ["order.packed"])];
  const old = receiver.secrets.get("/moved") ?? "";
  const { secret } = await call("POST", `/webhooks/${moved}/secret`);
  expect(secret).not.toBe(old);
  await call("POST", `/webhooks/${moved}/test`);
  await call("POST", `/webhooks/${gone}/test`);
  await vi.waitFor(async () => {
    expect(await deliveriesOf(moved)).toMatchObject([{ state: "delivered", event: "webhook.test" }]);
    expect(await deliveriesOf(gone)).toMatchObject([{ state: "failed" }]);
  }, soon);
  expect(receiver.received.filter(({ path }) => path === "/elsewhere")).toEqual([]);
  const told = receiver.received.filter(({ path }) => path === "/moved");
  expect(told.map(({ isSigned }) => isSigned)).toEqual([true, true]);
  expect(await call("GET", `/webhooks/${gone}`)).toMatchObject({
    enabled: false,
    disabledBecause: "it says that it is gone",
  });
  const [delivery] = await deliveriesOf(gone);
  await expect(call("POST", `/webhooks/deliveries/${String(delivery?.id)}/resend`)).rejects.toThrow("webhook_disabled");

  receiver.answer = () => 200;
  await call("PATCH", `/webhooks/${gone}`, { enabled: true });
  expect(await call("POST", `/webhooks/deliveries/${String(delivery?.id)}/resend`)).toMatchObject({ state: "pending" });
  await vi.waitFor(async () => expect(await deliveriesOf(gone)).toMatchObject([{ state: "delivered" }]), soon);
  const [first, second] = receiver.received.filter(({ path }) => path === "/gone");
  expect(second?.id).toBe(first?.id);
});

test("what a killed worker had under way, another one does", async () => {
  // One alone, so that it is known who has it.
  await workers[1]?.stop();
  const id = await webhook("/killed", ["order.packed"]);
  receiver.answer = (_event, nth) => (nth === 1 ? "hold" : 200);
  await call("POST", `/webhooks/${id}/test`);
  const told = () => receiver.received.filter(({ path }) => path === "/killed");
  await vi.waitFor(() => expect(told()).toHaveLength(1), soon);
  const killedAt = performance.now();
  await workers[0]?.kill();
  workers = [await tallyman.startWorker()];
  await vi.waitFor(async () => expect(await deliveriesOf(id)).toMatchObject([{ state: "delivered" }]), soon);
  expect(told().map((event) => event.id)).toEqual([told()[0]?.id, told()[0]?.id]);
  expect(performance.now() - killedAt).toBeLessThan(60_000);
  expect(await workers[0]?.stop()).toBe(0);
});
