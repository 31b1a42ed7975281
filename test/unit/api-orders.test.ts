import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Check } from "typebox/value";
import { cancelId } from "../../src/api/command-ids.ts";
import { CommandReceipt, LookupAnswer, Order, OrderPage } from "../../src/api/schemas/orders.ts";
import { limits } from "../../src/limits.ts";
import { dependencyNames } from "../../src/ops/health.ts";
import { placeOrder, uuidOf } from "../support/commands.ts";
import { bodyOf } from "./api-world.ts";
import type { ApiWorld } from "./api-world.ts";
import { openShop, orderCalls, orderId, wait } from "./order-calls.ts";

let world: ApiWorld;
beforeEach(async () => {
  world = await openShop();
});
afterEach(() => world.app.close());

const { get, place, post } = orderCalls(() => world);
const cancel = (payload?: object, headers = wait) => post("cancel", headers, payload);

describe("reading an order", () => {
  test("decided, from Redis and from PostgreSQL, with an id in any case", async () => {
    const placed = bodyOf(await place());
    expect(Check(Order, placed)).toBe(true);
    expect(bodyOf(await get(`/orders/${orderId}`))).toEqual(placed);
    world.cache.flush();
    const answer = await get(`/orders/${orderId.toUpperCase()}`);
    expect(bodyOf(answer)).toEqual(placed);
    expect(answer.headers).toMatchObject({ "cache-control": "private, no-cache", etag: 'W/"1"' });
    expect((await world.app.inject({ method: "HEAD", url: `/orders/${orderId}` })).statusCode).toBe(200);
  });

  test("304 while it is as the caller has it: decided, packed, and each further step", async () => {
    const ask = (tag: string, query = "") =>
      world.app.inject({ url: `/orders/${orderId}${query}`, headers: { "if-none-match": tag } });
    world.decides = false;
    await place({}, {});
    const pending = await ask('W/"0"', "?wait=1");
    expect([pending.statusCode, pending.body, pending.headers.etag]).toEqual([304, "", 'W/"0"']);
    const flight = ask('W/"0"', "?wait=5");
    setTimeout(() => void world.decide(), 50);
    expect([(await flight).statusCode, bodyOf(await flight).status]).toEqual([200, "accepted"]);
    world.decides = true;

    for (const [tag, next] of [
      ['W/"1"', "pack"],
      ['W/"2-packed"', "out-for-delivery"],
      ['W/"2-out_for_delivery"', "deliver"],
      ['W/"2-delivered"', undefined],
    ] as const) {
      expect((await ask(tag)).statusCode, tag).toBe(304);
      if (next === undefined) break;
      expect((await post(next)).statusCode).toBe(200);
      expect((await ask(tag)).statusCode, `${tag}, after ${next}`).toBe(200);
    }
  });

  test("pending, believed while it is young; then PostgreSQL is asked too", async () => {
    world.tells = false;
    world.decides = false;
    await place({}, {});
    expect(bodyOf(await get(`/orders/${orderId}`)).status).toBe("pending");
    await world.decide();
    expect(bodyOf(await get(`/orders/${orderId}`)).status).toBe("pending");
    // Also where the clock was set back since: it may be long until the order looks old.
    for (const jump of [limits.pendingBelievedMs + 1, -60_000]) {
      world.clock = () => Date.now() + jump;
      expect(bodyOf(await get(`/orders/${orderId}`)).status).toBe("accepted");
    }
    world.storeAway = true;
    expect(bodyOf(await get(`/orders/${orderId}`)).status).toBe("pending");
  });

  test("waits for the decision, and for no longer than asked", async () => {
    world.decides = false;
    await place({}, {});
    const flight = get(`/orders/${orderId}?wait=5`);
    setTimeout(() => void world.decide(), 50);
    expect(bodyOf(await flight)).toMatchObject({ status: "accepted", stockAfter: 8 });

    await place({ orderId: uuidOf(2) }, {});
    expect(bodyOf(await get(`/orders/${uuidOf(2)}?wait=1`)).status).toBe("pending");
  });

  test("a lost message is made good by PostgreSQL when the wait ends", async () => {
    world.decides = false;
    world.tells = false;
    await place({}, {});
    const flight = get(`/orders/${orderId}?wait=1`);
    setTimeout(() => void world.decide(), 50);
    expect(bodyOf(await flight).status).toBe("accepted");
  });

  test("an order that waits for its parked product is pending, though its partition has passed it", async () => {
    world.waiting.push({ command: placeOrder({ commandId: orderId, quantity: 7 }), partition: 2, offset: 40 });
    const answer = await get(`/orders/${orderId}`);
    expect(answer.statusCode).toBe(200);
    expect(bodyOf(answer)).toMatchObject({ orderId, status: "pending", quantity: 7, partition: 2, offset: 40 });
  });

  test("404 only when the log has been decided up to where it ended when the question came", async () => {
    const answer = await get(`/orders/${orderId}`);
    expect(answer.statusCode).toBe(404);
    expect(bodyOf(answer)).toMatchObject({ code: "unknown_order", orderId });

    world.decides = false;
    world.produce(placeOrder({ commandId: orderId }));
    const undecided = await get(`/orders/${orderId}`);
    expect(undecided.statusCode).toBe(503);
    expect(undecided.headers["retry-after"]).toBe("1");
    expect(bodyOf(undecided)).toMatchObject({ code: "undecided", orderId });

    const flight = get(`/orders/${orderId}`);
    setTimeout(() => void world.decide(), 100);
    expect(bodyOf(await flight)).toMatchObject({ orderId, status: "accepted" });
  });

  test("neither Redis nor PostgreSQL can tell: 503; the log can't: 503", async () => {
    world.storeAway = true;
    expect(bodyOf(await get(`/orders/${orderId}`)).code).toBe("store_unavailable");
    world.storeAway = false;
    world.logAway = true;
    expect(bodyOf(await get(`/orders/${orderId}`)).code).toBe("log_unavailable");
  });

  test("the id of another command is not an order", async () => {
    await place();
    await cancel();
    expect((await get(`/orders/${cancelId(orderId)}`)).statusCode).toBe(404);
  });

  test("marked when PostgreSQL is known to be away", async () => {
    await place();
    expect((await get(`/orders/${orderId}`)).headers["x-tallyman-stale"]).toBeUndefined();
    world.health.set(dependencyNames.store, true, "down", "refused");
    expect((await get(`/orders/${orderId}`)).headers["x-tallyman-stale"]).toBe("1");
  });

  test.each(["/orders/1", `/orders/${orderId}?wait=31`, `/orders/${orderId}?wait=x`, `/orders/${orderId}?foo=1`])(
    "%s is refused",
    async (url) => {
      const answer = await get(url);
      expect(answer.statusCode).toBe(400);
      expect(bodyOf(answer).code).toBe("invalid_request");
    },
  );
});

describe("looking up many orders", () => {
  const lookup = (ids: string[]) => world.app.inject({ method: "POST", url: "/orders/lookup", payload: { ids } });

  test("what is known, what is not, each once and in the order asked", async () => {
    await place({ orderId: uuidOf(3) });
    await place({ orderId: uuidOf(2) });
    world.cache.flush();
    const answer = bodyOf(await lookup([uuidOf(2), uuidOf(9), uuidOf(3).toUpperCase(), uuidOf(2)]));
    expect(Check(LookupAnswer, answer)).toBe(true);
    expect((answer.orders as { orderId: string }[]).map((order) => order.orderId)).toEqual([uuidOf(2), uuidOf(3)]);
    expect(answer).toMatchObject({ unknown: [uuidOf(9)], undecided: [] });
  });

  test("a thousand ids share one proof", async () => {
    world.decides = false;
    world.produce(placeOrder({ commandId: uuidOf(5_000) }));
    const startedAt = performance.now();
    const ids = Array.from({ length: 1_000 }, (_, n) => uuidOf(n + 1));
    const answer = bodyOf(await lookup(ids));
    expect(answer).toMatchObject({ orders: [], unknown: [], undecided: ids });
    expect(performance.now() - startedAt).toBeLessThan(limits.absenceProofWaitMs * 2.5);
  });

  test("too many, none, or not ids", async () => {
    for (const ids of [[], Array.from({ length: 1_001 }, (_, n) => uuidOf(n)), ["x"]]) {
      expect((await lookup(ids)).statusCode).toBe(400);
    }
    world.storeAway = true;
    expect(bodyOf(await lookup([orderId])).code).toBe("store_unavailable");
  });
});

describe("listing orders", () => {
  test("by each filter, with a cursor where there is more", async () => {
    await place({ customerId: "c1", basketId: "b1" });
    await place({ orderId: uuidOf(2), customerId: "c1", quantity: 100 });
    for (const [query, count] of [
      ["customerId=c1", 2],
      ["customerId=c2", 0],
      ["basketId=b1", 1],
      ["productId=p1", 2],
      ["status=rejected", 1],
      ["customerId=c1&status=accepted&productId=p1", 2], // Narrowing is the store's, shown with the real one.
    ] as const) {
      const page = bodyOf(await get(`/orders?${query}`));
      expect(Check(OrderPage, page)).toBe(true);
      expect(page.orders).toHaveLength(count);
      expect(page.next).toBeNull();
    }
    for (const query of ["customerId=c1", "productId=p1", "customerId=c1&productId=p1"]) {
      const page = bodyOf(await get(`/orders?${query}&limit=1`));
      expect(page.orders).toHaveLength(1);
      expect((await get(`/orders?${query}&cursor=${String(page.next)}`)).statusCode).toBe(200);
      for (const other of ["status=accepted", "customerId=c2", `${query}&basketId=b1`]) {
        const answer = await get(`/orders?${other}&cursor=${String(page.next)}`);
        expect(answer.statusCode).toBe(400);
        expect(bodyOf(answer).code).toBe("invalid_cursor");
      }
      expect((await get(`/orders?limit=2&cursor=${String(page.next)}&${query}`)).statusCode).toBe(200);
      expect(bodyOf(await get(`/products?cursor=${String(page.next)}`)).code).toBe("invalid_cursor");
    }
  });

  test.each([
    "",
    "status=pending",
    "productId=p1&status=accepted",
    "customerId=c1&limit=0",
    "customerId=c1&limit=201",
    "x=1",
  ])("?%s is refused", async (query) => {
    const answer = await get(`/orders?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(bodyOf(answer).code).toBe("invalid_request");
  });

  test.each([
    "nonsense",
    Buffer.from('["t","1; drop",0,0]').toString("base64url"),
    Buffer.from("[]").toString("base64url"),
  ])("the cursor %s is refused", async (cursor) =>
    expect(bodyOf(await get(`/orders?customerId=c&cursor=${cursor}`)).code).toBe("invalid_cursor"),
  );

  test("PostgreSQL away: 503", async () => {
    world.storeAway = true;
    expect(bodyOf(await get("/orders?customerId=c")).code).toBe("store_unavailable");
  });
});

describe("cancelling an order", () => {
  test("a producer on Kafka used the cancel's id for something else: told, and the order stays", async () => {
    await place();
    const delivery = { type: "ReceiveStock", productId: "p1", quantity: 1, reference: null, issuedAt: 0 } as const;
    world.produce({ ...delivery, commandId: cancelId(orderId) });
    const answer = await cancel();
    expect(answer.statusCode).toBe(422);
    expect(bodyOf(answer)).toMatchObject({ code: "idempotency_key_reused", commandId: cancelId(orderId) });
    expect(bodyOf(await get(`/orders/${orderId}`)).status).toBe("accepted");
  });

  test("waited for: the cancelled order, its units given back; and again the same", async () => {
    await place();
    const answer = await cancel();
    expect(answer.statusCode).toBe(200);
    expect(bodyOf(answer)).toMatchObject({ orderId, status: "cancelled", revision: 2 });
    expect(world.stock.get("p1")).toEqual({ quantity: 10, version: 3 });
    const again = await cancel();
    expect(again.statusCode).toBe(200);
    expect(bodyOf(again)).toEqual(bodyOf(answer));
    world.cache.flush();
    expect((await cancel()).statusCode).toBe(200);
    expect(world.stock.get("p1")).toEqual({ quantity: 10, version: 3 });
  });

  test("not waited for: 202 and a receipt; a body without content is no body", async () => {
    await place();
    const answer = await world.app.inject({
      method: "POST",
      url: `/orders/${orderId}/cancel`,
      headers: { "content-type": "application/json" },
      payload: "",
    });
    expect(answer.statusCode).toBe(202);
    const receipt = bodyOf(answer);
    expect(Check(CommandReceipt, receipt)).toBe(true);
    expect(receipt).toMatchObject({ commandId: cancelId(orderId), type: "CancelOrder", orderId, status: "pending" });
  });

  test("a pending order can be cancelled: both are decided in the order of the log", async () => {
    world.decides = false;
    await place({}, {});
    const flight = cancel();
    setTimeout(() => void world.decide(), 50);
    const answer = await flight;
    expect(answer.statusCode).toBe(200);
    expect(bodyOf(answer)).toMatchObject({ status: "cancelled" });
  });

  test("a refused order can't be cancelled", async () => {
    await place({ quantity: 11 });
    const answer = await cancel();
    expect(answer.statusCode).toBe(409);
    expect(bodyOf(answer)).toMatchObject({ code: "order_rejected", orderId });
  });

  test("an unknown order: 404; with a product, cancelled before it arrives", async () => {
    expect(bodyOf(await cancel()).code).toBe("unknown_order");
    expect(bodyOf(await cancel({ productId: "p2" })).code).toBe("unknown_product");
    expect(world.log).toEqual([]);
    expect((await cancel({ productId: "p1" })).statusCode).toBe(200);
    expect(bodyOf(await place())).toMatchObject({ code: "cancelled_before_placed" });
  });

  test("the wrong product: 409; an unknown field: 400", async () => {
    await place();
    expect(bodyOf(await cancel({ productId: "p2" })).code).toBe("product_mismatch");
    expect(bodyOf(await cancel({ reason: "x" })).code).toBe("invalid_request");
  });

  test("decided while it waits, by another: refused or cancelled as it turned out", async () => {
    await place({ quantity: 11 });
    // Redis still says pending: the cancel is appended, and the decider refuses it.
    world.cache.flush();
    const pending = { ...bodyOf(await get(`/orders/${orderId}`)), revision: 0, status: "pending", reason: null };
    await world.cache
      .readCache()
      .markPending(orderId, JSON.stringify({ ...pending, placedAt: new Date().toISOString() }));
    expect(bodyOf(await cancel())).toMatchObject({ code: "order_rejected", commandId: cancelId(orderId) });
  });

  test("undecided, PostgreSQL away, the log away", async () => {
    world.decides = false;
    world.produce(placeOrder({ commandId: uuidOf(70) }));
    expect(bodyOf(await cancel()).code).toBe("undecided");
    world.storeAway = true;
    expect(bodyOf(await cancel()).code).toBe("store_unavailable");
    world.storeAway = false;
    await world.decide();
    await place({}, {});
    world.logAway = true;
    expect(bodyOf(await cancel())).toMatchObject({ code: "log_unavailable", commandId: cancelId(orderId) });
  });
});
