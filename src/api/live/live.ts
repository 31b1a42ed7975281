/** All that routes need to let somebody follow orders and products. */
import type { FastifyBaseLogger } from "fastify";
import type { Clock } from "../../clock.ts";
import { limits } from "../../limits.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { DriverPositions } from "../../stores/driver-positions.ts";
import { LiveCategories } from "./categories.ts";
import { DriverWatch } from "./driver-watch.ts";
import { createLiveSources } from "./sources.ts";
import type { LiveSourcesOptions } from "./sources.ts";
import { createSubscribers } from "./subscribers.ts";
import type { Subscribers } from "./subscribers.ts";
import { LiveTopics } from "./topics.ts";

export type LiveLimits = Readonly<Record<Extract<keyof typeof limits, `live${string}`>, number>>;

export type Live = {
  readonly topics: LiveTopics;
  readonly categories: LiveCategories;
  readonly subscribers: Subscribers;
  readonly bounds: LiveLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
};

export type LiveOptions = Omit<LiveSourcesOptions, "clock"> & {
  readonly positions: Pick<DriverPositions, "read">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Pick<FastifyBaseLogger, "error">;
  /** For tests: `limits` otherwise. */
  readonly bounds?: Partial<LiveLimits> | undefined;
};

export function createLive({ positions, clock, metrics, logger, ...options }: LiveOptions): Live {
  const bounds = { ...limits, ...options.bounds };
  const sources = createLiveSources({ ...options, clock });
  const onError = (err: unknown) => logger.error({ err }, "what is followed live could not be read");
  const watch = new DriverWatch({ positions, bounds, clock, metrics, onError });
  const topics = new LiveTopics({ sources, watch, bounds, clock, metrics, onError });
  return {
    topics,
    categories: new LiveCategories({ topics, products: options.products, bounds, clock, onError }),
    subscribers: createSubscribers({ bounds, clock, metrics }),
    bounds,
    clock,
    metrics,
  };
}
