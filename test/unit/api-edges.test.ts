/** Input that looks right at first sight: what a stranger tried, and was answered wrongly once. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().open();
  world.addProduct({}, 10);
});
afterEach(() => world.app.close());

const json = { "content-type": "application/json" };
const wait = { prefer: "wait=5" };
const send = (url: string, payload: string | Buffer | object, headers: Record<string, string> = json) =>
  world.app.inject({ method: "POST", url, headers, payload });
const order = { productId: "p1", quantity: 1 };

describe("bodies", () => {
  test.each([
    ["a byte that is in no UTF-8", Buffer.from([0xff])],
    ["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
  ])("%s is refused, and not stored as another text", async (_name, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"productId":"p1","quantity":1,"customerId":"'),
      bytes,
      Buffer.from('"}'),
    ]);
    const answer = await send("/orders", body);
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([400, "malformed_json"]);
    expect(world.log).toEqual([]);
  });

  test.each([
    ["a content encoding", { ...json, "content-encoding": "gzip" }],
    ["another charset", { "content-type": "application/json; charset=latin1" }],
  ])("%s is refused, and not ignored", async (_name, headers) => {
    const answer = await send("/orders", JSON.stringify(order), headers);
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([415, "unsupported_media_type"]);
  });

  test("UTF-8 by name is fine", async () => {
    const answer = await send("/orders", JSON.stringify(order), {
      "content-type": 'application/json; charset="UTF-8"',
    });
    expect(answer.statusCode).toBe(202);
  });

  test.each([".", ".."])("a product can't be called %s, which no URL can name", async (id) => {
    const answer = await send("/products", { id, name: "n", category: "c", priceCents: 1 });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([400, "invalid_request"]);
  });

  test("a version beyond Avro's longs is refused, and no fault", async () => {
    const payload = { quantity: 1, asOfVersion: Number.MAX_SAFE_INTEGER };
    const answer = await world.app.inject({ method: "PUT", url: "/products/p1/stock", headers: json, payload });
    expect(answer.statusCode).toBe(400);
  });
});

describe("queries", () => {
  test.each(["wait=1.5", "wait=", "wait=-1"])("?%s is refused", async (query) => {
    const answer = await world.app.inject({ url: `/orders/${randomUUID()}?${query}` });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([400, "invalid_request"]);
  });
});

describe("ids", () => {
  test("a key that is a UUID is the order's id, with or without the same orderId", async () => {
    const key = randomUUID();
    const first = bodyOf(await send("/orders", order, { ...json, ...wait, "idempotency-key": key }));
    const both = await send(
      "/orders",
      { ...order, orderId: key },
      { ...json, ...wait, "idempotency-key": key.toUpperCase() },
    );
    expect(first.orderId).toBe(key);
    expect(bodyOf(both)).toEqual(first);
    expect(world.stock.get("p1")?.quantity).toBe(9);
  });

  test("an order under the id of another command is told so, and does not wait for ever", async () => {
    const { commandId } = bodyOf(await send("/products/p1/restock", { quantity: 1 }, { ...json, ...wait }));
    const answer = await send("/orders", { ...order, orderId: commandId }, { ...json, ...wait });
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([422, "order_id_reused"]);
  });

  test("a cancelled order is not cancelled again under another product", async () => {
    const { orderId } = bodyOf(await send("/orders", order, { ...json, ...wait }));
    const url = `/orders/${String(orderId)}/cancel`;
    expect((await send(url, {}, { ...json, ...wait })).statusCode).toBe(200);
    expect(bodyOf(await send(url, { productId: "p2" }, { ...json, ...wait })).code).toBe("product_mismatch");
    expect((await send(url, { productId: "p1" }, { ...json, ...wait })).statusCode).toBe(200);
  });
});
