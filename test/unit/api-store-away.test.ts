/** PostgreSQL away: orders of known products go on, up to a bounded backlog. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createStoreAwayBacklog } from "../../src/api/store-away-backlog.ts";
import { limits } from "../../src/limits.ts";
import { createHealth, dependencyNames } from "../../src/ops/health.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

const store = dependencyNames.store;

describe("the backlog while the store is away", () => {
  let clock = 0;
  const openHealth = () => createHealth(() => ++clock);

  test("has room without end while the store is there, or was never asked", () => {
    const health = openHealth();
    const backlog = createStoreAwayBacklog(health, 1);
    const addThree = () => {
      for (let count = 0; count < 3; count++) backlog.add();
    };
    addThree();
    expect(backlog.hasRoom()).toBe(true);
    health.set(store, false, "up");
    addThree();
    expect(backlog.hasRoom()).toBe(true);
  });

  test("counts from when the store was last seen, not from when its loss was noticed", () => {
    const health = openHealth();
    const backlog = createStoreAwayBacklog(health, 3);
    health.set(store, false, "up");
    backlog.add();
    health.set(store, false, "up");
    backlog.add();
    backlog.add();
    health.set(store, false, "down", "refused");
    expect(backlog.hasRoom()).toBe(true);
    backlog.add();
    expect(backlog.hasRoom()).toBe(false);
    health.set(store, false, "down", "refused still");
    expect(backlog.hasRoom()).toBe(false);
  });

  test("begins anew once the store was seen", () => {
    const health = openHealth();
    const backlog = createStoreAwayBacklog(health, 1);
    health.set(store, false, "down", "refused");
    backlog.add();
    expect(backlog.hasRoom()).toBe(false);
    health.set(store, false, "up");
    health.set(store, false, "down", "refused");
    expect(backlog.hasRoom()).toBe(true);
  });
});

describe("POST /orders while PostgreSQL is away", () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = new ApiWorld();
    world.storeAwayBacklogRecordsMax = 2;
    await world.open();
    world.addProduct({}, 10);
    await place(); // The product is known from here on.
    world.storeAway = true;
    world.decides = false;
    world.health.set(store, false, "down", "refused");
  });
  afterEach(() => world.app.close());

  const place = (orderId: string = randomUUID()) =>
    world.app.inject({ method: "POST", url: "/orders", payload: { orderId, productId: "p1", quantity: 1 } });

  test("takes what the backlog may hold, and then refuses with the id, sending and marking nothing", async () => {
    // The order of beforeEach came after PostgreSQL was last seen.
    expect((await place()).statusCode).toBe(202);
    const appended = world.log.length;
    const orderId = randomUUID();
    const refused = await place(orderId);
    expect(refused.statusCode).toBe(503);
    expect(refused.headers["retry-after"]).toBe("1");
    expect(bodyOf(refused)).toMatchObject({ code: "overloaded", orderId, commandId: orderId });
    expect(world.log.length).toBe(appended);
    expect(await world.cache.readCache().readOrder(orderId)).toBeNull();
  });

  test("does not ask PostgreSQL about a product that it knows, once it is known to be away", async () => {
    const asked = world.catalogueQuestions;
    world.clock = () => Date.now() + limits.catalogueCacheTtlMs * 10;
    expect((await place()).statusCode).toBe(202);
    expect(world.catalogueQuestions).toBe(asked);
    world.storeAway = false;
    world.health.set(store, false, "up");
    expect((await place()).statusCode).toBe(202);
    expect(world.catalogueQuestions).toBe(asked + 1);
  });

  test("refuses deliveries and stocktakes too: they are in the same log", async () => {
    await place();
    const restock = await world.app.inject({ method: "POST", url: "/products/p1/restock", payload: { quantity: 1 } });
    expect([restock.statusCode, bodyOf(restock).code]).toEqual([503, "overloaded"]);
  });

  test("does not count what the log did not acknowledge", async () => {
    world.logAway = true;
    for (let count = 0; count < 3; count++) expect(bodyOf(await place()).code).toBe("log_unavailable");
    world.logAway = false;
    expect((await place()).statusCode).toBe(202);
  });

  test("takes orders again once PostgreSQL was seen", async () => {
    await place();
    expect((await place()).statusCode).toBe(503);
    world.storeAway = false;
    await new Promise((resolve) => setTimeout(resolve, 2)); // The health's clock counts milliseconds.
    world.health.set(store, false, "up");
    expect((await place()).statusCode).toBe(202);
  });
});
