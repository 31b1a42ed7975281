/**
 * The main job, on the real services: a thousand units, three thousand orders for one each, from many clients at once, some
 * sent twice, while the processor that decides them is killed and another takes over.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OrderDocument } from "../../src/schemas/order-document.ts";
import { onServer } from "../support/databases.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const units = 1_000;
const orderCount = 3_000;
const clientCount = 64;
const productId = "last-thousand";

type LedgerRow = { command_id: string; status: string; delta: number; stock_after: number; version: number };

let tallyman: Tallyman;
let api: Role;

beforeAll(async () => {
  tallyman = await createTallyman();
  api = await tallyman.startApi();
});
afterAll(() => tallyman[Symbol.asyncDispose]());

async function post(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${api.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Sends one order until it is acknowledged, as a producer does: a 503 says that it may be sent again. */
async function place(orderId: string): Promise<void> {
  for (;;) {
    const response = await post("/orders", { orderId, productId, quantity: 1 });
    await response.text();
    if (response.status === 202) return;
    expect(response.status).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function ledger(): Promise<LedgerRow[]> {
  return onServer(tallyman.databaseUrl, async (client) => {
    const { rows } = await client.query<LedgerRow>(
      "select command_id, status, delta, stock_after, version::int4 from ledger where type = 'PlaceOrder' and product_id = $1",
      [productId],
    );
    return rows;
  });
}

async function untilDecided(count: number): Promise<LedgerRow[]> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const rows = await ledger();
    if (rows.length >= count) return rows;
    if (performance.now() > deadline) throw new Error(`${rows.length} of ${count} orders are decided after a minute`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("64 clients, 3,000 orders for 1,000 units, a processor killed on the way", () => {
  it("sells every unit once, and decides every acknowledged order once", { timeout: 150_000 }, async () => {
    const first = await tallyman.startProcessor();
    const created = await post("/products", {
      id: productId,
      name: "The last thousand",
      category: "test",
      priceCents: 100,
      initialStock: units,
    });
    expect(created.status).toBe(201);

    const orderIds = Array.from({ length: orderCount }, () => randomUUID());
    // Every tenth is sent twice, side by side with the rest.
    const waiting = [...orderIds, ...orderIds.filter((_, index) => index % 10 === 0)];
    let sent = 0;
    const client = async (): Promise<void> => {
      for (let orderId = waiting.shift(); orderId !== undefined; orderId = waiting.shift()) {
        await place(orderId);
        sent += 1;
      }
    };
    const clients = Promise.all(Array.from({ length: clientCount }, client));
    const takeOver = (async (): Promise<Role> => {
      while (sent < orderCount / 3) await new Promise((resolve) => setTimeout(resolve, 5));
      await first.kill();
      return tallyman.startProcessor();
    })();
    await clients;
    const second = await takeOver;

    const rows = await untilDecided(orderCount);
    expect(new Set(rows.map((row) => row.command_id))).toEqual(new Set(orderIds));
    const accepted = rows.filter((row) => row.status === "accepted");
    const rejected = rows.filter((row) => row.status === "rejected");
    expect([accepted.length, rejected.length]).toEqual([units, orderCount - units]);
    const numeric = (a: number, b: number): number => a - b;
    expect(accepted.map((row) => row.stock_after).toSorted(numeric)).toEqual(
      Array.from({ length: units }, (_, n) => n),
    );
    expect(units + rows.reduce((sum, row) => sum + row.delta, 0)).toBe(0);
    expect(rejected.every((row) => row.delta === 0 && row.stock_after === 0)).toBe(true);

    const product = (await (await fetch(`${api.url}/products/${productId}`)).json()) as { quantity: number };
    expect(product.quantity).toBe(0);
    await expect.poll(() => tallyman.redis.get(`product:${productId}:quantity`), { timeout: 10_000 }).toBe("0");
    const statuses = await lookUp(orderIds);
    expect(statuses.filter((status) => status === "accepted")).toHaveLength(units);
    expect(statuses.filter((status) => status === "rejected")).toHaveLength(orderCount - units);
    expect(await second.stop()).toBe(0);
    expect(await api.stop()).toBe(0);
    await tallyman.audit("at-rest");
  });
});

/** What the API says of every order, a thousand at a time. */
async function lookUp(orderIds: readonly string[]): Promise<string[]> {
  const statuses: string[] = [];
  for (let from = 0; from < orderIds.length; from += 1_000) {
    const response = await post("/orders/lookup", { ids: orderIds.slice(from, from + 1_000) });
    const { orders } = (await response.json()) as { orders: OrderDocument[] };
    statuses.push(...orders.map((order) => order.status));
  }
  return statuses;
}
