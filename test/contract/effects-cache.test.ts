import { setTimeout as sleep } from "node:timers/promises";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { connectRedis, redisReady } from "../../src/stores/redis/connection.ts";
import { createRedisEffectsCache } from "../../src/stores/redis/effects-cache.ts";
import { quantityKey, tokenKey, versionKey } from "../../src/stores/redis/keys.ts";
import { createRedisReadCache } from "../../src/stores/redis/read-cache.ts";
import { redisUrl } from "./redis-url.ts";
import { describeCache } from "./effects-cache-suite.ts";

describeCache("effects cache in memory", () => {
  let time = 0;
  const refillTokenTtlMs = 100;
  const cache = createMemoryCache({ now: () => time, refillTokenTtlMs });
  return Promise.resolve({
    refillTokenTtlMs,
    owner: cache.effectsCache,
    reader: cache.readCache,
    flush: cache.flush,
    pass: (ms: number) => (time += ms),
    expireQuantity: cache.expireQuantity,
    lose: cache.lose,
    close: () => undefined,
  });
});

describeCache("effects cache in Redis", async () => {
  const refillTokenTtlMs = 100;
  const redis = connectRedis(redisUrl(9), { name: "contract", deadlineMs: 5_000, onError: () => undefined });
  await redisReady(redis, 2_000);
  return {
    refillTokenTtlMs,
    owner: (proof) => createRedisEffectsCache({ redis, proof, channel: "contract" }),
    reader: () => createRedisReadCache({ redis, refillTokenTtlMs }),
    flush: () => redis.flushdb(),
    pass: (ms) => sleep(ms),
    expireQuantity: (productId) => redis.del(quantityKey(productId)),
    lose: (productId) => redis.del(quantityKey(productId), versionKey(productId), tokenKey(productId)),
    close: () => {
      redis.disconnect();
    },
  };
});
