import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Check } from "typebox/value";
import { initialStockId, keyedId } from "../../src/api/command-ids.ts";
import { cursorOf } from "../../src/api/product-listing.ts";
import { CommandReceipt } from "../../src/api/schemas/orders.ts";
import { CreatedProduct, Product, ProductPage } from "../../src/api/schemas/products.ts";
import { limits } from "../../src/limits.ts";
import { dependencyNames } from "../../src/ops/health.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
beforeEach(async () => void (world = await new ApiWorld().open()));
afterEach(() => world.app.close());

const wait = { prefer: "wait=5" };
const chair = { id: "p1", name: "Chair", category: "furniture", priceCents: 1_250, initialStock: 10 };
const send = (
  method: "POST" | "PUT" | "GET" | "PATCH",
  url: string,
  payload?: object,
  headers: Record<string, string> = {},
) => world.app.inject({ method, url, headers, ...(payload && { payload }) });

describe("adding a product", () => {
  test("201, in the catalogue, its first delivery in the log", async () => {
    world.decides = false;
    const answer = await send("POST", "/products", chair);
    expect(answer.statusCode).toBe(201);
    expect(answer.headers.location).toBe("/products/p1");
    const product = bodyOf(answer);
    expect(Check(CreatedProduct, product)).toBe(true);
    expect(product).toMatchObject({ currency: "EUR", description: null, quantity: 0, version: 0, revision: 1 });
    expect(product.initialStock).toEqual({ commandId: initialStockId("p1"), quantity: 10, status: "pending" });
    expect(world.log[0]?.command).toMatchObject({
      type: "ReceiveStock",
      commandId: initialStockId("p1"),
      quantity: 10,
    });
  });

  test("waited for: with its stock", async () => {
    const answer = await send("POST", "/products", chair, wait);
    expect(answer.headers["preference-applied"]).toBe("wait=5");
    expect(bodyOf(answer)).toMatchObject({ quantity: 10, version: 1, initialStock: { status: "accepted" } });
  });

  test("a producer on Kafka was there before: its stock or its use of the first delivery's id is told", async () => {
    const before = { type: "ReceiveStock", productId: "p1", reference: null, issuedAt: 0 } as const;
    world.produce({ ...before, commandId: initialStockId("p1"), quantity: 7 });
    const reused = await send("POST", "/products", chair, wait);
    expect(reused.statusCode).toBe(422);
    const members = { commandId: initialStockId("p1"), productId: "p1" };
    expect(bodyOf(reused)).toMatchObject({ code: "idempotency_key_reused", ...members });

    world.stock.set("p2", { quantity: limits.stockMax, version: 1 });
    const full = await send("POST", "/products", { ...chair, id: "p2" }, wait);
    expect(full.statusCode).toBe(409);
    expect(bodyOf(full)).toMatchObject({ code: "stock_limit_exceeded", productId: "p2", available: limits.stockMax });
  });

  test("without an id one is made and told, and zero units make it known to the decider", async () => {
    const product = bodyOf(await send("POST", "/products", { ...chair, id: undefined, initialStock: undefined }, wait));
    expect(String(product.id)).toMatch(/^[0-9a-f-]{36}$/);
    expect(product).toMatchObject({ quantity: 0, version: 1 });
  });

  test("the same again: the same answer and one delivery; other content: 409", async () => {
    const first = await send("POST", "/products", chair, wait);
    const again = await send("POST", "/products", chair, wait);
    expect(again.statusCode).toBe(201);
    expect(bodyOf(again)).toEqual(bodyOf(first));
    expect(world.stock.get("p1")).toEqual({ quantity: 10, version: 1 });
    for (const other of [{ name: "Table" }, { initialStock: 11 }, { currency: "USD" }, { description: "x" }]) {
      const answer = await send("POST", "/products", { ...chair, ...other });
      expect(answer.statusCode).toBe(409);
      expect(bodyOf(answer)).toMatchObject({ code: "product_exists", productId: "p1" });
    }
  });

  test("the log away: 503 that names the product; the same request again finishes it", async () => {
    world.logAway = true;
    const answer = await send("POST", "/products", chair);
    expect(answer.statusCode).toBe(503);
    expect(bodyOf(answer)).toMatchObject({ code: "log_unavailable", productId: "p1", commandId: initialStockId("p1") });
    world.logAway = false;
    expect(bodyOf(await send("POST", "/products", chair, wait))).toMatchObject({ quantity: 10 });
  });

  test("PostgreSQL away: 503, nothing logged", async () => {
    world.storeAway = true;
    expect(bodyOf(await send("POST", "/products", chair)).code).toBe("store_unavailable");
    expect(world.log).toEqual([]);
  });

  test.each([
    [{ ...chair, id: "a/b" }, "/id"],
    [{ ...chair, name: "" }, "/name"],
    [{ ...chair, name: undefined }, "/name"],
    [{ ...chair, priceCents: -1 }, "/priceCents"],
    [{ ...chair, priceCents: 1e9 }, "/priceCents"],
    [{ ...chair, currency: "eur" }, "/currency"],
    [{ ...chair, quantity: 5 }, "/quantity"],
    [{ ...chair, initialStock: limits.quantityMax + 1 }, "/initialStock"],
    [{ ...chair, description: "x".repeat(4_001) }, "/description"],
    [{ ...chair, imageUrl: "javascript:alert(1)" }, "/imageUrl"],
    [{ ...chair, imageUrl: "http://" }, "/imageUrl"],
    [{ ...chair, imageUrl: `https://${"x".repeat(limits.urlCharsMax)}` }, "/imageUrl"],
  ])("%j is refused, naming %s", async (payload, field) => {
    const answer = await send("POST", "/products", payload);
    expect(answer.statusCode).toBe(400);
    expect(bodyOf(answer).errors).toContainEqual(expect.objectContaining({ field }));
  });
});

describe("reading products", () => {
  test("with the stock from Redis, else from PostgreSQL, which refills Redis", async () => {
    world.addProduct({}, 7);
    const answer = await send("GET", "/products/p1");
    expect(Check(Product, bodyOf(answer))).toBe(true);
    expect(bodyOf(answer)).toEqual({ ...bodyOf(answer), quantity: 7, version: 1 });
    expect(world.cache.quantityOf("p1")).toBe(7);
    world.stock.set("p1", { quantity: 6, version: 2 });
    expect(bodyOf(await send("GET", "/products/p1")).quantity).toBe(7);
    world.cache.flush();
    expect(bodyOf(await send("GET", "/products/p1")).quantity).toBe(6);
  });

  test("Redis away: PostgreSQL; PostgreSQL away: what is known, marked", async () => {
    world.addProduct({}, 7);
    world.cache.setAway(true);
    expect(bodyOf(await send("GET", "/products/p1")).quantity).toBe(7);
    world.cache.setAway(false);
    await send("GET", "/products/p1");
    world.storeAway = true;
    world.health.set(dependencyNames.store, true, "down");
    const answer = await send("GET", "/products/p1");
    expect(answer.headers["x-tallyman-stale"]).toBe("1");
    expect(bodyOf(answer).quantity).toBe(7);
    expect(bodyOf(await send("GET", "/products/p2")).code).toBe("store_unavailable");
  });

  test("unknown: 404; no stock yet: version 0", async () => {
    expect(bodyOf(await send("GET", "/products/p1"))).toMatchObject({ code: "unknown_product", productId: "p1" });
    world.addProduct();
    expect(bodyOf(await send("GET", "/products/p1"))).toMatchObject({ quantity: 0, version: 0 });
  });

  test("page by page", async () => {
    for (const id of ["b", "a", "c", "d", "e"]) world.addProduct({ id }, 3);
    const ids: unknown[] = [];
    let cursor = "";
    for (let pages = 0; pages < 3; pages++) {
      const page = bodyOf(await send("GET", `/products?limit=2${cursor}`));
      expect(Check(ProductPage, page)).toBe(true);
      ids.push((page.products as { id: string }[]).map(({ id }) => id));
      cursor = `&cursor=${String(page.next)}`;
    }
    expect(ids).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    expect(cursor).toBe("&cursor=null");
    expect(bodyOf(await send("GET", "/products?cursor=xx")).code).toBe("invalid_cursor");
    expect(bodyOf(await send("GET", "/products?limit=1000")).code).toBe("invalid_request");
  });
});

describe("what a caller has already", () => {
  test("304 without a body while product and stock are as they were", async () => {
    world.addProduct({}, 7);
    const first = await send("GET", "/products/p1");
    expect(first.headers).toMatchObject({ etag: '"1-1"', "cache-control": "no-cache" });
    for (const known of ['"1-1"', 'W/"1-1"', '"0-0", "1-1"', "*"]) {
      const answer = await send("GET", "/products/p1", undefined, { "if-none-match": known });
      expect([answer.statusCode, answer.body, answer.headers.etag]).toEqual([304, "", '"1-1"']);
    }
    for (const other of ['"1-2"', '"2-1"', "1-1", ""]) {
      expect((await send("GET", "/products/p1", undefined, { "if-none-match": other })).statusCode).toBe(200);
    }
    await send("POST", "/products/p1/restock", { quantity: 5 }, wait);
    const after = await send("GET", "/products/p1", undefined, { "if-none-match": '"1-1"' });
    expect([after.statusCode, after.headers.etag, bodyOf(after).quantity]).toEqual([200, '"1-2"', 12]);
  });
});

describe("changing a product", () => {
  const change = (payload: object, ifMatch?: string) =>
    send("PATCH", "/products/p1", payload, ifMatch === undefined ? {} : { "if-match": ifMatch });
  beforeEach(() => void world.addProduct({ description: "soft" }, 7));

  test("of the revision that was read; the rest stays, and so does the stock", async () => {
    const answer = await change({ priceCents: 990, description: null }, '"1-1"');
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, '"2-1"']);
    expect(bodyOf(answer)).toMatchObject({
      name: "Chair",
      priceCents: 990,
      description: null,
      quantity: 7,
      revision: 2,
    });
    expect(bodyOf(await send("GET", "/products/p1"))).toEqual(bodyOf(answer));
    expect(world.log).toEqual([]);
  });

  test("orders in between are no conflict; another change is: 412 with the revision there is", async () => {
    await send("POST", "/products/p1/restock", { quantity: 5 }, wait);
    expect((await change({ name: "Stool" }, '"1-1"')).statusCode).toBe(200);
    const late = await change({ name: "Table" }, '"1-2"');
    expect(late.statusCode).toBe(412);
    expect(bodyOf(late)).toMatchObject({ code: "revision_conflict", productId: "p1", revision: 2 });
    expect(bodyOf(await send("GET", "/products/p1")).name).toBe("Stool");
    expect((await change({ name: "Table" }, '"1", "2"')).statusCode).toBe(200);
    expect((await change({ name: "Bench" }, "*")).statusCode).toBe(200);
    expect((await change({ name: "Seat" }, '"something-else"')).statusCode).toBe(412);
  });

  test("sent again after an answer that was lost: the same answer", async () => {
    const first = await change({ name: "Stool" }, '"1-1"');
    const again = await change({ name: "Stool" }, '"1-1"');
    expect([again.statusCode, bodyOf(again)]).toEqual([200, bodyOf(first)]);
  });

  test("without If-Match: 428; with one that is none: 400; nothing to change: 400; unknown: 404; PostgreSQL away: 503", async () => {
    expect(bodyOf(await change({ name: "Stool" }))).toMatchObject({ status: 428, code: "revision_required" });
    expect(bodyOf(await change({ name: "Stool" }, "1-1"))).toMatchObject({ status: 400, code: "invalid_request" });
    for (const body of [{}, { quantity: 5 }, { id: "p2" }, { name: null }, { priceCents: -1 }])
      expect(bodyOf(await change(body, "*"))).toMatchObject({ status: 400, code: "invalid_request" });
    expect(bodyOf(await send("PATCH", "/products/p2", { name: "x" }, { "if-match": "*" })).code).toBe(
      "unknown_product",
    );
    world.storeAway = true;
    expect(bodyOf(await change({ name: "Stool" }, "*")).code).toBe("store_unavailable");
  });
});

describe("listing and searching", () => {
  const ids = async (query: string): Promise<unknown> => {
    const page = bodyOf(await send("GET", `/products?${query}`));
    return page.products === undefined ? page.code : (page.products as { id: string }[]).map(({ id }) => id);
  };
  beforeEach(() => {
    world.addProduct({ id: "milk", name: "Whole milk", category: "dairy", priceCents: 120 }, 3);
    world.addProduct({ id: "oat", name: "Oat drink", category: "dairy", priceCents: 199 }, 0);
    world.addProduct({ id: "pear", name: "Pear", category: "fruit", priceCents: 45 });
  });

  test.each([
    ["category=dairy&sort=-price", ["oat", "milk"]],
    ["inStock=true", ["milk"]],
    ["inStock=false&sort=name", ["oat", "pear"]],
    ["minPriceCents=100&maxPriceCents=150", ["milk"]],
    ["q=WHOLE,%20mi", ["milk"]],
    ["q=dairy&sort=price", ["milk", "oat"]],
    ["q=W", ["milk"]],
    ["q=mi", []],
    ["q=%27%21%3A", []],
    ["sort=relevance", "invalid_request"],
    ["sort=size", "invalid_request"],
    ["inStock=maybe", "invalid_request"],
    ["minPriceCents=-1", "invalid_request"],
  ])("%s", async (query, found) => {
    expect(await ids(query)).toEqual(found);
  });

  test("a cursor goes on in its own listing, and in no other", async () => {
    for (const sort of ["name", "price", "-price", "newest"]) {
      const first = bodyOf(await send("GET", `/products?limit=2&sort=${sort}`));
      const cursor = String(first.next);
      expect(await ids(`sort=${sort}&cursor=${cursor}`)).toHaveLength(1);
      expect(await ids(`sort=id&cursor=${cursor}`)).toBe("invalid_cursor");
      expect(await ids(`sort=${sort}&category=dairy&cursor=${cursor}`)).toBe("invalid_cursor");
    }
  });

  test("a short search goes on by name", async () => {
    world.addProduct({ id: "peas", name: "Peas" });
    const first = bodyOf(await send("GET", "/products?q=pe&limit=1"));
    expect(first.products).toMatchObject([{ id: "pear" }]);
    expect(await ids(`q=pe&limit=1&cursor=${String(first.next)}`)).toEqual(["peas"]);
  });

  test.each([
    ["price", "x"],
    ["newest", "yesterday"],
    ["relevance", "NaN"],
    ["name", "a\0"],
  ] as const)("a cursor by %s with %j for a place is refused, and not PostgreSQL's to refuse", async (sort, key) => {
    const listing = { sort, ...(sort === "relevance" && { words: ["milk"] }) };
    const cursor = cursorOf({ key, productId: "milk" }, listing);
    expect(await ids(`sort=${sort}&cursor=${cursor}${sort === "relevance" ? "&q=milk" : ""}`)).toBe("invalid_cursor");
  });

  test("categories, with how many products each has", async () => {
    expect(bodyOf(await send("GET", "/categories"))).toEqual({
      categories: [
        { name: "dairy", products: 2 },
        { name: "fruit", products: 1 },
      ],
    });
  });
});

describe("stock", () => {
  beforeEach(() => void world.addProduct({}, 10));

  test("a delivery, waited for and not", async () => {
    const waited = await send("POST", "/products/p1/restock", { quantity: 5, reference: "note 1" }, wait);
    expect(waited.statusCode).toBe(200);
    expect(Check(CommandReceipt, bodyOf(waited))).toBe(true);
    expect(bodyOf(waited)).toMatchObject({ type: "ReceiveStock", status: "accepted", stockAfter: 15, version: 2 });
    const answer = await send("POST", "/products/p1/restock", { quantity: 5 });
    expect(answer.statusCode).toBe(202);
    expect(bodyOf(answer)).toMatchObject({ status: "pending", stockAfter: null });
  });

  test("the same key counts once; with other content it is refused where it is waited for", async () => {
    const key = { ...wait, "idempotency-key": "delivery 1" };
    const first = bodyOf(await send("POST", "/products/p1/restock", { quantity: 5 }, key));
    expect(first.commandId).toBe(keyedId("restock:p1", "delivery 1"));
    const again = bodyOf(await send("POST", "/products/p1/restock", { quantity: 5 }, key));
    expect(again).toMatchObject({ commandId: first.commandId, stockAfter: 15, version: 2 });
    expect(world.stock.get("p1")).toEqual({ quantity: 15, version: 2 });
    const other = await send("POST", "/products/p1/restock", { quantity: 6 }, key);
    expect(other.statusCode).toBe(422);
    expect(bodyOf(other).code).toBe("idempotency_key_reused");
    // The key is of this operation and product only.
    expect((await send("PUT", "/products/p1/stock", { quantity: 6 }, key)).statusCode).toBe(200);
  });

  test("a stocktake", async () => {
    const answer = await send("PUT", "/products/p1/stock", { quantity: 4 }, wait);
    expect(bodyOf(answer)).toMatchObject({ type: "CountStock", status: "accepted", stockAfter: 4 });
    expect(bodyOf(await send("PUT", "/products/p1/stock", { quantity: 4, asOfVersion: 99 }, wait))).toMatchObject({
      code: "unknown_version",
      status: 409,
    });
  });

  test("a delivery above the limit is refused with its reason", async () => {
    world.stock.set("p1", { quantity: limits.stockMax, version: 5 });
    const answer = await send("POST", "/products/p1/restock", { quantity: 1 }, wait);
    expect(answer.statusCode).toBe(409);
    expect(bodyOf(answer)).toMatchObject({ code: "stock_limit_exceeded", available: limits.stockMax });
  });

  test("unknown product: 404; the log away: 503 that names the command; bad bodies: 400", async () => {
    expect(bodyOf(await send("POST", "/products/p2/restock", { quantity: 1 })).code).toBe("unknown_product");
    expect(bodyOf(await send("PUT", "/products/p2/stock", { quantity: 1 })).code).toBe("unknown_product");
    for (const body of [{ quantity: 0 }, { quantity: -1 }, {}, { quantity: 1, productId: "p1" }]) {
      expect((await send("POST", "/products/p1/restock", body)).statusCode).toBe(400);
    }
    for (const body of [{ quantity: -1 }, { quantity: 1, asOfVersion: 0 }]) {
      expect((await send("PUT", "/products/p1/stock", body)).statusCode).toBe(400);
    }
    world.logAway = true;
    const answer = bodyOf(await send("POST", "/products/p1/restock", { quantity: 1 }));
    expect(answer).toMatchObject({ code: "log_unavailable", commandId: expect.any(String) as string });
  });
});

describe("archiving", () => {
  beforeEach(() => void world.addProduct({}, 10));
  const order = { productId: "p1", quantity: 1 };

  test("goes through the log, with who asked; then orders are refused, and readers see it", async () => {
    await send("GET", "/products/p1"); // The catalogue remembers it as it was.
    const answer = await send("POST", "/products/p1/archive", undefined, { ...wait, "x-actor": "ada" });
    expect(answer.statusCode).toBe(200);
    expect(Check(CommandReceipt, bodyOf(answer))).toBe(true);
    expect(bodyOf(answer)).toMatchObject({ type: "ArchiveProduct", quantity: null, stockAfter: 10, version: 2 });
    expect(world.log[0]?.command).toMatchObject({ type: "ArchiveProduct", productId: "p1", actor: "ada" });
    expect(bodyOf(await send("GET", "/products/p1"))).toMatchObject({ archived: true, quantity: 10, version: 2 });
    expect(bodyOf(await send("GET", "/products?archived=true"))).toMatchObject({ products: [{ archived: true }] });
    const refused = await send("POST", "/orders", order, wait);
    expect(refused.statusCode).toBe(409);
    expect(bodyOf(refused)).toMatchObject({ code: "product_archived", available: 10 });
    expect((await send("POST", "/products/p1/restock", { quantity: 5 }, wait)).statusCode).toBe(200);

    expect(bodyOf(await send("POST", "/products/p1/archive", undefined, wait)).code).toBe("already_archived");
    const restored = await send("POST", "/products/p1/restore", undefined, wait);
    expect(bodyOf(restored)).toMatchObject({ type: "RestoreProduct", status: "accepted", stockAfter: 15, version: 4 });
    expect(bodyOf(await send("POST", "/products/p1/restore", undefined, wait)).code).toBe("not_archived");
    expect(bodyOf(await send("GET", "/products/p1"))).toMatchObject({ archived: false });
    expect((await send("POST", "/orders", order, wait)).statusCode).toBe(201);
  });

  test("the same key counts once, whoever asks, and is of this operation and product alone", async () => {
    const key = { ...wait, "idempotency-key": "spring" };
    const first = bodyOf(await send("POST", "/products/p1/archive", undefined, key));
    expect(first.commandId).toBe(keyedId("archive:p1", "spring"));
    const again = await send("POST", "/products/p1/archive", undefined, { ...key, "x-actor": "bob" });
    expect([again.statusCode, bodyOf(again).commandId]).toEqual([200, first.commandId]);
    expect((await send("POST", "/products/p1/restore", undefined, key)).statusCode).toBe(200);
  });

  test("202 where nobody waits; 404 for what is not in the catalogue; 400 for an actor that is too long", async () => {
    const answer = await send("POST", "/products/p1/archive");
    expect([answer.statusCode, bodyOf(answer).status]).toEqual([202, "pending"]);
    expect(bodyOf(await send("POST", "/products/p2/archive")).code).toBe("unknown_product");
    const long = { "x-actor": "a".repeat(limits.actorCharsMax + 1) };
    expect((await send("POST", "/products/p1/archive", undefined, long)).statusCode).toBe(400);
  });
});
