import type { Redis } from "ioredis";
import { limits } from "../../limits.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import { cacheUnavailable } from "./script.ts";

/**
 * Runs `work`, unless Redis is known to be away: a Redis that hangs costs the first requests their deadline, and nobody
 * else for `limits.cachePauseMs`. Rejects with `CacheUnavailable`.
 */
export function createBreaker(redis: Redis, now: () => number = Date.now) {
  let pausedUntil = 0;
  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (redis.status !== "ready") throw new CacheUnavailable(`not connected: ${redis.status}`);
    if (now() < pausedUntil) throw new CacheUnavailable("left alone after a failure");
    try {
      return await work();
    } catch (error) {
      pausedUntil = now() + limits.cachePauseMs;
      throw cacheUnavailable(error);
    }
  };
}
