import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { expect, test, vi } from "vitest";
import { nothingNoted } from "../../src/stores/effects-cache.ts";
import type { EffectsCache, OwnershipProof } from "../../src/stores/effects-cache.ts";
import { createMemoryCache } from "../../src/stores/memory/effects-cache.ts";
import { connectRedis, redisReady } from "../../src/stores/redis/connection.ts";
import { createRedisEffectsCache } from "../../src/stores/redis/effects-cache.ts";
import { orderKey, quantityKey, tokenKey, versionKey } from "../../src/stores/redis/keys.ts";
import { createRedisReadCache } from "../../src/stores/redis/read-cache.ts";
import { redisUrl } from "./redis-url.ts";
import { describeCache, orderDocument } from "./effects-cache-suite.ts";

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

async function cacheInRedis(owner: (redis: Redis, proof: OwnershipProof) => EffectsCache) {
  const refillTokenTtlMs = 100;
  const redis = connectRedis(redisUrl(9), { name: "contract", deadlineMs: 5_000, onError: () => undefined });
  await redisReady(redis, 2_000);
  return {
    refillTokenTtlMs,
    owner: (proof: OwnershipProof) => owner(redis, proof),
    reader: () => createRedisReadCache({ redis, refillTokenTtlMs }),
    flush: () => redis.flushdb(),
    pass: (ms: number) => sleep(ms),
    expireQuantity: (productId: string) => redis.del(quantityKey(productId)),
    lose: (productId: string) => redis.del(quantityKey(productId), versionKey(productId), tokenKey(productId)),
    close: () => {
      redis.disconnect();
    },
  };
}

const inRedis = (redis: Redis, proof: OwnershipProof) => createRedisEffectsCache({ redis, proof, channel: "contract" });

/** Of a partition that no test has: told to a cache that has the order, so that the next orders are sent unasked. */
async function tellMarkedOrder(redis: Redis, owner: EffectsCache): Promise<void> {
  const order = orderDocument({ partition: primedPartition });
  await redis.set(orderKey(order.orderId), JSON.stringify({ ...order, revision: 0, status: "pending" }), "EX", 10);
  await owner.apply([
    {
      ...{ partition: primedPartition, epoch: 1, partitionCount: 0, noted: nothingNoted, stock: [] },
      orders: [{ orderId: order.orderId, document: () => order }],
    },
  ]);
}
const primedPartition = 999;

describeCache("effects cache in Redis", () => cacheInRedis(inRedis));

describeCache("effects cache in Redis, orders unasked", () =>
  cacheInRedis((redis, proof) => {
    const owner = inRedis(redis, (partition, epoch) =>
      partition === primedPartition ? Promise.resolve(true) : proof(partition, epoch),
    );
    return {
      ...owner,
      apply: async (effects) => {
        await tellMarkedOrder(redis, owner);
        return owner.apply(effects);
      },
    };
  }),
);

test("Redis is asked which orders it has, unless it had most of the last ones", async () => {
  const redis = connectRedis(redisUrl(9), { name: "contract", deadlineMs: 5_000, onError: () => undefined });
  await redisReady(redis, 2_000);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => {
    redis.disconnect();
  });
  const asked = vi.spyOn(redis, "exists");
  const owner = inRedis(redis, () => Promise.resolve(true));
  const documentOf = vi.fn(orderDocument);
  const tellUnmarked = () => {
    const orders = [randomUUID(), randomUUID()].map((orderId) => ({
      orderId,
      document: () => documentOf({ orderId }),
    }));
    const none = { partitionCount: 0, noted: nothingNoted, stock: [] };
    return owner.apply([{ partition: primedPartition, epoch: 1, ...none, orders }]);
  };
  await tellMarkedOrder(redis, owner);
  expect(asked).toHaveBeenCalledTimes(1); // Nothing is known yet.
  await tellMarkedOrder(redis, owner);
  await tellUnmarked();
  expect(asked).toHaveBeenCalledTimes(1);
  expect(documentOf).toHaveBeenCalledTimes(2);
  await tellUnmarked();
  expect(documentOf).toHaveBeenCalledTimes(2); // Not even made.
  await tellMarkedOrder(redis, owner);
  expect(asked).toHaveBeenCalledTimes(3);
  await tellMarkedOrder(redis, owner);
  expect(asked).toHaveBeenCalledTimes(3);
});
