import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Check } from "typebox/value";
import { keyedId } from "../../src/api/command-ids.ts";
import { Order } from "../../src/api/schemas/orders.ts";
import { limits } from "../../src/limits.ts";
import { partitionOf } from "../../src/partitioning/partition-of.ts";
import { cancelOrder, placeOrder, uuidOf } from "../support/commands.ts";
import { ApiWorld, bodyOf, partitionCount } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().open();
  world.addProduct({}, 10);
});
afterEach(() => world.app.close());

type Headers = Record<string, string>;
const post = (payload: object, headers: Headers = {}) =>
  world.app.inject({ method: "POST", url: "/orders", headers, payload });
const wait = { prefer: "wait=5" };

describe("without waiting", () => {
  test("202, pending, after the log has it; the order carries the catalogue's price", async () => {
    world.decides = false;
    const location = { latitude: 52.5, longitude: 13.4, address: "Straße 1" };
    const answer = await post({
      productId: "p1",
      quantity: 2,
      customerId: "c1",
      basketId: "b1",
      deliveryLocation: location,
    });
    expect(answer.statusCode).toBe(202);
    const order = bodyOf(answer);
    expect(Check(Order, order)).toBe(true);
    expect(answer.headers.location).toBe(`/orders/${String(order.orderId)}`);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(order).toMatchObject({
      status: "pending",
      unitPriceCents: 1_250,
      currency: "EUR",
      customerId: "c1",
      basketId: "b1",
      deliveryLocation: location,
      revision: 0,
      decidedAt: null,
    });
    const [logged] = world.log;
    expect(logged).toMatchObject({ partition: partitionOf("p1", partitionCount), offset: order.offset });
    expect(logged?.command).toMatchObject({ type: "PlaceOrder", commandId: order.orderId, quantity: 2 });
    expect(world.cache.orderOf(String(order.orderId))).toEqual({ ...order, offset: null });
  });

  test("ids are made in the order of time and are UUIDs of version 7", async () => {
    const first = bodyOf(await post({ productId: "p1", quantity: 1 })).orderId;
    await new Promise((resolve) => setTimeout(resolve, 3));
    const second = bodyOf(await post({ productId: "p1", quantity: 1 })).orderId;
    expect(String(first)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(String(second) > String(first)).toBe(true);
  });

  test("a caller's id is written in lower case", async () => {
    const answer = await post({ orderId: "AAAAAAAA-0000-4000-8000-00000000000B", productId: "p1", quantity: 1 });
    expect(bodyOf(answer).orderId).toBe("aaaaaaaa-0000-4000-8000-00000000000b");
  });

  test("Redis away: the order is taken all the same", async () => {
    world.cache.setAway(true);
    expect((await post({ productId: "p1", quantity: 1 })).statusCode).toBe(202);
    expect((await post({ productId: "p1", quantity: 1, orderId: uuidOf(9) })).statusCode).toBe(202);
  });

  test("the product is asked for once, not for every order", async () => {
    for (let n = 0; n < 5; n++) await post({ productId: "p1", quantity: 1 });
    expect(world.catalogueQuestions).toBe(1);
  });

  test("PostgreSQL away: known products are sold on, others are 503", async () => {
    await post({ productId: "p1", quantity: 1 });
    world.storeAway = true;
    world.clock = () => Date.now() + limits.catalogueCacheTtlMs * 10;
    expect((await post({ productId: "p1", quantity: 1 })).statusCode).toBe(202);
    const answer = await post({ productId: "p2", quantity: 1 });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(bodyOf(answer).code).toBe("store_unavailable");
  });

  test("an unknown product is 404 and nothing is logged; a product made later is found at once", async () => {
    const answer = await post({ productId: "p2", quantity: 1 });
    expect(answer.statusCode).toBe(404);
    expect(bodyOf(answer)).toMatchObject({ code: "unknown_product", productId: "p2" });
    expect(world.log).toEqual([]);
    world.addProduct({ id: "p2" });
    expect((await post({ productId: "p2", quantity: 1 })).statusCode).toBe(202);
  });

  test("the log away: 503 that names the order, so that it can be sent again", async () => {
    world.logAway = true;
    const answer = await post({ productId: "p1", quantity: 1 });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    const problem = bodyOf(answer);
    expect(problem).toMatchObject({
      code: "log_unavailable",
      orderId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(world.logLines).toContainEqual(expect.objectContaining({ level: 40, orderId: problem.orderId }));
  });
});

describe("waiting", () => {
  test("201 when accepted", async () => {
    const answer = await post({ productId: "p1", quantity: 3 }, wait);
    expect(answer.statusCode).toBe(201);
    expect(answer.headers["preference-applied"]).toBe("wait=5");
    const order = bodyOf(answer);
    expect(Check(Order, order)).toBe(true);
    expect(order).toMatchObject({ status: "accepted", stockAfter: 7, version: 2, revision: 1 });
    expect(answer.headers.location).toBe(`/orders/${String(order.orderId)}`);
  });

  test("409 with what is available when there is too little", async () => {
    const answer = await post({ productId: "p1", quantity: 11 }, wait);
    expect(answer.statusCode).toBe(409);
    expect(answer.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(bodyOf(answer)).toMatchObject({
      code: "insufficient_stock",
      status: 409,
      available: 10,
      quantity: 11,
      productId: "p1",
    });
  });

  test("404 when the product has had no delivery", async () => {
    world.addProduct({ id: "p2" });
    const answer = await post({ productId: "p2", quantity: 1 }, wait);
    expect(answer.statusCode).toBe(404);
    expect(bodyOf(answer).code).toBe("unknown_product");
  });

  test("202 when time runs out and PostgreSQL knows nothing, or can't be asked", async () => {
    world.decides = false;
    const answer = await post({ productId: "p1", quantity: 1 }, { prefer: "wait=1" });
    expect(answer.statusCode).toBe(202);
    expect(answer.headers["preference-applied"]).toBe("wait=1");
    world.storeAway = true;
    expect((await post({ productId: "p1", quantity: 1 }, { prefer: "wait=1" })).statusCode).toBe(202);
  });

  test("a lost message is made good by PostgreSQL when time runs out", async () => {
    world.tells = false;
    const answer = await post({ productId: "p1", quantity: 1 }, { prefer: "wait=1" });
    expect(answer.statusCode).toBe(201);
  });

  test("a decision that comes before the log's answer is held", async () => {
    let release: () => void = () => undefined;
    const orderId = uuidOf(77);
    world.decides = false;
    world.held = new Promise((resolve) => (release = resolve));
    const flight = post({ orderId, productId: "p1", quantity: 4 }, wait);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // The record is in the log already, only its acknowledgement is on the way: as a repeated append would have it.
    world.produce(placeOrder({ commandId: orderId, quantity: 4 }), partitionOf("p1", partitionCount));
    await world.decide();
    release();
    const answer = await flight;
    expect(answer.statusCode).toBe(201);
    expect(bodyOf(answer)).toMatchObject({ stockAfter: 6, offset: 0 });
  });

  test("a server that closes lets nobody wait", async () => {
    world.decides = false;
    const startedAt = performance.now();
    const flight = post({ productId: "p1", quantity: 1 }, { prefer: "wait=20" });
    await vi.waitFor(() => expect(world.log).toHaveLength(1), { timeout: 10_000 });
    await world.app.close();
    expect((await flight).statusCode).toBe(202);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("the same id again", () => {
  const orderId = uuidOf(5);
  const order = { orderId, productId: "p1", quantity: 2, customerId: "c1" };

  test("decided: the stored answer, and nothing is appended", async () => {
    const first = await post(order, wait);
    const again = await post(order, wait);
    expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
    expect(bodyOf(again)).toEqual(bodyOf(first));
    expect(world.log).toHaveLength(1);
    expect((await post(order)).statusCode).toBe(202);
  });

  test("refused: refused again, also after a delivery", async () => {
    const tooMuch = { ...order, quantity: 11 };
    await post(tooMuch, wait);
    world.stock.set("p1", { quantity: 100, version: 9 });
    expect(bodyOf(await post(tooMuch, wait))).toMatchObject({ code: "insufficient_stock", available: 10 });
  });

  test("pending: sent again, for the mark does not prove that the log has it; and it counts once", async () => {
    world.decides = false;
    expect((await post(order)).statusCode).toBe(202);
    const flight = post(order, wait);
    setTimeout(() => void world.decide(), 50);
    expect((await flight).statusCode).toBe(201);
    expect(world.log).toHaveLength(2);
    expect(world.stock.get("p1")).toEqual({ quantity: 8, version: 2 });
  });

  test("after a failed append: it is appended now, though Redis has the mark of the first try", async () => {
    world.logAway = true;
    expect(bodyOf(await post(order)).code).toBe("log_unavailable");
    expect(world.cache.orderOf(orderId)).toMatchObject({ status: "pending" });
    world.logAway = false;
    expect((await post(order)).statusCode).toBe(202);
    expect(world.log).toHaveLength(1);
  });

  test("with other content: 422 where it is known", async () => {
    await post(order, wait);
    for (const other of [
      { ...order, quantity: 3 },
      { ...order, customerId: "c2" },
      { orderId, productId: "p1", quantity: 2 },
      { ...order, basketId: "b" },
      { ...order, deliveryLocation: { latitude: 1, longitude: 2 } },
    ]) {
      const answer = await post(other);
      expect(answer.statusCode).toBe(422);
      expect(bodyOf(answer)).toMatchObject({ code: "order_id_reused", orderId });
    }
  });

  test("with other content and Redis away: 422 where it is waited for, else the first content stands", async () => {
    await post(order, wait);
    world.cache.setAway(true);
    expect((await post({ ...order, quantity: 3 })).statusCode).toBe(202);
    world.cache.setAway(false);
    world.cache.flush();
    const answer = await post({ ...order, quantity: 3 }, wait);
    expect(bodyOf(answer).code).toBe("order_id_reused");
    expect(world.lines.get(orderId)).toMatchObject({ quantity: 2, status: "accepted" });
  });

  test("with the same content and Redis emptied: the same answer, from PostgreSQL", async () => {
    const first = await post(order, wait);
    world.cache.flush();
    const again = await post(order, wait);
    expect(again.statusCode).toBe(201);
    expect(bodyOf(again)).toEqual(bodyOf(first));
  });

  test("cancelled since: told so; cancelled before it came: told so", async () => {
    await post(order, wait);
    await world.app.inject({ method: "POST", url: `/orders/${orderId}/cancel`, headers: wait });
    expect(bodyOf(await post(order, wait))).toMatchObject({ code: "order_cancelled", orderId });

    const other = { ...order, orderId: uuidOf(6) };
    await world.app.inject({
      method: "POST",
      url: `/orders/${other.orderId}/cancel`,
      headers: wait,
      payload: { productId: "p1" },
    });
    const answer = await post(other, wait);
    expect(answer.statusCode).toBe(409);
    expect(bodyOf(answer)).toMatchObject({ code: "cancelled_before_placed" });
  });

  test("cancelled before it came, and not decided in time: pending, and not what was true when the cancel was", async () => {
    const cancel = {
      method: "POST",
      url: `/orders/${orderId}/cancel`,
      headers: wait,
      payload: { productId: "p1" },
    } as const;
    await world.app.inject(cancel);
    world.decides = false;
    const early = await post(order, { prefer: "wait=1" });
    expect([early.statusCode, bodyOf(early).status]).toEqual([202, "pending"]);
    await world.decide();
    expect(bodyOf(await post(order, wait))).toMatchObject({ code: "cancelled_before_placed" });
  });

  test("its cancel is decided while it is on its way: what is told is the order's own decision, and not too soon", async () => {
    world.decides = false;
    let release = (): void => undefined;
    world.held = new Promise((resolve) => (release = resolve));
    const answered = post(order, { prefer: "wait=5" });
    await expect.poll(() => world.cache.orderOf(orderId)?.status).toBe("pending");
    world.produce(cancelOrder({ commandId: uuidOf(90), orderId, productId: "p1" }));
    await world.decide();
    release();
    await expect.poll(() => world.log.length).toBe(2);
    // Long enough for an answer that comes too soon.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await world.decide();
    const answer = await answered;
    expect([answer.statusCode, bodyOf(answer).code]).toEqual([409, "cancelled_before_placed"]);
  });

  test("cancelled under another product before it came: its id is taken, and nobody waits for more", async () => {
    world.addProduct({ id: "p2" }, 3);
    world.produce(cancelOrder({ commandId: uuidOf(91), orderId, productId: "p2" }), 1);
    await world.decide();
    const answer = await post(order, wait);
    expect([answer.statusCode, bodyOf(answer)]).toMatchObject([
      409,
      { code: "cancelled_before_placed", productId: "p2", available: 3, version: 1 },
    ]);
  });

  test("an Idempotency-Key names the order as an id does", async () => {
    const keyed = { productId: "p1", quantity: 2 };
    const key = { "idempotency-key": "basket 7, line 1" };
    const first = bodyOf(await post(keyed, { ...key, ...wait }));
    expect(first.orderId).toBe(keyedId("place_order", "basket 7, line 1"));
    expect(bodyOf(await post(keyed, { ...key, ...wait }))).toEqual(first);
    expect(bodyOf(await post({ ...keyed, quantity: 1 }, key))).toMatchObject({ code: "idempotency_key_reused" });
    expect(world.log).toHaveLength(1);
  });

  test("both ids: one order if they mean the same one, else 400", async () => {
    expect((await post(order, { "idempotency-key": orderId.toUpperCase() })).statusCode).toBe(202);
    const answer = await post(order, { "idempotency-key": "another" });
    expect(answer.statusCode).toBe(400);
    expect(bodyOf(answer).code).toBe("conflicting_ids");
  });
});

test.each([
  [{ quantity: 1 }, "/productId"],
  [{ productId: "p1" }, "/quantity"],
  [{ productId: "p 1", quantity: 1 }, "/productId"],
  [{ productId: "", quantity: 1 }, "/productId"],
  [{ productId: "p".repeat(65), quantity: 1 }, "/productId"],
  [{ productId: "p1", quantity: 0 }, "/quantity"],
  [{ productId: "p1", quantity: 1_000_001 }, "/quantity"],
  [{ productId: "p1", quantity: 1.5 }, "/quantity"],
  [{ productId: "p1", quantity: "1" }, "/quantity"],
  [{ productId: "p1", quantity: 1, unitPriceCents: 1 }, "/unitPriceCents"],
  [{ productId: "p1", quantity: 1, orderId: "1" }, "/orderId"],
  [{ productId: "p1", quantity: 1, customerId: "" }, "/customerId"],
  [{ productId: "p1", quantity: 1, customerId: "a\0b" }, "/customerId"],
  [{ productId: "p1", quantity: 1, customerId: "c".repeat(101) }, "/customerId"],
  [{ productId: "p1", quantity: 1, customerId: "😀".repeat(51) }, "/customerId"],
  [{ productId: "p1", quantity: 1, deliveryLocation: { latitude: 91, longitude: 0 } }, "/deliveryLocation/latitude"],
  [
    { productId: "p1", quantity: 1, deliveryLocation: { latitude: 9, longitude: 0, driver: 1 } },
    "/deliveryLocation/driver",
  ],
  [[], ""],
])("%j is refused, naming %s", async (payload, field) => {
  const answer = await post(payload);
  expect(answer.statusCode).toBe(400);
  const problem = bodyOf(answer);
  expect(problem.code).toBe("invalid_request");
  expect(problem.errors).toContainEqual(expect.objectContaining({ in: "body", field }));
  expect(world.log).toEqual([]);
});

test("a lone surrogate is refused, a pair is not", async () => {
  const send = (customerId: string) =>
    world.app.inject({
      method: "POST",
      url: "/orders",
      headers: { "content-type": "application/json" },
      payload: `{"productId":"p1","quantity":1,"customerId":"${customerId}"}`,
    });
  expect((await send("\\ud83d")).statusCode).toBe(400);
  expect((await send("\\ud83d\\ude00")).statusCode).toBe(202);
});
