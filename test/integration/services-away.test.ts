/**
 * Each service away, alone and two at once, killed and silent, under load, on the real ones. What is asked of Tallyman is the table
 * "What happens when something is away" in docs/architecture.md: it answers as told there, says what is away, takes bounded
 * memory, crashes nowhere, goes on by itself once the last one is back; nothing acknowledged is lost, nothing applied twice.
 */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { allPairs, AwayWorld, awaySeconds, ownProfileName } from "../support/away-world.ts";
import type { Outage } from "../support/away-world.ts";
import type { PlacedOrder } from "../support/order-load.ts";
import type { ServiceName } from "../support/own-services.ts";
import type { Role } from "../support/tallyman.ts";

const timeout = 150_000 + awaySeconds * 2_000;
let world: AwayWorld;

beforeAll(async () => {
  world = await AwayWorld.open(ownProfileName());
}, 180_000);
afterEach(() => world.mend());
afterAll(() => world.close());

/** What each service's absence does to answers. */
const looks: Record<ServiceName, (known: PlacedOrder) => Promise<void>> = {
  kafka: async (known) => {
    const refused = await world.place();
    expect(refused).toMatchObject({ status: 503, body: { code: "log_unavailable", orderId: refused.orderId } });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await world.get(`/orders/${known.orderId}`)).toMatchObject({ status: 200, body: { status: "accepted" } });
    expect(await world.get(`/products/${known.productId}`)).toMatchObject({ status: 200 });
    expect(await world.get(`/orders/${randomUUID()}`)).toMatchObject({
      status: 503,
      body: { code: "log_unavailable" },
    });
  },
  postgres: async (known) => {
    expect(await world.place()).toMatchObject({ status: 202 });
    const unseen = await world.post("/orders", { productId: `unseen-${randomUUID()}`, quantity: 1 });
    expect(unseen).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    expect(unseen.headers.get("retry-after")).toBe("1");
    const added = { name: "new", category: "test", priceCents: 1 };
    expect(await world.post("/products", added)).toMatchObject({ status: 503, body: { code: "store_unavailable" } });
    expect(await world.get(`/orders?productId=${known.productId}`)).toMatchObject({ status: 503 });
    const order = await world.get(`/orders/${known.orderId}`);
    expect(order).toMatchObject({ status: 200, body: { status: "accepted" } });
    const product = await world.get(`/products/${known.productId}`);
    expect(product.status).toBe(200);
    expect([order, product].map(({ headers }) => headers.get("x-tallyman-stale"))).toEqual(["1", "1"]);
  },
  redis: async (known) => {
    expect(await world.place()).toMatchObject({ status: 202 });
    // Nobody tells of the decision; PostgreSQL knows it when the time is over.
    expect(await world.place({ prefer: "wait=2" })).toMatchObject({ status: 201 });
    const order = await world.get(`/orders/${known.orderId}`);
    expect(order).toMatchObject({ status: 200, body: { status: "accepted" } });
    expect(order.headers.get("x-tallyman-stale")).toBeNull();
    expect(await world.get(`/products/${known.productId}`)).toMatchObject({ status: 200 });
  },
  registry: async (known) => {
    expect(await world.place({ prefer: "wait=10" })).toMatchObject({ status: 201 });
    expect(await world.get(`/orders/${known.orderId}`)).toMatchObject({ status: 200 });
  },
};

const singles: Outage[] = (["kafka", "postgres", "redis", "registry"] as const).flatMap((name) => [
  { name, how: "killed" },
  { name, how: "silent" },
]);

describe("one service away", () => {
  it.each(singles)("$name $how", { timeout }, async ({ name, how }) => {
    const told = await world.endure([{ name, how }], looks[name]);
    console.log(`${name} ${how}: ${told}`);
  });
});

/**
 * The first one comes back first. These leave the processes least to go by: what was promised can be neither read nor decided, what
 * was decided can be neither told nor read back.
 */
const pairs: (readonly [Outage, Outage])[] = [
  [
    { name: "kafka", how: "silent" },
    { name: "postgres", how: "killed" },
  ],
  [
    { name: "redis", how: "killed" },
    { name: "postgres", how: "silent" },
  ],
];

/** On request: they take a minute and a half. Which services are away at once, and for how long, test/chaos leaves to chance. */
const otherPairs: typeof pairs = [
  [
    { name: "redis", how: "silent" },
    { name: "kafka", how: "killed" },
  ],
  [
    { name: "registry", how: "killed" },
    { name: "kafka", how: "silent" },
  ],
  // A registry can't be started without its PostgreSQL.
  [
    { name: "postgres", how: "killed" },
    { name: "registry", how: "silent" },
  ],
  [
    { name: "registry", how: "silent" },
    { name: "redis", how: "killed" },
  ],
];

/** Orders go to the log, and nothing else stands in their way. */
async function lookAtOrders(away: readonly ServiceName[]): Promise<void> {
  const answer = await world.place();
  if (away.includes("kafka")) {
    expect(answer).toMatchObject({ status: 503, body: { code: "log_unavailable", orderId: answer.orderId } });
  } else {
    expect(answer).toMatchObject({ status: 202 });
  }
}

describe("two services away, one back before the other", () => {
  const wanted = allPairs ? [...pairs, ...otherPairs] : pairs;
  it.each(wanted.map(([first, second]) => ({ first, second })))(
    "$first.name $first.how, then $second.name $second.how",
    { timeout },
    async ({ first, second }) => {
      const told = await world.endure([first, second], () => lookAtOrders([first.name, second.name]));
      console.log(`${first.name} ${first.how}, ${second.name} ${second.how}: ${told}`);
    },
  );
});

describe("asked to stop while a service is silent", () => {
  /** It leaves in time, whatever hangs; and it ends as asked, for what it leaves is in the log, or was not acknowledged. */
  const stopsInTime = async (role: Role): Promise<number> => {
    const startedAt = performance.now();
    expect(await role.stop()).toBe(0);
    return performance.now() - startedAt;
  };
  const slackMs = 5_000;

  it("an api with orders under way, and a processor: Kafka and PostgreSQL", { timeout }, async () => {
    const [api, processor] = await Promise.all([world.tallyman.startApi(), world.tallyman.startProcessor()]);
    await world.services.takeAway("kafka", "silent");
    await world.services.takeAway("postgres", "silent");
    // A caller who stalls in the middle of a request is waited for, but not for ever.
    const stalled = connect(Number(new URL(api.url).port), "127.0.0.1").on("error", () => undefined);
    stalled.write("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{");
    // Some may be cut while nobody looks yet: that is for the end, too.
    const answers = Promise.allSettled(Array.from({ length: 20 }, () => world.placeAt(api)));
    await sleep(200);
    const [apiMs = 0, processorMs = 0] = await Promise.all([api, processor].map(stopsInTime));
    stalled.destroy();
    expect(apiMs).toBeGreaterThan(limits.drainMs - 1_000);
    for (const ms of [apiMs, processorMs]) expect(ms).toBeLessThan(limits.stopMs + slackMs);
    // Who was not answered knows no more than who was: both send the order again with the same id.
    const ended = await answers;
    for (const end of ended) if (end.status === "fulfilled") expect(end.value.status).toBe(503);
    const told = [apiMs, processorMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`).join(" and ");
    console.log(`an api and a processor, Kafka and PostgreSQL silent: stopped after ${told}`);
  });
});
