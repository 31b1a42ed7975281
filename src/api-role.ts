/** Wires the ingress: the adapters and the HTTP server in front of them. */
import type { Logger } from "pino";
import { buildServer } from "./api/server.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createGrowthDriver } from "./growth/growth-driver.ts";
import { limits } from "./limits.ts";
import { createKafkaAppender } from "./log/kafka/appender.ts";
import { createKafkaInspector } from "./log/kafka/inspector.ts";
import { createKafkaLogAdmin } from "./log/kafka/log-admin.ts";
import { createHealth, dependencyNames } from "./ops/health.ts";
import { createMetrics } from "./ops/metrics.ts";
import { within } from "./role.ts";
import type { RunningRole } from "./role.ts";
import { createRegistryHttp } from "./schemas/registry-http.ts";
import { prepare } from "./set-up.ts";
import { createPostgresAuditResultStore } from "./stores/postgres/audit-result-store.ts";
import { createPostgresDeadLetterStore } from "./stores/postgres/dead-letter-store.ts";
import { createPostgresDriverStore } from "./stores/postgres/driver-store.ts";
import { createPostgresLowStockStore } from "./stores/postgres/low-stock-store.ts";
import { createPostgresPartitionMapStore } from "./stores/postgres/partition-map-store.ts";
import { createPool } from "./stores/postgres/pool.ts";
import { createPostgresCatalogueStore } from "./stores/postgres/reads/catalogue-store.ts";
import { createPostgresFulfilmentStore } from "./stores/postgres/reads/fulfilment-store.ts";
import { createPostgresOrderReads } from "./stores/postgres/reads/order-reads.ts";
import { createPostgresTrackingStore } from "./stores/postgres/reads/tracking-store.ts";
import { createRedisChangeTeller } from "./stores/redis/change-teller.ts";
import { createPostgresWebhookStore } from "./stores/postgres/webhook-store.ts";
import { connectRedis, redisReady } from "./stores/redis/connection.ts";
import { startRedisDecisionFeed } from "./stores/redis/decision-feed.ts";
import { createRedisDriverPositions } from "./stores/redis/driver-positions.ts";
import { decisionsChannel } from "./stores/redis/keys.ts";
import { createRedisPageCache } from "./stores/redis/page-cache.ts";
import { createRedisReadCache } from "./stores/redis/read-cache.ts";
import { createWebhookAddressCheck } from "./webhooks/webhook-address.ts";

const connectionsMax = 10;

/** Resolves when requests are taken. Rejects as `prepare` does, and when the port is taken. */
export async function startApi(config: Config, log: Logger): Promise<RunningRole> {
  const pool = createPool({
    url: config.databaseUrl,
    name: `tallyman-api ${config.instanceId}`,
    connectionsMax,
    onIdleError: (err) => log.warn({ err }, "a database connection broke"),
  });
  const { codec, connection, map } = await prepare(config, log, pool);
  const topic = config.ordersTopic;
  const appender = createKafkaAppender({ connection, topic, logger: log });
  const inspector = createKafkaInspector({ connection, topic, logger: log });
  const logAdmin = createKafkaLogAdmin({ connection, topic, logger: log });
  // Its own connection: looks at the partition map must not wait behind what requests ask.
  const mapPool = createPool({
    url: config.databaseUrl,
    name: `tallyman-api-map ${config.instanceId}`,
    connectionsMax: 1,
    onIdleError: (err) => log.debug({ err }, "the database connection of the partition map broke"),
  });
  const connectToRedis = (use: string, deadlineMs: number) =>
    connectRedis(config.redisUrl, {
      name: `tallyman-api-${use}-${config.instanceId}`,
      deadlineMs,
      onError: (err) => log.debug({ err, use }, "Redis is away"),
    });
  const redis = connectToRedis("cache", limits.cacheDeadlineMs);
  const subscriber = connectToRedis("feed", limits.effectsDeadlineMs);
  await redisReady(redis, limits.effectsDeadlineMs);

  const registry = createRegistryHttp(config.schemaRegistryUrl, limits.healthProbeDeadlineMs);
  const health = createHealth();
  let topicPartitions: number | undefined;
  health.watch(dependencyNames.log, true, async () => {
    topicPartitions = (await inspector.ends()).size;
  });
  health.watch(dependencyNames.store, false, () => pool.query("select 1"));
  health.watch(dependencyNames.cache, false, () => redis.ping());
  health.watch(dependencyNames.schemas, false, () => registry.probe());
  await health.start();

  const orders = createPostgresOrderReads(pool);
  const maps = createPostgresPartitionMapStore(mapPool);
  const progress = () => orders.progress();
  const driver = createGrowthDriver({ maps, log: logAdmin, inspector, progress, clock: systemClock, limits });
  const server = await buildServer({
    topics: { orders: topic, deadLetters: config.deadLetterTopic, decisions: config.decisionsTopic },
    codec,
    appender,
    inspector,
    map,
    maps,
    logAdmin,
    growth: { look: () => driver.look(), topicPartitions: () => topicPartitions },
    catalogue: createPostgresCatalogueStore(pool),
    orders,
    fulfilments: createPostgresFulfilmentStore(pool),
    tracking: createPostgresTrackingStore(pool),
    letters: createPostgresDeadLetterStore(pool),
    cache: createRedisReadCache({ redis }),
    pages: {
      cache: createRedisPageCache({ redis, bytesMax: config.pageCacheBytes }),
      isRead: config.pageCacheBytes > 0,
    },
    drivers: createPostgresDriverStore(pool),
    positions: createRedisDriverPositions({ redis }),
    teller: createRedisChangeTeller({ redis, channel: decisionsChannel(topic) }),
    lowStock: createPostgresLowStockStore(pool),
    webhooks: createPostgresWebhookStore(pool),
    audits: createPostgresAuditResultStore(pool),
    checkWebhookAddress: createWebhookAddressCheck(config.webhooksAllowPrivate),
    startFeed: (listener) =>
      startRedisDecisionFeed({
        redis: subscriber,
        channel: decisionsChannel(topic),
        listener,
        onError: (err) => log.warn({ err }, "the decision feed"),
      }),
    health,
    metrics: createMetrics(),
    logger: log,
    productQuotas: config.productQuotas,
  });
  await server.listen({ host: config.host, port: config.port });
  log.info({ instanceId: config.instanceId, topic }, "the api is running");

  return {
    stop: async () => {
      health.leave();
      // A log or a database that hangs would hold this up for longer than whoever asked waits before it kills.
      if (!(await within(limits.drainMs, server.close()))) {
        log.warn({}, "requests are still under way, and are left without an answer");
      }
      health.stop();
      await within(
        limits.closeMs,
        Promise.allSettled([appender.close(), inspector.close(), logAdmin.close(), pool.end(), mapPool.end()]),
      );
      redis.disconnect();
    },
  };
}
