/** Pages of products over HTTP: what is kept, what is not, and what becomes of an answer where Redis or PostgreSQL is away. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dependencyNames } from "../../src/ops/health.ts";
import { createMemoryPageCache } from "../../src/stores/memory/page-cache.ts";
import type { MemoryPageCache } from "../../src/stores/memory/page-cache.ts";
import { ApiWorld, bodyOf } from "./api-world.ts";

let world: ApiWorld;
let pages: MemoryPageCache;
/** Of the pages. */
let time: number;

beforeEach(async () => {
  time = 0;
  pages = createMemoryPageCache({ now: () => time });
  world = new ApiWorld();
  world.pages = pages;
  await world.open();
  world.addProduct({ id: "p1", name: "Chair" }, 5);
  world.addProduct({ id: "p2", name: "Table" }, 7);
  world.addProduct({ id: "p3", name: "Milk", category: "dairy" });
  await read("/products/p1");
  time += 60_000;
});
afterEach(() => world.app.close());

const read = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await world.app.inject({ url, headers });
  return { answer, source: answer.headers["x-cache"], tag: String(answer.headers.etag), status: answer.statusCode };
};
const change = async (id: string, payload: object) => {
  const answer = await world.app.inject({
    method: "PATCH",
    url: `/products/${id}`,
    headers: { "if-match": "*" },
    payload,
  });
  expect(answer.statusCode).toBe(200);
};

describe("a page", () => {
  test.each([
    "/products/p1",
    "/products",
    "/products?category=furniture&sort=price&limit=1",
    "/products?q=chair",
    "/categories",
  ])("%s is read once, and then a hit with the same answer", async (url) => {
    const first = await read(url);
    const again = await read(url);
    expect([first.source, again.source]).toEqual(["MISS", "HIT"]);
    expect(again.answer.body).toBe(first.answer.body);
    expect(again.tag).toBe(first.tag);
    expect(again.answer.headers["cache-control"]).toBe("no-cache");
    expect(again.answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect((await read(url, { "if-none-match": first.tag })).status).toBe(304);
    world.products.clear();
    expect((await read(url)).answer.body).toBe(first.answer.body);
  });

  test("is the same however the search was typed, and another for another cursor, sort or size", async () => {
    await read("/products?q=the%20Chair");
    expect((await read("/products?q=%20The,%20chair!")).source).toBe("HIT");
    const { answer } = await read("/products?limit=1");
    const { next } = bodyOf(answer);
    for (const url of [
      "/products",
      "/products?sort=name",
      "/products?limit=2",
      `/products?limit=1&cursor=${String(next)}`,
    ])
      expect((await read(url)).source, url).toBe("MISS");
  });

  test("has the quantities of now, and another tag with them", async () => {
    const { tag, answer } = await read("/products?category=furniture");
    expect(bodyOf(answer)).toMatchObject({ products: [{ quantity: 5 }, { quantity: 7 }], next: null });
    world.stock.set("p1", { quantity: 4, version: 2 });
    world.cache.lose("p1");
    const later = await read("/products?category=furniture", { "if-none-match": tag });
    expect([later.status, later.source]).toEqual([200, "HIT"]);
    expect(bodyOf(later.answer)).toMatchObject({ products: [{ quantity: 4, version: 2 }, { quantity: 7 }] });
  });

  test("of what is in stock is never kept", async () => {
    for (const _ of [1, 2]) {
      const { source, answer } = await read("/products?inStock=true");
      expect(source).toBe("BYPASS");
      expect(bodyOf(answer)).toMatchObject({
        products: [
          { id: "p1", quantity: 5 },
          { id: "p2", quantity: 7 },
        ],
      });
    }
  });

  test("of what is not there is not kept", async () => {
    expect((await read("/products/none")).status).toBe(404);
    world.addProduct({ id: "none" });
    expect(await read("/products/none")).toMatchObject({ status: 200, source: "MISS" });
    expect(await read("/products?q=%20")).toMatchObject({ status: 200, source: "BYPASS" });
  });
});

describe("a change", () => {
  const all = [
    "/products/p1",
    "/products/p2",
    "/products",
    "/products?category=furniture",
    "/products?category=dairy",
    "/categories",
  ];
  const sources = async (): Promise<unknown[]> => {
    await new Promise((resolve) => setImmediate(resolve)); // The mark is taken off behind the answer.
    return Promise.all(all.map(async (url) => (await read(url)).source));
  };

  test("makes those pages anew that it is on, and no others", async () => {
    await sources();
    await change("p1", { name: "Stool" });
    expect(await sources()).toEqual(["MISS", "HIT", "MISS", "MISS", "HIT", "MISS"]);
    await change("p1", { category: "dairy" });
    expect(await sources()).toEqual(["MISS", "HIT", "MISS", "MISS", "MISS", "MISS"]);
    await change("p1", { category: "dairy" }); // As it is already.
    expect(await sources()).toEqual(["HIT", "HIT", "HIT", "HIT", "HIT", "HIT"]);
  });

  test("an import and a new product do as well, and a trial does not", async () => {
    await sources();
    const line = JSON.stringify({ id: "p3", name: "Oat", category: "dairy", priceCents: 1 });
    const put = (query: string) =>
      world.app.inject({
        method: "POST",
        url: `/catalogue${query}`,
        headers: { "content-type": "application/x-ndjson" },
        payload: line,
      });
    await put("?dryRun=true");
    expect(await sources()).toEqual(["HIT", "HIT", "HIT", "HIT", "HIT", "HIT"]);
    await put("");
    expect(await sources()).toEqual(["HIT", "HIT", "MISS", "HIT", "MISS", "MISS"]);
    const product = { id: "p4", name: "Bed", category: "furniture", priceCents: 1 };
    await world.app.inject({ method: "POST", url: "/products", payload: product });
    expect(await sources()).toEqual(["HIT", "HIT", "MISS", "MISS", "HIT", "MISS"]);
  });

  test("goes on without Redis, which is told when it is back", async () => {
    await read("/products/p1");
    pages.setAway(true);
    await change("p1", { name: "Stool" });
    const { source, answer } = await read("/products/p1");
    expect([source, bodyOf(answer).name]).toEqual(["BYPASS", "Stool"]);
    pages.setAway(false);
    // What was put before is told until then.
    await expect.poll(async () => bodyOf((await read("/products/p1")).answer).name, { timeout: 10_000 }).toBe("Stool");
  });
});

describe("without PostgreSQL", () => {
  test("pages that are kept are told, with a word about it, and others are not", async () => {
    await read("/products/p1");
    await read("/products");
    world.storeAway = true;
    world.health.set(dependencyNames.store, true, "down");
    for (const url of ["/products/p1", "/products"]) {
      const { source, answer } = await read(url);
      expect([source, answer.headers["x-tallyman-stale"]]).toEqual(["HIT", "1"]);
    }
    pages.flush();
    expect(await read("/products/p1")).toMatchObject({ status: 200, source: "BYPASS" });
    expect((await read("/products/p2")).status).toBe(503);
    expect((await read("/products")).status).toBe(503);
  });
});

test("how often pages were kept is counted", async () => {
  for (const url of ["/products/p1", "/products/p1", "/products?q=chair", "/categories"]) await read(url);
  const { values } = await world.metrics.pageReads.get();
  const counts = values.map(({ labels, value }) => `${labels.page} ${labels.cache} ${value}`);
  expect(counts.toSorted()).toEqual([
    "categories miss 1",
    "product bypass 1",
    "product hit 1",
    "product miss 1",
    "search miss 1",
  ]);
});
