import type { Redis } from "ioredis";
import type { DecisionMessage } from "../../schemas/decision-feed.ts";
import type { DecisionFeed, DecisionListener } from "../decision-feed.ts";

export type RedisDecisionFeedOptions = {
  /** A connection of its own: one that has subscribed takes few other commands. Closed with the feed. */
  readonly redis: Redis;
  readonly channel: string;
  readonly listener: DecisionListener;
  /** Told of messages that can't be read and of subscriptions that failed. */
  readonly onError: (error: Error) => void;
};

/** Subscribes, and again after each loss of the connection; what was published meanwhile is lost, by design. */
export function startRedisDecisionFeed({ redis, channel, listener, onError }: RedisDecisionFeedOptions): DecisionFeed {
  const subscribe = () => {
    redis
      .subscribe(channel)
      .catch((error: unknown) => onError(error instanceof Error ? error : new Error(String(error))));
  };
  redis.on("message", (from: string, text: string) => {
    if (from !== channel || !listener.wanted()) return;
    let message: DecisionMessage;
    try {
      // Only processors publish here, with the same types (src/schemas/decision-feed.ts).
      message = JSON.parse(text) as DecisionMessage;
    } catch (error) {
      onError(new Error("a decision message is not JSON", { cause: error }));
      return;
    }
    listener.told(message);
  });
  // The client subscribes again by itself after a loss, but only if the first subscription succeeded.
  redis.on("ready", subscribe);
  if (redis.status === "ready") subscribe();
  return { close: () => redis.disconnect() };
}
