import type { Redis } from "ioredis";
import type { ChangeTeller } from "../change-teller.ts";
import { createBreaker } from "./breaker.ts";
import { decisionText } from "./decision-feed.ts";

export function createRedisChangeTeller({
  redis,
  channel,
}: {
  readonly redis: Redis;
  readonly channel: string;
}): ChangeTeller {
  const guarded = createBreaker(redis);
  return {
    tell: (changes) =>
      guarded(async () => {
        const nothing = { decidedUpTo: [], decidedAt: 0, decisions: [] };
        await redis.publish(channel, decisionText({ ...nothing, changes: { stock: [], orders: [], ...changes } }));
      }),
  };
}
