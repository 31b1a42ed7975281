/** A process that is asked to stop ends in time and with 0, finishes what it has taken, and leaves nothing to be missed. */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { onServer } from "../support/databases.ts";
import { createSteadyWorld } from "../support/steady-world.ts";
import type { SteadyWorld } from "../support/steady-world.ts";
import type { Tallyman } from "../support/tallyman.ts";

const perSecond = 100;

let world: SteadyWorld;
let tallyman: Tallyman;
beforeAll(async () => {
  world = await createSteadyWorld();
  tallyman = world.tallyman;
});
afterEach(() => world.endLoad());
afterAll(() => world[Symbol.asyncDispose]());

async function untilDeciding(): Promise<void> {
  const decided = async (): Promise<number> => {
    const { rows } = await world.database.query<{ sum: number }>(
      "select coalesce(sum(next_offset), 0)::int as sum from partitions",
    );
    return rows[0]?.sum ?? 0;
  };
  const before = await decided();
  await expect.poll(decided, { timeout: 30_000, interval: 20 }).toBeGreaterThan(before + perSecond / 2);
}

async function membersOfGroup(): Promise<number> {
  const kafka = new Kafka({ brokers: (process.env.KAFKA_BROKERS ?? "").split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([tallyman.name]);
    return groups[0]?.members.length ?? 0;
  } finally {
    await admin.disconnect();
  }
}

describe("a processor", () => {
  it("commits and tells what it has taken, and has left the group when it ends", async () => {
    const processor = await tallyman.startProcessor();
    world.startLoad(perSecond);
    await untilDeciding();
    await world.stop(processor);
    expect(await membersOfGroup()).toBe(0);
    // Effects are noted once a second while it runs: only one that has finished notes the last of them.
    const { rows } = await world.database.query("select 1 from partitions where effects_offset <> next_offset");
    expect(rows).toHaveLength(0);

    const next = await tallyman.startProcessor();
    await world.expectNothingLost();
    await world.stop(next);
  });

  it("ends while PostgreSQL hangs, asked twice, and what it could not commit is decided later", async () => {
    const processor = await tallyman.startProcessor();
    world.startLoad(perSecond);
    await untilDeciding();
    await onServer(tallyman.databaseUrl, async (locking) => {
      await locking.query("begin");
      await locking.query("lock table ledger in access exclusive mode");
      await expect.poll(() => waitingForLock(locking), { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
      const ended = world.stop(processor);
      await sleep(200);
      processor.signal("SIGTERM");
      processor.signal("SIGINT");
      await ended;
      await locking.query("rollback");
    });
    expect(await membersOfGroup()).toBe(0);

    const next = await tallyman.startProcessor();
    await world.expectNothingLost();
    await world.stop(next);
  });
});

async function waitingForLock(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and application_name like 'tallyman-processor%'`,
  );
  return rows[0]?.count ?? 0;
}

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders };

/** One order over its own connection that is meant to be kept; rejects when there is no answer. */
function placeOver(
  agent: Agent,
  url: string,
  headers: Readonly<Record<string, string>>,
  order: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/orders`, {
      method: "POST",
      agent,
      headers: { "content-type": "application/json", ...headers },
    });
    asked.on("error", reject);
    asked.on("response", (response) => {
      response.resume().on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    asked.end(JSON.stringify(order));
  });
}

async function waitersOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^tallyman_waiters (\d+)$/m.exec(text)?.[1]);
}

describe("an api", () => {
  const holding = 20;

  it("answers every request that it holds, closes what it keeps open, and takes no more", async () => {
    const stopping = await tallyman.startApi();
    await using agents = new AsyncDisposableStack();
    const keepAlive = (): Agent => agents.adopt(new Agent({ keepAlive: true }), (agent) => agent.destroy());
    const orders = Array.from({ length: holding }, (_, n) => ({
      orderId: randomUUID(),
      productId: world.productIds[n % world.productIds.length] ?? "",
      quantity: 1,
    }));
    // No processor runs: they wait for a decision that does not come.
    const answers = orders.map((order) => placeOver(keepAlive(), stopping.url, { prefer: "wait=30" }, order));
    await expect.poll(() => waitersOf(stopping.url), { timeout: 10_000 }).toBe(holding);
    // A caller that has sent half of its request, and one that keeps a connection and says nothing.
    const { port } = new URL(stopping.url);
    const half = agents.adopt(connect(Number(port), "127.0.0.1"), (socket) => void socket.destroy());
    half.on("error", () => undefined);
    half.write("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    const idle = agents.adopt(connect(Number(port), "127.0.0.1"), (socket) => void socket.destroy());
    idle.on("error", () => undefined);
    await sleep(100);

    const ended = world.stop(stopping);
    const settled = await Promise.all(answers);
    world.acked.push(...orders.map(({ orderId, productId }) => ({ orderId, productId, ackedAt: Date.now() })));
    expect(settled.map(({ status }) => status)).toEqual(orders.map(() => 202));
    expect(settled.map(({ headers }) => headers.connection)).toEqual(orders.map(() => "close"));
    const late = await placeOver(keepAlive(), stopping.url, {}, orders[0] ?? {}).catch(() => undefined);
    expect([undefined, 503]).toContain(late?.status);
    await ended;

    const processor = await tallyman.startProcessor();
    await world.expectNothingLost();
    await world.stop(processor);
  });

  it("ends at once when nobody's request is under way, whatever connections are kept", async () => {
    const stopping = await tallyman.startApi();
    await using agents = new AsyncDisposableStack();
    const agent = agents.adopt(new Agent({ keepAlive: true }), (each) => each.destroy());
    const order = { orderId: randomUUID(), productId: world.productIds[0] ?? "", quantity: 1 };
    expect((await placeOver(agent, stopping.url, {}, order)).status).toBe(202);
    world.acked.push({ orderId: order.orderId, productId: order.productId, ackedAt: Date.now() });
    expect(await world.stop(stopping)).toBeLessThan(4_000);
  });
});

describe("an api and a processor in one process", () => {
  it("ends under load, and its successor finishes what is left", async () => {
    const first = await tallyman.startBoth();
    let url = first.url;
    world.startLoad(perSecond, () => url);
    await untilDeciding();
    await world.stop(first);
    expect(await membersOfGroup()).toBe(0);
    const second = await tallyman.startBoth();
    url = second.url;
    await world.expectNothingLost();
    await world.stop(second);
  });
});
