import type { Redis } from "ioredis";
import type { DecidedUpTo, DecisionMessage } from "../../schemas/decision-feed.ts";
import type { DecisionFeed, DecisionListener } from "../decision-feed.ts";

export type RedisDecisionFeedOptions = {
  /** A connection of its own: one that has subscribed takes few other commands. Closed with the feed. */
  readonly redis: Redis;
  readonly channel: string;
  readonly listener: DecisionListener;
  /** Told of messages that can't be read and of subscriptions that failed. */
  readonly onError: (error: Error) => void;
};

/**
 * A message as it is published: a line that says how far what is decided, for everybody, and a line with the decisions, for those who wait:
 * nobody else need read it.
 */
export const decisionText = ({ decidedUpTo, ...decisions }: DecisionMessage): string =>
  `${JSON.stringify(decidedUpTo)}\n${JSON.stringify(decisions)}`;

/** Subscribes, and again after each loss of the connection; what was published meanwhile is lost, by design. */
export function startRedisDecisionFeed({ redis, channel, listener, onError }: RedisDecisionFeedOptions): DecisionFeed {
  const subscribe = () => {
    redis
      .subscribe(channel)
      .catch((error: unknown) => onError(error instanceof Error ? error : new Error(String(error))));
  };
  redis.on("message", (from: string, text: string) => {
    if (from !== channel) return;
    const end = text.indexOf("\n");
    try {
      // Only processors publish here, with the same types (src/schemas/decision-feed.ts).
      const decidedUpTo = JSON.parse(text.slice(0, Math.max(0, end))) as DecidedUpTo;
      listener.decidedUpTo(decidedUpTo);
      if (!listener.wanted()) return;
      const decisions = JSON.parse(text.slice(end + 1)) as Omit<DecisionMessage, "decidedUpTo">;
      listener.told({ decidedUpTo, ...decisions });
    } catch (error) {
      onError(new Error("a decision message can't be read", { cause: error }));
    }
  });
  // The client subscribes again by itself after a loss, but only if the first subscription succeeded.
  redis.on("ready", subscribe);
  if (redis.status === "ready") subscribe();
  return { close: () => redis.disconnect() };
}
