import { Redis } from "ioredis";
import { limits } from "../../limits.ts";

export type RedisConnectionOptions = {
  /** Told to Redis, for `CLIENT LIST`. */
  readonly name: string;
  /** A command without an answer after this time fails; Redis may still run it later. */
  readonly deadlineMs: number;
  /** Told of each loss of the connection; the client goes on trying by itself. */
  readonly onError: (error: Error) => void;
};

/**
 * A connection that mends itself. While it is down, commands fail at once instead of queueing, and none is sent a second
 * time behind the caller's back: every caller has another way to go on, and knows best whether to ask again.
 */
export function connectRedis(url: string, options: RedisConnectionOptions): Redis {
  const redis = new Redis(url, {
    connectionName: options.name,
    commandTimeout: options.deadlineMs,
    connectTimeout: 2_000,
    // A connection whose other end is gone without a word: commands run out of time, then it is made anew.
    socketTimeout: options.deadlineMs * 4,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) =>
      Math.min(limits.retryDelayMsMin * 2 ** Math.min(attempt, 10), limits.retryDelayMsMax) * (0.5 + Math.random() / 2),
  });
  // An EventEmitter without this listener would end the process.
  redis.on("error", options.onError);
  return redis;
}

/** Resolves when the connection is ready to take commands, or after `timeoutMs` anyway: Redis is not needed to start. */
export function redisReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      redis.off("ready", done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    redis.on("ready", done);
  });
}
