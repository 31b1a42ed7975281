/**
 * Orders and stock followed on real services, over two apis and one processor: whoever follows, wherever, sees each state once and in
 * order, also over a lost feed and a change of the api; and what the apis are told is a message for each commit, not for each order.
 */
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { decisionsChannel } from "../../src/stores/redis/keys.ts";
import { openLive } from "../support/live-client.ts";
import { openEvents } from "../support/events.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Role, Tallyman } from "../support/tallyman.ts";

const units = 10_000;
const patience = { timeout: 60_000, interval: 50 };

let tallyman: Tallyman;
let one: Role;
let other: Role;
let processor: Role;

beforeAll(async () => {
  tallyman = await createTallyman();
  processor = await tallyman.startProcessor();
  [one, other] = [await tallyman.startApi(), await tallyman.startApi()];
});
afterAll(() => tallyman[Symbol.asyncDispose]());

/** Answered once it is decided, or when the seconds have passed: who waits while feeds are cut may not be told. */
async function post(url: string, body: object, waitSeconds = 30): Promise<void> {
  const headers = { "content-type": "application/json", prefer: `wait=${waitSeconds}` };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.ok, `${url} ${answer.status}`).toBe(true);
  await answer.arrayBuffer();
}
async function createProduct(): Promise<string> {
  const id = `live-${randomUUID()}`;
  await post(`${one.url}/products`, { id, name: "Chair", category: "chairs", priceCents: 1, initialStock: units });
  return id;
}
const versionOf = async (api: Role, productId: string): Promise<number> =>
  ((await (await fetch(`${api.url}/products/${productId}`)).json()) as { version: number }).version;

type Seen = { readonly version: number; readonly quantity: number };

/** Follows to the end, and comes again with the last id whenever the stream ends or is broken off. */
class Reader {
  readonly seen: Seen[] = [];
  opened = 0;
  #api: Role;
  #close: () => void = () => undefined;
  #isDone = false;
  #last: string | undefined;
  readonly #productId: string;
  readonly ended: Promise<void>;

  constructor(api: Role, productId: string) {
    this.#api = api;
    this.#productId = productId;
    this.ended = this.#run();
  }

  /** Breaks off, and goes on there. */
  move(api: Role): void {
    this.#api = api;
    this.#close();
  }

  stop(): Promise<void> {
    this.#isDone = true;
    this.#close();
    return this.ended;
  }

  async #run(): Promise<void> {
    while (!this.#isDone) {
      try {
        const path = `${this.#api.url}/products/${this.#productId}/events`;
        const events = await openEvents(path, this.#last);
        expect(events.status).toBe(200);
        this.opened += 1;
        this.#close = () => events.close();
        for (let told = await events.next(); told !== null; told = await events.next()) {
          this.#last = told.id ?? this.#last;
          if (told.event !== "stock") continue;
          expect(told.id?.split(".")[0]).toBe(String(told.data.version));
          this.seen.push(told.data as unknown as Seen);
        }
      } catch (error) {
        if (error instanceof Error && error.name === "AssertionError") throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

function expectInOrder(seen: readonly Seen[]): void {
  for (const [index, { version, quantity }] of seen.entries()) {
    expect(version).toBeGreaterThan(seen[index - 1]?.version ?? 0);
    // Every order takes one unit.
    expect(quantity).toBe(units + 1 - version);
  }
}

it("stock is seen once and in order by all, while feeds are cut and readers change the api", async () => {
  const productId = await createProduct();
  const readers = [one, one, other, other].map((api) => new Reader(api, productId));
  const orders = 600;
  let sent = 0;
  const write = async (api: Role): Promise<void> => {
    while (sent++ < orders) await post(`${api.url}/orders`, { productId, quantity: 1 }, 1);
  };
  const writing = Promise.all([write(one), write(one), write(other), write(other)]);
  const [first, , third] = readers;
  for (let turn = 0; sent < orders; turn++) {
    await vi.waitFor(() => expect(sent).toBeGreaterThan(Math.min(orders, turn * 100)), patience);
    await cutFeeds();
    first?.move(turn % 2 === 0 ? other : one);
    third?.move(turn % 2 === 0 ? one : other);
  }
  await writing;
  for (const { seen } of readers) {
    await vi.waitFor(() => expect(seen.at(-1)?.version).toBe(orders + 1), patience);
    expectInOrder(seen);
    expect(seen.length).toBeGreaterThan(5);
  }
  expect(first?.opened).toBeGreaterThan(3);
  expect(await versionOf(one, productId)).toBe(orders + 1);
  await Promise.all(readers.map((reader) => reader.stop()));
});

/** The apis lose their connections to the feed, and get them again. */
async function cutFeeds(): Promise<void> {
  const clients = String(await tallyman.redis.client("LIST")).split("\n");
  const mine = [one, other].map(({ url }) => `tallyman-api-feed-api-${new URL(url).port}`);
  for (const line of clients) {
    const [id, name] = [/\bid=(\d+)/.exec(line)?.[1], /\bname=(\S+)/.exec(line)?.[1]];
    if (id !== undefined && name !== undefined && mine.includes(name)) await tallyman.redis.client("KILL", "ID", id);
  }
}

it("an order that is placed and cancelled at one api is followed at the other", async () => {
  const productId = await createProduct();
  const orderId = randomUUID();
  await post(`${one.url}/orders`, { orderId, productId, quantity: 3 });
  const events = await openEvents(`${other.url}/orders/${orderId}/events`);
  expect(await events.next()).toMatchObject({ id: "1.0", event: "order", data: { orderId, status: "accepted" } });
  const live = await openLive(other.url);
  live.send({
    type: "subscribe",
    topics: [
      { kind: "order", id: orderId, after: "1.0" },
      { kind: "product", id: productId, after: "2.1" },
    ],
  });
  expect([await live.next(), await live.next()]).toMatchObject([{ type: "subscribed" }, { type: "subscribed" }]);
  await post(`${one.url}/orders/${orderId}/cancel`, {});
  expect([await live.next(), await live.next()]).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: "order", id: orderId, position: "2.0" }),
      expect.objectContaining({ kind: "product", data: { productId, quantity: units, version: 3 } }),
    ]),
  );
  live.close();
  expect(await events.next()).toMatchObject({
    id: "2.0",
    data: { status: "cancelled", quantity: 3, stockAfter: units - 3 },
  });
  events.close();
  const again = await openEvents(`${one.url}/orders/${orderId}/events`, "1.0");
  expect(await again.next()).toMatchObject({ id: "2.0", data: { status: "cancelled" } });
  again.close();
});

it("between instances there is a message for each commit", async () => {
  const productId = await createProduct();
  const listener = new Redis(tallyman.redisUrl);
  const messages: string[] = [];
  await listener.subscribe(decisionsChannel(tallyman.topic));
  listener.on("message", (_channel, text: string) => messages.push(text));
  const before = await commits();
  const orders = Array.from({ length: 2_000 }, () => ({ orderId: randomUUID(), productId, quantity: 1 }));
  await post(`${one.url}/orders/batch`, orders);
  await vi.waitFor(async () => expect(await versionOf(other, productId)).toBe(orders.length + 1), patience);
  await vi.waitFor(() => expect(messages.join("")).toContain(orders.at(-1)?.orderId), patience);
  expect(messages.length).toBeGreaterThan(0);
  expect(messages.length).toBeLessThanOrEqual((await commits()) - before);
  listener.disconnect();
});

async function commits(): Promise<number> {
  const text = await (await fetch(`${processor.url}/metrics`)).text();
  return Number(/^tallyman_commits_total (\d+)$/m.exec(text)?.[1]);
}

it("streams end with their api, which does not wait for them", async () => {
  const productId = await createProduct();
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => openEvents(`${other.url}/products/${productId}/events`)),
  );
  for (const events of streams)
    expect([await events.next(), await events.next()]).toMatchObject([{ id: "1.0" }, { id: "1.1" }]);
  const startedAt = performance.now();
  const stopped = other.stop();
  for (const events of streams) {
    expect(await events.next()).toMatchObject({ event: "end", data: { reason: "leaving" } });
    expect(await events.next()).toBeNull();
  }
  await stopped;
  expect(performance.now() - startedAt).toBeLessThan(8_000);
});
