import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMemoryDriverPositions } from "../../src/stores/memory/driver-positions.ts";
import { CacheUnavailable } from "../../src/stores/effects-cache.ts";
import { connectRedis, redisReady } from "../../src/stores/redis/connection.ts";
import { createRedisDriverPositions } from "../../src/stores/redis/driver-positions.ts";
import { placesKey, positionKey, silentFromKey } from "../../src/stores/redis/keys.ts";
import { describeDriverPositions } from "./driver-positions.contract.ts";
import { redisUrl } from "./redis-url.ts";

describeDriverPositions("in memory", () => {
  let time = Date.UTC(2026, 0, 31, 12);
  const positions = createMemoryDriverPositions({ now: () => time });
  return Promise.resolve({
    instances: [positions, positions],
    now: () => Promise.resolve(time),
    pass: (ms) => Promise.resolve((time += ms)),
    flush: () => {
      positions.flush();
      return Promise.resolve();
    },
    close: () => undefined,
  });
});

async function openRedis() {
  const redis = connectRedis(redisUrl(10), { name: "contract", deadlineMs: 5_000, onError: () => undefined });
  await redisReady(redis, 2_000);
  return redis;
}

describeDriverPositions("in Redis", async () => {
  const connections = await Promise.all([openRedis(), openRedis()]);
  const [redis, other] = connections;
  return {
    instances: [
      createRedisDriverPositions({ redis, forgottenMax: 3 }),
      createRedisDriverPositions({ redis: other, forgottenMax: 3 }),
    ],
    now: async () => {
      const [seconds, micros] = await redis.time();
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    },
    pass: sleep,
    flush: () => redis.flushdb(),
    close: () => connections.forEach((each) => each.disconnect()),
  };
});

test("Redis keeps nothing of who is silent", async () => {
  const redis = await openRedis();
  const positions = createRedisDriverPositions({ redis });
  await redis.flushdb();
  const [seconds] = await redis.time();
  const observedAt = Number(seconds) * 1000 - limits.driverSilenceMs + 2_000;
  const place = { latitude: 48, longitude: 11, sequence: 1 };
  await positions.putMany(["a", "b"].map((driverId) => ({ driverId, ...place, observedAt })));
  expect(await redis.exists(positionKey("a"), positionKey("b"))).toBe(2);
  expect(await redis.zcard(placesKey)).toBe(2);
  // The keys end by themselves; the sets are swept by whoever writes or looks next.
  await vi.waitFor(async () => expect(await redis.exists(positionKey("a"), positionKey("b"))).toBe(0), 10_000);
  await positions.put({ driverId: "c", ...place, observedAt: Date.now() });
  expect(await redis.zrange(placesKey, "0", "-1")).toEqual(["c"]);
  expect(await redis.zrange(silentFromKey, "0", "-1")).toEqual(["c"]);
  await redis.flushdb();
  redis.disconnect();
});

test("what requests put in one turn is one script", async () => {
  const redis = await openRedis();
  const positions = createRedisDriverPositions({ redis });
  const sent = vi.spyOn(redis, "evalsha");
  const put = (n: number) =>
    positions.put({ driverId: `d${n}`, latitude: 48, longitude: 11, observedAt: Date.now(), sequence: 1 });
  await Promise.all(Array.from({ length: limits.positionScriptEntriesMax }, (_, n) => put(n)));
  expect(sent).toHaveBeenCalledTimes(1);
  await Promise.all(Array.from({ length: limits.positionScriptEntriesMax + 1 }, (_, n) => put(n)));
  expect(sent).toHaveBeenCalledTimes(3);
  await redis.flushdb();
  redis.disconnect();
  await expect(put(1)).rejects.toBeInstanceOf(CacheUnavailable);
});
