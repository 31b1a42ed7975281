import type { Redis } from "ioredis";
import type { Changes, DecidedUpTo, DecisionMessage } from "../../schemas/decision-feed.ts";
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
 * A message as it is published: a line that says how far what is decided, for everybody, a line with the decisions, for those who wait,
 * and a line with what is different now, for those who follow it: nobody else need read it.
 */
export const decisionText = ({ decidedUpTo, changes, ...decisions }: DecisionMessage): string =>
  `${JSON.stringify(decidedUpTo)}\n${JSON.stringify(decisions)}\n${JSON.stringify(changes)}`;

/**
 * Subscribes, and again after each loss of the connection; what was published meanwhile is lost, by design, and the listener is told
 * that it may be.
 */
export function startRedisDecisionFeed({ redis, channel, listener, onError }: RedisDecisionFeedOptions): DecisionFeed {
  const subscribe = () => {
    redis
      .subscribe(channel)
      .then(() => listener.heard())
      .catch((error: unknown) => onError(error instanceof Error ? error : new Error(String(error))));
  };
  /** Only processors and apis publish here, with the same types (src/schemas/decision-feed.ts). */
  const read = (text: string): void => {
    const [first, second] = [text.indexOf("\n"), text.lastIndexOf("\n")];
    listener.decidedUpTo(JSON.parse(text.slice(0, Math.max(0, first))) as DecidedUpTo);
    if (listener.follows()) {
      // A processor of the version before does not tell it: it is missed.
      if (second === first) listener.heard();
      else listener.changed(JSON.parse(text.slice(second + 1)) as Changes);
    }
    if (!listener.wanted()) return;
    const decisions = text.slice(first + 1, second === first ? undefined : second);
    listener.told(JSON.parse(decisions) as Omit<DecisionMessage, "decidedUpTo" | "changes">);
  };
  redis.on("message", (from: string, text: string) => {
    if (from !== channel) return;
    try {
      read(text);
    } catch (error) {
      onError(new Error("a decision message can't be read", { cause: error }));
      listener.heard(); // What it said is missed.
    }
  });
  // The client subscribes again by itself after a loss, but only if the first subscription succeeded.
  redis.on("ready", subscribe);
  redis.on("close", () => listener.lost());
  if (redis.status === "ready") subscribe();
  return { close: () => redis.disconnect() };
}
