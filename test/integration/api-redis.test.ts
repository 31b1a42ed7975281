import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import type { Changes, DecidedUpTo, DecisionMessage } from "../../src/schemas/decision-feed.ts";
import { CacheUnavailable, nothingNoted } from "../../src/stores/effects-cache.ts";
import { connectRedis, redisReady } from "../../src/stores/redis/connection.ts";
import { startRedisDecisionFeed } from "../../src/stores/redis/decision-feed.ts";
import { createRedisEffectsCache } from "../../src/stores/redis/effects-cache.ts";
import { createRedisReadCache } from "../../src/stores/redis/read-cache.ts";
import { redisUrl } from "../contract/redis-url.ts";
import { uuidOf } from "../support/commands.ts";
import { redisDatabase } from "../support/redis-database.ts";

/** Redis behind a wire that can be cut, or held so that nothing comes through though it is there. */
async function openWire() {
  const target = new URL(redisUrl(redisDatabase()));
  const [host, port] = [target.hostname, Number(target.port || 6379)];
  const sockets = new Set<Socket>();
  const servers = new Set<Socket>();
  let held = false;
  let down = false;
  const proxy = createServer((client) => {
    if (down) return void client.destroy();
    const server = connect(port, host);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => [client, server].forEach((each) => each.destroy()));
    }
    client.on("data", (data) => void server.write(data));
    server.on("data", (data) => void client.write(data));
    if (held) server.pause();
    servers.add(server);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  target.port = String((proxy.address() as AddressInfo).port);
  target.hostname = "127.0.0.1";
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: target.href,
    /** Answers wait in the wire, as with a Redis that is stopped; nothing is lost. */
    hold: (value: boolean) => {
      held = value;
      for (const server of servers)
        if (value) server.pause();
        else server.resume();
    },
    cut: (stayDown: boolean) => {
      down = stayDown;
      cut();
    },
    mend: () => void (down = false),
    close: async () => {
      cut();
      proxy.close();
      await once(proxy, "close");
    },
  };
}

let wire: Awaited<ReturnType<typeof openWire>>;
const errors: Error[] = [];
const connections: ReturnType<typeof connectRedis>[] = [];
const open = async (deadlineMs = 300) => {
  const redis = connectRedis(wire.url, { name: "test", deadlineMs, onError: (error) => errors.push(error) });
  connections.push(redis);
  await redisReady(redis, 2_000);
  return redis;
};
beforeEach(async () => {
  wire = await openWire();
  await (await open()).flushdb();
});
afterEach(async () => {
  for (const redis of connections.splice(0)) redis.disconnect();
  await wire.close();
});

type Told = Pick<DecisionMessage, "decidedAt" | "decisions">;
const toldOf = (id: string): Told => ({ decidedAt: 1, decisions: message(id).decisions });
const message = (id: string): DecisionMessage => ({
  decidedUpTo: [[3, 4]],
  decidedAt: 1,
  decisions: [[id, "accepted", null, 1, 2, 3, 4, 5, 1]],
  changes: { stock: [["p1", 1, 2]], orders: [[id, 1]] },
});

test("the feed tells those who wait, drops unread what nobody waits for, and comes back after a loss", async () => {
  const told: Told[] = [];
  const changes: Changes[] = [];
  const connection: string[] = [];
  let follows = false;
  let wanted = true;
  let asked = 0;
  const failures: Error[] = [];
  const positions: DecidedUpTo[] = [];
  const feed = startRedisDecisionFeed({
    redis: await open(),
    channel: "decisions-test",
    listener: {
      heard: () => connection.push("heard"),
      lost: () => connection.push("lost"),
      follows: () => follows,
      changed: (each) => changes.push(each),
      wanted: () => {
        asked++;
        return wanted;
      },
      told: (each) => told.push(each),
      decidedUpTo: (each) => positions.push(each),
    },
    onError: (error) => failures.push(error),
  });
  const publisher = await open();
  const owner = createRedisEffectsCache({
    redis: publisher,
    proof: () => Promise.resolve(true),
    channel: "decisions-test",
  });
  const subscribed = () =>
    vi.waitFor(async () => expect(await publisher.publish("decisions-test", "{")).toBe(1), 5_000);

  await subscribed();
  await vi.waitFor(() => expect(failures.length).toBeGreaterThan(0), 5_000); // "{" is not JSON, and stops nothing.
  await owner.publish(message("a"));
  await vi.waitFor(() => expect(told).toEqual([toldOf("a")]), 5_000);

  wanted = false;
  const askedBefore = asked;
  await owner.publish(message("unread"));
  await vi.waitFor(() => expect(asked).toBeGreaterThan(askedBefore), 5_000);
  // How far all is decided is told all the same.
  expect(positions).toEqual([[[3, 4]], [[3, 4]]]);
  wire.cut(false);
  wanted = true;
  await vi.waitFor(async () => {
    await owner.publish(message("b"));
    expect(told).toContainEqual(toldOf("b"));
  }, 10_000);
  expect(told).not.toContainEqual(toldOf("unread"));

  // What is different is read by those who follow it, alone; each gap is told, before what comes after it.
  expect(changes).toEqual([]);
  follows = true;
  wanted = false;
  const toldBefore = told.length;
  await owner.publish(message("c"));
  await vi.waitFor(() => expect(changes).toContainEqual(message("c").changes), 5_000);
  expect(told).toHaveLength(toldBefore);
  // "heard" comes once for each subscription, and for each message that can't be read.
  expect(connection.join(" ")).toMatch(/^(heard )+lost( heard)+$/);

  // A processor of the version before tells no changes: they are missed, and who waits is told all the same.
  const [heardBefore, changesBefore] = [connection.length, changes.length];
  wanted = true;
  const { decidedAt, decisions, decidedUpTo } = message("old");
  const lines = [decidedUpTo, { decidedAt, decisions }].map((line) => JSON.stringify(line));
  await publisher.publish("decisions-test", lines.join("\n"));
  await vi.waitFor(() => expect(told).toContainEqual(toldOf("old")), 5_000);
  expect(connection.slice(heardBefore)).toEqual(["heard"]);
  expect(changes).toHaveLength(changesBefore);
  feed.close();
});

test("Redis away: calls fail at once, the process lives, and it works again when Redis is back", async () => {
  const redis = await open();
  const cache = createRedisReadCache({ redis });
  await cache.markPending(uuidOf(1), '{"revision":0}');
  wire.cut(true);
  await vi.waitFor(() => expect(redis.status).not.toBe("ready"), 5_000);
  const startedAt = performance.now();
  await expect(cache.readOrder(uuidOf(1))).rejects.toBeInstanceOf(CacheUnavailable);
  await expect(cache.readStock("p1")).rejects.toBeInstanceOf(CacheUnavailable);
  expect(performance.now() - startedAt).toBeLessThan(200);
  const owner = createRedisEffectsCache({ redis, proof: () => Promise.resolve(true), channel: "c" });
  const effects = { partition: 0, epoch: 1, partitionCount: 1, noted: nothingNoted, stock: [], orders: [] };
  await expect(owner.apply([effects])).rejects.toBeInstanceOf(CacheUnavailable);
  await expect(owner.publish(message("a"))).rejects.toBeInstanceOf(CacheUnavailable);

  wire.mend();
  await vi.waitFor(
    async () => expect(await cache.readOrder(uuidOf(1))).toEqual({ revision: 0, fulfilment: null, driver: null }),
    10_000,
  );
});

test("Redis hangs: the first calls pay the deadline, the next ones nothing, until it answers again", async () => {
  const cache = createRedisReadCache({ redis: await open(300) });
  wire.hold(true);
  await expect(Promise.all([cache.readOrder(uuidOf(1)), cache.readOrder(uuidOf(2))])).rejects.toBeInstanceOf(
    CacheUnavailable,
  );
  const startedAt = performance.now();
  await expect(cache.readOrder(uuidOf(1))).rejects.toBeInstanceOf(CacheUnavailable);
  expect(performance.now() - startedAt).toBeLessThan(100);
  wire.hold(false);
  await sleep(limits.cachePauseMs);
  await vi.waitFor(async () => expect(await cache.readOrder(uuidOf(1))).toBeNull(), 10_000);
});

test("scripts that Redis has forgotten are sent again", async () => {
  const redis = await open();
  const cache = createRedisReadCache({ redis });
  await cache.markPending(uuidOf(1), '{"revision":0}');
  await redis.script("FLUSH");
  await cache.markPending(uuidOf(2), '{"revision":0}');
  expect(await cache.readOrder(uuidOf(2))).toEqual({ revision: 0, fulfilment: null, driver: null });
});

test("what requests mark and read in one turn is one command each", async () => {
  const redis = await open();
  const cache = createRedisReadCache({ redis });
  await cache.markPending(uuidOf(0), '{"revision":0}');
  const commands: string[] = [];
  const monitor = await (await open()).monitor();
  // It hears all databases of the server, which other tests use too.
  monitor.on("monitor", (_time: unknown, [name = ""]: string[], source: unknown, database: unknown) => {
    if (source !== "lua" && database === String(redisDatabase())) commands.push(name.toLowerCase());
  });
  const ids = Array.from({ length: limits.cacheScriptEntriesMax }, (_, n) => uuidOf(n + 1));
  await Promise.all(ids.map((id) => cache.markPending(id, `{"revision":0,"id":"${id}"}`)));
  const found = await Promise.all(ids.map((id) => cache.readOrder(id)));
  expect(found).toEqual(ids.map((id) => ({ revision: 0, fulfilment: null, driver: null, id })));
  expect(await redis.ttl(`order:${uuidOf(5)}`)).toBeGreaterThan(limits.orderTtlSeconds - 10);
  await vi.waitFor(() => expect(commands).toContain("ttl"), 5_000);
  expect(commands.filter((name) => name === "evalsha" || name === "mget")).toEqual(["evalsha", "mget"]);
  monitor.disconnect();
});
