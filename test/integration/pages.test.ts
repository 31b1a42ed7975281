/**
 * Pages of products on real services, over two apis and a processor: writers change, move, archive and restore products while readers look at
 * details and categories, at either api, also when Redis is emptied in between. Whoever asks is told nothing older than what was answered before.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const categories = ["fruit", "dairy", "bread"] as const;
type Category = (typeof categories)[number];
type Shown = {
  readonly id: string;
  readonly revision: number;
  readonly category: string;
  readonly archived: boolean;
  readonly version: number;
};
/** What its only writer knows of a product; `changes` counts begun and ended changes: odd while one is under way. */
type Truth = { revision: number; category: Category; archived: boolean; changes: number };

/** Between a loss and the first page, all marks end. */
const patience = { timeout: 90_000, interval: 100 };
const productsPerWriter = 3;
const writers = 3;
const readers = 6;

let tallyman: Tallyman;
let apis: readonly Role[];

beforeAll(async () => {
  tallyman = await createTallyman();
  const processor = tallyman.startProcessor();
  apis = [await tallyman.startApi(), await tallyman.startApi()];
  await processor;
});
afterAll(() => tallyman[Symbol.asyncDispose]());

const anyApi = (): string => apis[Math.floor(Math.random() * apis.length)]?.url ?? "";
const pick = <Item>(items: readonly Item[]): Item => {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new RangeError("nothing to pick");
  return item;
};

async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const init = { method, headers: { "content-type": "application/json", ...headers } };
  const answer = await fetch(anyApi() + path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  const text = await answer.text();
  expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
  return { headers: answer.headers, body: JSON.parse(text) as never };
}

class Shop {
  readonly truths = new Map<string, Truth>();
  /** By page and product, the newest revision and version that anybody was told. */
  readonly told = new Map<string, { revision: number; version: number }>();
  readonly sources = new Map<string, number>();
  readonly wrong: string[] = [];
  reads = 0;
  #isOver = false;

  async open(): Promise<void> {
    for (let number = 0; number < writers * productsPerWriter; number++) {
      const id = `p-${number}`;
      const category = pick(categories);
      const product = { id, name: id, category, priceCents: 1, initialStock: 1_000 };
      await call("POST", "/products", product, { prefer: "wait=30" });
      if (number === 0) await call("POST", "/products", { ...product, id: "sign", category: "signs" });
      this.truths.set(id, { revision: 1, category, archived: false, changes: 0 });
    }
  }

  async go(during: () => Promise<unknown>): Promise<void> {
    const own = (writer: number): string[] =>
      [...this.truths.keys()].slice(writer * productsPerWriter, (writer + 1) * productsPerWriter);
    const all = [
      ...Array.from({ length: writers }, (_, writer) => this.#loop(() => this.#write(own(writer)))),
      ...Array.from({ length: readers }, () => this.#loop(() => this.#read())),
    ];
    try {
      await during();
    } finally {
      this.#isOver = true;
    }
    await Promise.all(all);
  }

  async #loop(work: () => Promise<void>): Promise<void> {
    while (!this.#isOver) await work();
  }

  async #write(ids: readonly string[]): Promise<void> {
    const id = pick(ids);
    const truth = this.truths.get(id);
    if (truth === undefined) throw new RangeError(id);
    truth.changes += 1;
    const dice = Math.random();
    if (dice < 0.15) {
      await call("POST", `/products/${id}/${truth.archived ? "restore" : "archive"}`, undefined, { prefer: "wait=30" });
      truth.archived = !truth.archived;
    } else if (dice < 0.25) {
      const order = { productId: id, quantity: 1 };
      if (!truth.archived) await call("POST", "/orders", order, { prefer: "wait=30" });
    } else {
      const change = { priceCents: 1 + Math.floor(Math.random() * 1_000_000), category: pick(categories) };
      const isBlind = Math.random() < 0.5;
      const path = `/products/${id}`;
      const { body } = await call("PATCH", path, change, { "if-match": isBlind ? "*" : `"${truth.revision}-0"` });
      const { revision } = body as Shown;
      if (revision < truth.revision) this.wrong.push(`${id}: revision ${truth.revision} became ${revision}`);
      Object.assign(truth, { revision, category: change.category });
    }
    truth.changes += 1;
  }

  async #read(): Promise<void> {
    const id = Math.random() < 0.5 ? pick([...this.truths.keys()]) : null;
    const category = pick(categories);
    const path = id === null ? `/products?category=${category}&limit=100` : `/products/${id}`;
    const before = new Map([...this.truths].map(([each, truth]) => [each, { ...truth }]));
    const toldBefore = new Map([...this.told].map(([each, told]) => [each, { ...told }]));
    const { headers, body } = await call("GET", path);
    const source = headers.get("x-cache") ?? "";
    this.reads += 1;
    this.sources.set(source, (this.sources.get(source) ?? 0) + 1);
    const shown = id === null ? (body as { products: Shown[] }).products : [body as Shown];
    for (const each of shown) this.#judge(path, each, before, toldBefore);
    if (id !== null) return;
    for (const [each, truth] of before) {
      if (this.truths.get(each)?.changes !== truth.changes || truth.changes % 2 === 1) continue; // Nobody touched it meanwhile.
      const isShown = shown.some((product) => product.id === each);
      const belongs = truth.category === category && !truth.archived;
      if (isShown !== belongs) this.wrong.push(`${path} ${source}: ${each} is ${isShown ? "" : "not "}there`);
    }
  }

  #judge(path: string, shown: Shown, before: Map<string, Truth>, toldBefore: Shop["told"]): void {
    const { id, revision, version } = shown;
    const truth = before.get(id);
    const place = `${path} ${id}`;
    const told = toldBefore.get(place) ?? { revision: 0, version: 0 };
    if (revision < told.revision) this.wrong.push(`${place}: revision ${told.revision}, then ${revision}`);
    if (truth !== undefined && revision < truth.revision)
      this.wrong.push(`${place}: changed to revision ${truth.revision}, then ${revision}`);
    const isQuiet = truth !== undefined && truth.changes % 2 === 0 && this.truths.get(id)?.changes === truth.changes;
    if (isQuiet && shown.archived !== truth.archived) this.wrong.push(`${place}: archived ${shown.archived}`);
    const now = this.told.get(place) ?? { revision: 0, version: 0 };
    this.told.set(place, { revision: Math.max(now.revision, revision), version: Math.max(now.version, version) });
  }
}

const untilHit = (path: string): Promise<void> =>
  vi.waitFor(async () => expect((await call("GET", path)).headers.get("x-cache")).toBe("HIT"), patience);

test("nobody is told what is older than what was answered before, nor after Redis was emptied", async () => {
  const shop = new Shop();
  await shop.open();
  await untilHit("/categories");
  const readsOf = async (count: number): Promise<void> => {
    const until = shop.reads + count;
    await vi.waitFor(() => expect(shop.reads).toBeGreaterThan(until), patience);
  };
  await shop.go(async () => {
    await readsOf(600);
    await tallyman.redis.flushdb();
    await readsOf(600);
    // What is changed all the time is hardly kept; what is not, is again.
    await untilHit("/products/sign");
    await readsOf(300);
  });
  expect(shop.wrong).toEqual([]);
  expect(shop.sources.get("HIT") ?? 0).toBeGreaterThan(20);
  expect(shop.sources.get("MISS") ?? 0).toBeGreaterThan(20);
});

test("a page that was put by one api is a hit at the other; a change, an import and an archiving are seen at once", async () => {
  const [one, other] = apis;
  if (one === undefined || other === undefined) throw new RangeError("there are two apis");
  const product = { id: "lamp", name: "Lamp", category: "lamps", priceCents: 900, initialStock: 5 };
  await call("POST", "/products", product, { prefer: "wait=30" });
  const page = "/products?category=lamps";
  const read = async (api: Role, headers: Record<string, string> = {}) => {
    const answer = await fetch(api.url + page, { headers });
    const { products = [] } = (answer.status === 200 ? await answer.json() : {}) as {
      products?: { priceCents: number }[];
    };
    return { source: answer.headers.get("x-cache"), etag: answer.headers.get("etag") ?? "", answer, products };
  };
  await vi.waitFor(async () => expect((await read(one)).source).toBe("HIT"), patience);
  const kept = await read(other);
  expect(kept.source).toBe("HIT");
  expect(kept.answer.headers.get("cache-control")).toBe("no-cache");
  const same = await read(one, { "if-none-match": kept.etag });
  expect([same.answer.status, same.etag]).toEqual([304, kept.etag]);

  await call("PATCH", "/products/lamp", { priceCents: 800 }, { "if-match": "*" });
  for (const api of [one, other]) expect((await read(api)).products).toMatchObject([{ priceCents: 800 }]);
  const line = JSON.stringify({ ...product, priceCents: 700, category: "lamps" });
  await fetch(`${other.url}/catalogue`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: line,
  }).then((answer) => answer.text());
  for (const api of [one, other]) expect((await read(api)).products).toMatchObject([{ priceCents: 700 }]);
  // A decision is no change of the page, and is shown on it.
  await vi.waitFor(async () => expect((await read(one)).source).toBe("HIT"), patience);
  const before = await read(one);
  await call("POST", "/orders", { productId: "lamp", quantity: 2 }, { prefer: "wait=30" });
  const after = await read(one);
  expect([after.source, after.products]).toMatchObject(["HIT", [{ quantity: 3 }]]);
  expect(after.etag).not.toBe(before.etag);
  await call("POST", "/products/lamp/archive", undefined, { prefer: "wait=30" });
  for (const api of [one, other]) expect((await read(api)).products).toEqual([]);
});
