import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { createMemoryPageCache } from "../../src/stores/memory/page-cache.ts";
import { connectRedis, redisReady } from "../../src/stores/redis/connection.ts";
import { pageKey, pagesBytesKey, pagesIndexKey, pageStampKey } from "../../src/stores/redis/keys.ts";
import { createRedisPageCache } from "../../src/stores/redis/page-cache.ts";
import { describePageCache } from "./page-cache.contract.ts";
import { redisUrl } from "./redis-url.ts";

const bounds = { bytesMax: 40_000, markTtlMs: 300, fillTtlMs: 200 };

describePageCache("in memory", () => {
  let time = Date.UTC(2026, 0, 31, 12);
  const cache = createMemoryPageCache({ now: () => time, ...bounds });
  return Promise.resolve({
    instances: [cache, cache],
    ...bounds,
    pass: (ms) => Promise.resolve((time += ms)),
    flush: () => {
      cache.flush();
      return Promise.resolve();
    },
    size: () => Promise.resolve(cache.size()),
    close: () => undefined,
  });
});

async function openRedis() {
  const redis = connectRedis(redisUrl(11), { name: "contract", deadlineMs: 5_000, onError: () => undefined });
  await redisReady(redis, 2_000);
  return redis;
}

describePageCache("in Redis", async () => {
  const connections = await Promise.all([openRedis(), openRedis()]);
  const [redis, other] = connections;
  return {
    instances: [createRedisPageCache({ redis, ...bounds }), createRedisPageCache({ redis: other, ...bounds })],
    ...bounds,
    pass: sleep,
    flush: () => redis.flushdb(),
    size: async () => (await redis.keys("page:*")).length / 2,
    close: () => connections.forEach((each) => each.disconnect()),
  };
});

test("what Redis counts is what there is, also after pages have expired or were taken away", async () => {
  const redis = await openRedis();
  await redis.flushdb();
  const cache = createRedisPageCache({ redis, ...bounds, markTtlMs: 1, pageTtlMs: 200 });
  const put = async (key: string): Promise<void> => {
    const page = { key, scopes: ["shelf"] };
    const taken = await cache.take(page, false);
    if (taken.kind === "fill") await cache.settle(page, taken.fill, "text");
  };
  await put("none is put yet");
  await sleep(5);
  for (const key of ["a", "b", "b"]) await put(key);
  expect(await redis.zcard(pagesIndexKey)).toBe(2);
  expect(await redis.hgetall(pagesBytesKey)).toMatchObject({ total: String(2 * limits.pageOverheadBytes + 8) });
  await redis.del(pageKey("b"), pageStampKey("b"));
  await sleep(300);
  await put("c");
  expect(await redis.zrange(pagesIndexKey, "0", "-1")).toEqual(["c"]);
  expect(await redis.hgetall(pagesBytesKey)).toEqual({
    c: String(limits.pageOverheadBytes + 4),
    total: String(limits.pageOverheadBytes + 4),
  });
  // What was counted is gone, and what counts it is not: it is no reason to keep nothing for ever.
  await redis.del(pagesIndexKey);
  await redis.hset(pagesBytesKey, "total", String(bounds.bytesMax));
  await put("d");
  expect(await redis.exists(pageKey("d"))).toBe(1);
  redis.disconnect();
});
