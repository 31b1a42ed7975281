/**
 * One Tallyman (an api and a processor) on services of its own, and what a trial of it goes through: a load of orders, services
 * that go and come back, and the judge.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { HealthReport } from "../../src/ops/health.ts";
import { readBooks, untilAllDecided, wrongInBooks, wrongInRedis } from "./books.ts";
import { onServer } from "./databases.ts";
import { startOrderLoad } from "./order-load.ts";
import type { OrderLoad, PlacedOrder } from "./order-load.ts";
import { startOwnServices } from "./own-services.ts";
import type { Away, OwnServices, ServiceName } from "./own-services.ts";
import { createTallyman } from "./tallyman.ts";
import type { Role, Tallyman } from "./tallyman.ts";

export type Outage = { readonly name: ServiceName; readonly how: Away };

/** How health names the services. */
export const nameInHealth: Record<ServiceName, string> = {
  kafka: "kafka",
  postgres: "postgres",
  redis: "redis",
  registry: "schema_registry",
};

/** How long services stay away; minutes show what seconds can't: memory that grows, back-offs at their bounds. */
export const awaySeconds = Number(process.env.TALLYMAN_AWAY_SECONDS ?? "6");

/** Whether more services are taken away two at once than in every run. */
export const allPairs = process.env.TALLYMAN_AWAY_PAIRS === "all";

const productIds = Array.from({ length: 20 }, (_, n) => `away-${n}`);
/** Every other product sells out on the way. */
const unitsOf = (n: number): number => (n % 2 === 0 ? 1_000_000 : 2_000);
const clients = 16;
const ordersPerSecond = 200;
/** Generous: this is to tell bounded from growing, on a machine that does other things too. */
const residentBytesMax = 700 * 2 ** 20;
const residentGrowthMax = { factor: 2, bytes: 150 * 2 ** 20 };

export class AwayWorld {
  readonly services: OwnServices;
  readonly tallyman: Tallyman;
  readonly api: Role;
  readonly processor: Role;
  /** Of all trials: what an earlier one broke must not be overlooked because a later one doesn't look. */
  readonly #orders: PlacedOrder[] = [];
  #load: OrderLoad | undefined;

  private constructor(services: OwnServices, tallyman: Tallyman, api: Role, processor: Role) {
    this.services = services;
    this.tallyman = tallyman;
    this.api = api;
    this.processor = processor;
  }

  static async open(profileName: string): Promise<AwayWorld> {
    const services = await startOwnServices(profileName);
    try {
      const options = { addresses: services.addresses, logs: services.profile.logs };
      const tallyman = await createTallyman(options);
      const [api, processor] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
      const world = new AwayWorld(services, tallyman, api, processor);
      await Promise.all(productIds.map((id, n) => world.#addProduct(id, unitsOf(n))));
      return world;
    } catch (error) {
      await services[Symbol.asyncDispose]();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.mend();
    try {
      await this.tallyman[Symbol.asyncDispose]();
    } finally {
      await this.services[Symbol.asyncDispose]();
    }
  }

  /** After a trial that failed: the next one begins with everything there. */
  async mend(): Promise<void> {
    this.#load?.abort();
    this.#load = undefined;
    for (const name of ["postgres", "kafka", "redis", "registry"] as const) await this.services.bringBack(name);
  }

  /** Takes the services away under load, has `look` look around, brings them back one after another, and judges. */
  async endure(outages: readonly Outage[], look: (known: PlacedOrder) => Promise<void>): Promise<string> {
    await this.#untilWell();
    const load = this.#startLoad();
    await expect.poll(() => load.acknowledged(), { timeout: 30_000 }).toBeGreaterThan(ordersPerSecond / 2);
    const known = await this.#decidedOrder();
    const before = await this.#residentBytes();

    const goneAt = performance.now();
    for (const { name, how } of outages) await this.services.takeAway(name, how);
    await this.#untilNamed(outages);
    await look(known);
    await sleep(Math.max(0, awaySeconds * 1_000 - (performance.now() - goneAt)));
    const during = await this.#residentBytes();
    expect([this.api.exitCode(), this.processor.exitCode()]).toEqual([null, null]);

    for (const [index, { name }] of outages.entries()) {
      if (index > 0) await sleep(2_000);
      await this.services.bringBack(name);
    }
    const awayMs = performance.now() - goneAt;
    const resumedMs = await this.#firstDecision(load);
    // Ten seconds are promised. The bound here is wider: other programs share the machine with this test.
    expect(resumedMs).toBeLessThan(20_000);
    await this.#untilWell();
    await load.finish(60_000);
    await this.#judge(load);
    const after = await this.#residentBytes();
    this.#expectBounded(before, during);
    this.#expectBounded(before, after);
    return (
      `away ${seconds(awayMs)}, decides again after ${seconds(resumedMs)}; ${load.orders.length} orders; ` +
      `answered ${[...load.problems].map(([code, count]) => `${code} ${count}x`).join(", ") || "without a problem"}; ` +
      `resident MiB ${[before, during, after].map((each) => each.map((bytes) => Math.round(bytes / 2 ** 20)).join("+")).join(" > ")}`
    );
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#postTo(this.api, path, body, headers);
  }

  /** An order of no trial, at another api. */
  placeAt(api: Role): Promise<Answer> {
    return this.#postTo(api, "/orders", { productId: "away-0", quantity: 1 }, {});
  }

  async #postTo(api: Role, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
    const response = await fetch(api.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    return answerOf(response);
  }

  async get(path: string): Promise<Answer> {
    return answerOf(await fetch(this.api.url + path, { signal: AbortSignal.timeout(20_000) }));
  }

  /** An order, as a caller places it; it belongs to the judged ones. */
  async place(headers: Record<string, string> = {}): Promise<Answer & { orderId: string }> {
    const order = newOrder();
    this.#orders.push(order);
    const { orderId, productId, quantity } = order;
    const answer = await this.post("/orders", { orderId, productId, quantity }, headers);
    if ([201, 202, 409].includes(answer.status)) order.acknowledged = answer.status;
    return { ...answer, orderId };
  }

  #startLoad(): OrderLoad {
    const load = startOrderLoad({ url: this.api.url, productIds, clients, ordersPerSecond });
    this.#load = load;
    return load;
  }

  async #addProduct(id: string, initialStock: number): Promise<void> {
    const body = { id, name: id, category: "test", priceCents: 100, initialStock };
    const answer = await this.post("/products", body, { prefer: "wait=20" });
    expect(answer.status).toBe(201);
  }

  /** An order that is decided and that Redis has, to be read while something is away. */
  async #decidedOrder(): Promise<PlacedOrder> {
    const order = newOrder();
    this.#orders.push(order);
    const { orderId, productId, quantity } = order;
    const answer = await this.post("/orders", { orderId, productId, quantity }, { prefer: "wait=20" });
    expect(answer.status).toBe(201);
    order.acknowledged = 201;
    const statusInRedis = async (): Promise<unknown> =>
      (JSON.parse((await this.tallyman.redis.get(`order:${orderId}`)) ?? "{}") as { status?: string }).status;
    await expect.poll(statusInRedis, { timeout: 10_000 }).toBe("accepted");
    return order;
  }

  /** The milliseconds from now until an order that is placed from now on is in the ledger. */
  async #firstDecision(load: OrderLoad): Promise<number> {
    const startedAt = performance.now();
    const limitMs = 60_000;
    const taken: string[] = [];
    while (performance.now() - startedAt < limitMs) {
      if (taken.length === 0) {
        const { status, orderId } = await this.place();
        if (status === 202) taken.push(orderId);
      }
      for (const orderId of taken) if (await this.#isDecided(orderId)) return performance.now() - startedAt;
      await sleep(25);
    }
    throw new Error(`nothing is decided ${limitMs} ms after the return; ${load.acknowledged()} are acknowledged`);
  }

  async #isDecided(orderId: string): Promise<boolean> {
    const found = await onServer(this.tallyman.databaseUrl, (client) =>
      client.query("select 1 from ledger where command_id = $1", [orderId]),
    ).catch(() => undefined);
    return found?.rowCount === 1;
  }

  async #judge(load: OrderLoad): Promise<void> {
    this.#load = undefined;
    this.#orders.push(...load.orders);
    expect(load.surprises.slice(0, 5)).toEqual([]);
    await untilAllDecided(this.tallyman.databaseUrl, this.#orders, 60_000);
    const books = await readBooks(this.tallyman.databaseUrl);
    expect(wrongInBooks(books, this.#orders).slice(0, 5)).toEqual([]);
    const redisNow = async () =>
      wrongInRedis(this.tallyman.redis, await readBooks(this.tallyman.databaseUrl)).catch((error: unknown) => [
        String(error),
      ]);
    await expect.poll(redisNow, { timeout: 30_000, interval: 200 }).toEqual([]);

    const status = new Map(books.lines.map((line) => [line.command_id, line.status]));
    const ids = load.orders.map(({ orderId }) => orderId);
    for (let from = 0; from < ids.length; from += 1_000) {
      const asked = ids.slice(from, from + 1_000);
      const { body } = await this.post("/orders/lookup", { ids: asked });
      const { orders } = body as { orders: { orderId: string; status: string }[] };
      expect(orders.map((order) => [order.orderId, order.status])).toEqual(asked.map((id) => [id, status.get(id)]));
    }
  }

  async #untilWell(): Promise<void> {
    const states = async (): Promise<unknown> =>
      (await Promise.all([this.api, this.processor].map(healthOf)))
        .flatMap(({ dependencies }) => dependencies)
        .filter(({ state }) => state !== "up")
        .map(({ name, detail }) => `${name}: ${detail}`);
    await expect.poll(states, { timeout: 60_000, interval: 200 }).toEqual([]);
  }

  /** Health of both says what is away, does not blame what is there, and calls not ready who needs it. */
  async #untilNamed(outages: readonly Outage[]): Promise<void> {
    const away = outages.map(({ name }) => nameInHealth[name]);
    // The local registry keeps its schemas in the same PostgreSQL.
    const blameless = ["kafka", "postgres", "redis", "schema_registry"].filter(
      (name) => !away.includes(name) && !(name === "schema_registry" && away.includes("postgres")),
    );
    const needs = { api: ["kafka"], processor: ["kafka", "postgres"] };
    for (const role of ["api", "processor"] as const) {
      const expected = {
        ready: !away.some((name) => needs[role].includes(name)),
        down: away.toSorted(),
        blamed: [],
      };
      const seen = async (): Promise<unknown> => {
        const { ready, dependencies } = await healthOf(this[role]);
        const down = dependencies.filter(({ state }) => state === "down").map(({ name }) => name);
        return {
          ready,
          down: down.filter((name) => away.includes(name)).toSorted(),
          blamed: down.filter((name) => blameless.includes(name)),
        };
      };
      await expect.poll(seen, { timeout: 15_000, interval: 100 }).toEqual(expected);
    }
  }

  /** Of the api and of the processor. */
  #residentBytes(): Promise<number[]> {
    return Promise.all(
      [this.api, this.processor].map(async ({ url }) => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
      }),
    );
  }

  #expectBounded(before: readonly number[], after: readonly number[]): void {
    for (const [index, bytes] of after.entries()) {
      const start = before[index] ?? NaN;
      expect(bytes).toBeLessThan(residentBytesMax);
      expect(bytes).toBeLessThan(start * residentGrowthMax.factor + residentGrowthMax.bytes);
    }
  }
}

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
};

async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, body };
}

function newOrder(): PlacedOrder {
  // Of a product that never sells out.
  return { orderId: randomUUID(), productId: "away-0", quantity: 1, answers: [], acknowledged: undefined };
}

async function healthOf({ url }: Pick<Role, "url">): Promise<HealthReport> {
  return (await (await fetch(`${url}/readyz`)).json()) as HealthReport;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** A profile beside the test run's own. Its logs stay until the next run. */
export const ownProfileName = (): string => `${process.env.TALLYMAN_PROFILE ?? "test"}-away`;
