/** Drivers on real services, asked of two apis at once; Redis is behind a link that can be cut and silenced. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { complete, readNamed } from "../../local/addresses.ts";
import { openLink } from "../support/link.ts";
import type { Link } from "../support/link.ts";
import { redisDatabase } from "../support/redis-database.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const healLimitMs = 20_000;
const here = { latitude: 48.137154, longitude: 11.576124 };

let link: Link;
let tallyman: Tallyman;
let apis: readonly [Role, Role];

beforeAll(async () => {
  const redisUrl = new URL(complete(readNamed(process.env))?.redisUrl ?? "");
  link = await openLink({ to: { host: redisUrl.hostname, port: Number(redisUrl.port || 6379) } });
  redisUrl.hostname = "127.0.0.1";
  redisUrl.port = String(link.port);
  redisUrl.pathname = `/${redisDatabase()}`;
  tallyman = await createTallyman({ environment: { REDIS_URL: redisUrl.href } });
  const [first, second] = await Promise.all([tallyman.startApi(), tallyman.startApi(), tallyman.startProcessor()]);
  apis = [first, second];
  await send(0, "POST", "/products", { id: "p1", name: "Milk", category: "dairy", priceCents: 100, initialStock: 100 });
});
afterAll(async () => {
  await tallyman[Symbol.asyncDispose]();
  await link[Symbol.asyncDispose]();
});

type Answer = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> };

async function send(api: number, method: string, path: string, body?: object, prefer?: string): Promise<Answer> {
  const response = await fetch(`${apis[api % 2]?.url ?? ""}${path}`, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(prefer !== undefined && { prefer }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}
/** Asks again while the machine is too busy to answer in time, as an app does. */
async function served(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.status === 200) return answer;
    expect(answer.status, JSON.stringify(answer.body)).toBe(503);
    await sleep(Number(answer.headers.get("retry-after")) * 200);
  }
}
async function onDuty(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await send(0, "POST", "/drivers", { id, name: id });
    await send(1, "PUT", `/drivers/${id}/duty`, { onDuty: true });
  }
}
async function order(deliveryLocation: object | null = null): Promise<string> {
  const orderId = randomUUID();
  const wanted = { orderId, productId: "p1", quantity: 1, deliveryLocation };
  expect((await send(0, "POST", "/orders", wanted, "wait=10")).status).toBe(201);
  return orderId;
}
const report = (sequence: number, fields: object = {}) => ({
  ...here,
  observedAt: new Date().toISOString(),
  sequence,
  ...fields,
});
const nearest = async (query: string) =>
  ((await send(1, "GET", `/drivers/nearest?${query}`)).body.drivers as { id: string }[]).map(({ id }) => id);
const refusedAndWhen = ({ status, headers, body }: Answer) => [status, body.code, headers.get("retry-after")];

test("of positions that come to two apis in any order, the one with the highest sequence stays", async () => {
  await onDuty("grace");
  const sequences = Array.from({ length: 200 }, (_, n) => (n * 73) % 200);
  const put = async (sequence: number, index: number) => {
    const location = report(sequence, { longitude: sequence / 10 });
    if (index % 10 !== 0) return (await served(() => send(index, "PUT", "/drivers/grace/location", location))).body;
    const locations = [{ driverId: "grace", ...location }];
    const { body } = await served(() => send(index, "POST", "/drivers/locations", { locations }));
    return (body.results as Answer["body"][])[0];
  };
  const answers = await Promise.all(sequences.map(put));
  for (const [index, answer] of answers.entries()) {
    const sequence = sequences[index] ?? NaN;
    expect(answer?.driverId).toBe("grace");
    if (answer?.applied === true) expect(answer.sequence).toBe(sequence);
    else expect(answer?.reason).toBe("not_newer");
    expect(Number(answer?.sequence)).toBeGreaterThanOrEqual(sequence);
  }
  expect((await send(0, "GET", "/drivers/grace")).body.position).toMatchObject({ longitude: 19.9 });
  await send(0, "PUT", "/drivers/grace/duty", { onDuty: false });
});

test("two dispatchers at two apis: each order has one driver, and each driver one order", async () => {
  const drivers = ["d1", "d2", "d3", "d4"];
  await onDuty(...drivers);
  const orders = await Promise.all([order(), order(), order(), order()]);
  const wishes = orders.flatMap((orderId) => drivers.map((driverId) => ({ orderId, driverId })));
  const answers = await Promise.all(
    wishes.map(({ orderId, driverId }, index) => send(index, "PUT", `/orders/${orderId}/driver`, { driverId })),
  );
  const won = wishes.filter((_, index) => answers[index]?.status === 200);
  const lost = answers.filter(({ status }) => status !== 200);
  expect(new Set(won.map(({ orderId }) => orderId)).size).toBe(won.length);
  expect(new Set(won.map(({ driverId }) => driverId)).size).toBe(won.length);
  expect(won.length).toBeGreaterThan(0);
  for (const { body } of lost) expect(body.code).toBeOneOf(["order_has_driver", "driver_busy"]);
  // Whoever was refused can read why: the order has another one, or the driver does.
  for (const { orderId, driverId } of won)
    expect((await send(0, "GET", `/drivers/${driverId}`)).body.orderId).toBe(orderId);
  for (const { orderId } of won) expect((await send(1, "DELETE", `/orders/${orderId}/driver`)).status).toBe(200);
  for (const id of drivers) expect((await send(0, "PUT", `/drivers/${id}/duty`, { onDuty: false })).status).toBe(200);
});

test("the nearest are free: an order's driver is not shown before the order is cancelled or taken away", async () => {
  await onDuty("near", "far");
  const locations = [
    { driverId: "far", ...report(1, { latitude: 48.15 }) },
    { driverId: "near", ...report(1) },
  ];
  await send(0, "POST", "/drivers/locations", { locations });
  const orderId = await order({ ...here, address: null });
  expect(await nearest(`orderId=${orderId}`)).toEqual(["near", "far"]);
  await send(0, "PUT", `/orders/${orderId}/driver`, { driverId: "near" });
  expect(await nearest(`near=${here.latitude},${here.longitude}`)).toEqual(["far"]);
  expect((await send(1, "POST", `/orders/${orderId}/cancel`, undefined, "wait=10")).status).toBe(200);
  expect(await nearest(`near=${here.latitude},${here.longitude}&limit=1`)).toEqual(["near"]);
  expect((await send(0, "PUT", `/orders/${orderId}/driver`, { driverId: "near" })).body.code).toBe(
    "order_not_deliverable",
  );
});

test("a Redis that is emptied loses where drivers are, and nothing else", async () => {
  await onDuty("keeps");
  const orderId = await order();
  await send(0, "PUT", `/orders/${orderId}/driver`, { driverId: "keeps" });
  await send(0, "PUT", "/drivers/keeps/location", report(9));
  await tallyman.redis.flushdb();
  expect((await send(1, "GET", "/drivers/keeps")).body).toMatchObject({ onDuty: true, orderId, position: null });
  expect((await send(1, "PUT", "/drivers/keeps/location", report(1))).body).toMatchObject({
    applied: true,
    sequence: 1,
  });
});

test.each<[string, () => void, () => void]>([
  [
    "cut off",
    () => {
      link.refuse(true);
      link.cut();
    },
    () => link.refuse(false),
  ],
  ["silent", () => link.hold("answers"), () => link.release("cut")],
])("Redis %s: 503 with Retry-After and its code, orders go on, and it heals by itself", async (_how, away, back) => {
  await onDuty("heals");
  const put = (api: number) => send(api, "PUT", "/drivers/heals/location", report(Date.now()));
  expect((await put(0)).body.applied).toBe(true);
  away();
  try {
    await vi.waitFor(async () => expect((await put(0)).status).toBe(503), healLimitMs);
    const unavailable = [503, "positions_unavailable", "1"];
    const many = { locations: [{ driverId: "heals", ...report(Date.now()) }] };
    expect(refusedAndWhen(await put(0))).toEqual(unavailable);
    expect(refusedAndWhen(await send(0, "POST", "/drivers/locations", many))).toEqual(unavailable);
    expect(refusedAndWhen(await send(0, "GET", "/drivers/nearest?near=48,11"))).toEqual(unavailable);
    expect((await send(0, "GET", "/drivers/heals")).body).toMatchObject({ onDuty: true, position: null });
    const placed = await send(0, "POST", "/orders", { orderId: randomUUID(), productId: "p1", quantity: 1 });
    expect(placed.status).toBe(202);
  } finally {
    back();
  }
  for (const api of [0, 1])
    await vi.waitFor(async () => expect((await put(api)).body.applied).toBe(true), {
      timeout: healLimitMs,
      interval: 200,
    });
});

test("who drives and who brings what outlives the apis", async () => {
  await onDuty("stays");
  const orderId = await order();
  await send(0, "PUT", `/orders/${orderId}/driver`, { driverId: "stays" });
  const before = apis[1];
  apis = [apis[0], await tallyman.startApi()];
  await before.kill();
  expect((await send(1, "GET", "/drivers/stays")).body).toMatchObject({ onDuty: true, orderId });
  expect((await send(1, "PUT", "/drivers/stays/location", report(1))).body.applied).toBe(true);
});
