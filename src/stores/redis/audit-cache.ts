import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import type { AuditCache, CacheEntry } from "../audit-cache.ts";
import { orderKey, ownersKey, quantityKey, versionKey } from "./keys.ts";
import { cacheUnavailable } from "./script.ts";

const productKeyShape = /^product:([A-Za-z0-9._-]+):(quantity|version)$/;
const orderKeyShape = /^order:(.+)$/;

/** Goes through all keys with SCAN, and reads what belongs together with one MGET. Closing it ends `redis`. */
export function createRedisAuditCache(redis: Redis): AuditCache {
  /** A product is read where its quantity comes; where its version comes, only if that is all there is of it. */
  const read = async (keys: readonly string[]): Promise<CacheEntry[]> => {
    const scanned = new Set(keys);
    const productIds = [...new Set(keys.map((key) => productKeyShape.exec(key)?.[1]).filter((id) => id !== undefined))];
    const orderIds = keys.map((key) => orderKeyShape.exec(key)?.[1]).filter((id) => id !== undefined);
    const wanted = [...productIds.flatMap((id) => [quantityKey(id), versionKey(id)]), ...orderIds.map(orderKey)];
    if (wanted.length === 0) return [];
    const values = await redis.mget(wanted);
    const products = productIds.flatMap((productId, index): CacheEntry[] => {
      const [quantity = null, version = null] = values.slice(2 * index, 2 * index + 2);
      const comesLater = quantity !== null && !scanned.has(quantityKey(productId));
      return comesLater ? [] : [{ kind: "product", productId, quantity, version }];
    });
    const orders = orderIds.map((orderId, index) => ({ orderId, json: values[2 * productIds.length + index] ?? null }));
    const found = orders.flatMap(({ orderId, json }) =>
      json === null ? [] : [{ kind: "order" as const, orderId, json }],
    );
    return [...products, ...found];
  };

  return {
    owners: async () => {
      try {
        const fields = Object.entries(await redis.hgetall(ownersKey));
        const epochs = fields.filter(([field]) => /^\d+$/.test(field));
        return new Map(epochs.map(([partition, epoch]) => [Number(partition), Number(epoch)]));
      } catch (error) {
        throw cacheUnavailable(error);
      }
    },
    async *entries() {
      try {
        let cursor = "0";
        do {
          const [next, keys] = await redis.scan(cursor, "COUNT", limits.cacheScriptEntriesMax);
          cursor = next;
          const entries = await read(keys);
          if (entries.length > 0) yield entries;
        } while (cursor !== "0");
      } catch (error) {
        throw cacheUnavailable(error);
      }
    },
    close: () => redis.disconnect(),
  };
}
