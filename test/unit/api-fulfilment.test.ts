import { Check } from "typebox/value";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keyedId, packId } from "../../src/api/command-ids.ts";
import { CommandReceipt, Fulfilment, Order } from "../../src/api/schemas/orders.ts";
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
const told = async () => bodyOf(await get(`/orders/${orderId}`)).fulfilment;

describe("packing an order", () => {
  test("waited for: the packed order, with no units taken; and again the same", async () => {
    await place();
    expect(await told()).toBe(null);
    const answer = await post("pack", { ...wait, "x-actor": "ada" });
    expect(answer.statusCode).toBe(200);
    expect(Check(Order, bodyOf(answer))).toBe(true);
    expect(bodyOf(answer)).toMatchObject({ orderId, status: "accepted", fulfilment: "packed", revision: 2 });
    expect(world.log[1]?.command).toMatchObject({ type: "PackOrder", commandId: packId(orderId), actor: "ada" });
    expect(world.stock.get("p1")).toEqual({ quantity: 8, version: 3 });
    const again = await post("pack");
    expect([again.statusCode, bodyOf(again)]).toEqual([200, bodyOf(answer)]);
    world.cache.flush();
    expect(bodyOf(await post("pack"))).toEqual(bodyOf(answer));
    expect(world.log).toHaveLength(2);
    expect(await told()).toBe("packed");
  });

  test("not waited for: 202 and a receipt", async () => {
    await place();
    const answer = await post("pack", {});
    expect([answer.statusCode, answer.headers.location]).toEqual([202, `/orders/${orderId}`]);
    expect(Check(CommandReceipt, bodyOf(answer))).toBe(true);
    expect(bodyOf(answer)).toMatchObject({ type: "PackOrder", orderId, status: "pending", quantity: null });
  });

  test("then it can't be cancelled; what is cancelled can't be packed, nor what was refused", async () => {
    await place();
    await post("pack");
    expect(bodyOf(await post("cancel"))).toMatchObject({ code: "already_packed", orderId });
    // An api that has not heard of the packing yet asks the log.
    world.cache.flush();
    const stale = { ...bodyOf(await get(`/orders/${orderId}`)), revision: 1, fulfilment: null };
    await world.cache.readCache().markPending(orderId, JSON.stringify(stale));
    const refused = await post("cancel");
    expect(refused.statusCode).toBe(409);
    expect(bodyOf(refused)).toMatchObject({ code: "already_packed", orderId, available: 8 });
  });

  test.each([
    [11, "order_rejected"],
    [2, "order_already_cancelled"],
  ])("an order of %i can't: %s", async (quantity, code) => {
    await place({ quantity });
    if (quantity === 2) await post("cancel");
    expect(bodyOf(await post("pack"))).toMatchObject({ code, status: 409, orderId });
    expect(world.log.some(({ command }) => command.type === "PackOrder")).toBe(false);
    // Where Redis still says that it is pending, the log decides.
    world.cache.flush();
    const pending = { ...bodyOf(await get(`/orders/${orderId}`)), revision: 0, status: "pending", reason: null };
    const mark = JSON.stringify({ ...pending, placedAt: new Date().toISOString() });
    await world.cache.readCache().markPending(orderId, mark);
    expect(bodyOf(await post("pack"))).toMatchObject({ code, status: 409, orderId, commandId: packId(orderId) });
  });

  test("packed by another producer, under an id of its own: the packed order", async () => {
    await place();
    const pack = { type: "PackOrder", productId: "p1", orderId, actor: null, issuedAt: 0 } as const;
    world.produce({ ...pack, commandId: uuidOf(50) });
    expect(bodyOf(await post("pack"))).toMatchObject({ orderId, fulfilment: "packed" });
    expect(bodyOf(await get(`/orders/${orderId}/fulfilment`))).toMatchObject({ steps: [{ step: "packed" }] });
  });

  test("an order that nobody knows: 404; one that may be on its way: 503", async () => {
    expect(bodyOf(await post("pack")).code).toBe("unknown_order");
    world.decides = false;
    world.produce(placeOrder({ commandId: uuidOf(70) }));
    expect(bodyOf(await post("pack")).code).toBe("undecided");
  });
});

describe("the steps that follow", () => {
  test("one after another, each with its time and who asked; readers are told the last one", async () => {
    await place();
    await post("pack", { ...wait, "x-actor": "ada" });
    const out = await post("out-for-delivery", { "x-actor": "bob" });
    expect(out.statusCode).toBe(200);
    expect(Check(Fulfilment, bodyOf(out))).toBe(true);
    expect(await told()).toBe("out_for_delivery");
    const done = bodyOf(await post("deliver", {}));
    expect(done).toMatchObject({
      fulfilment: "delivered",
      steps: [
        { step: "packed", actor: "ada" },
        { step: "out_for_delivery", actor: "bob" },
        { step: "delivered", actor: null },
      ],
    });
    expect(bodyOf(await get(`/orders/${orderId}/fulfilment`))).toEqual(done);
    expect(await told()).toBe("delivered");
    expect(bodyOf(await get("/orders?productId=p1"))).toMatchObject({ orders: [{ fulfilment: "delivered" }] });
    const found = await world.app.inject({ method: "POST", url: "/orders/lookup", payload: { ids: [orderId] } });
    expect(bodyOf(found)).toMatchObject({ orders: [{ fulfilment: "delivered" }] });
  });

  test("only where they begin: 409 with how far the order is", async () => {
    await place();
    expect((await post("deliver", {})).statusCode).toBe(409);
    expect(bodyOf(await post("out-for-delivery", {}))).toMatchObject({ code: "step_not_allowed", fulfilment: null });
    expect(bodyOf(await get(`/orders/${orderId}/fulfilment`))).toEqual({ orderId, fulfilment: null, steps: [] });
    await post("pack");
    expect(bodyOf(await post("deliver", {}))).toMatchObject({ code: "step_not_allowed", fulfilment: "packed" });
    await post("out-for-delivery", {});
    expect(bodyOf(await post("out-for-delivery", {}))).toMatchObject({ fulfilment: "out_for_delivery", status: 409 });
  });

  test("the same request again is the same step, also after the next one; another key is another request", async () => {
    await place();
    await post("pack");
    const key = { "idempotency-key": "van 7" };
    const first = bodyOf(await post("out-for-delivery", key));
    expect(bodyOf(await post("out-for-delivery", key))).toEqual(first);
    expect((await post("out-for-delivery", { "idempotency-key": "van 8" })).statusCode).toBe(409);
    await post("deliver", key);
    expect(bodyOf(await post("out-for-delivery", key))).toMatchObject({ fulfilment: "delivered" });
    expect(keyedId(`step:delivered:${orderId}`, "van 7")).not.toBe(
      keyedId(`step:out_for_delivery:${orderId}`, "van 7"),
    );
  });

  test("unknown orders: 404; PostgreSQL away: 503, and readers are told that it is packed", async () => {
    expect(bodyOf(await post("deliver", {})).code).toBe("unknown_order");
    expect(bodyOf(await get(`/orders/${orderId}/fulfilment`)).code).toBe("unknown_order");
    await place();
    await post("pack");
    await post("out-for-delivery", {});
    world.storeAway = true;
    expect(bodyOf(await post("deliver", {})).code).toBe("store_unavailable");
    expect(await told()).toBe("packed");
  });
});
