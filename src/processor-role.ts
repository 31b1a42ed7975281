/** Wires a processor: the adapters, the partition processor between them, and a small server for health and metrics. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { buildOpsServer } from "./api/ops-server.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { openDecisionsTopic } from "./decisions-set-up.ts";
import { createGrowthDriver } from "./growth/growth-driver.ts";
import { growthPhaseNumber, growthText } from "./growth/growth-text.ts";
import { watchGrowth } from "./growth/growth-watch.ts";
import { limits } from "./limits.ts";
import { createKafkaAppender } from "./log/kafka/appender.ts";
import type { KafkaConnection } from "./log/kafka/client.ts";
import { createKafkaInspector } from "./log/kafka/inspector.ts";
import { createKafkaLogAdmin } from "./log/kafka/log-admin.ts";
import { createKafkaSource } from "./log/kafka/source.ts";
import { ensureDeadLetterTopic } from "./log/kafka/topic.ts";
import { createHealth, dependencyNames, HealthNote } from "./ops/health.ts";
import { createMetrics } from "./ops/metrics.ts";
import { DeadLetterPublisher } from "./processors/dead-letter-publisher.ts";
import { PartitionProcessor } from "./processors/partition-processor.ts";
import { within } from "./role.ts";
import type { RunningRole } from "./role.ts";
import { createRegistryHttp } from "./schemas/registry-http.ts";
import { prepare } from "./set-up.ts";
import { createPostgresDeadLetterStore } from "./stores/postgres/dead-letter-store.ts";
import { createPostgresLedgerStore } from "./stores/postgres/ledger-store.ts";
import { createPostgresPartitionMapStore } from "./stores/postgres/partition-map-store.ts";
import { createPostgresOrderReads } from "./stores/postgres/reads/order-reads.ts";
import { createPool } from "./stores/postgres/pool.ts";
import { connectRedis, redisReady } from "./stores/redis/connection.ts";
import { createRedisEffectsCache } from "./stores/redis/effects-cache.ts";
import { createRedisPageCache } from "./stores/redis/page-cache.ts";
import { decisionsChannel } from "./stores/redis/keys.ts";
import type { LedgerStore } from "./stores/ledger-store.ts";

/** Groups in flight, a claim, an effects replay, the dead letters, the partition map and a probe at once. */
const connectionsMax = limits.groupsInFlightMax + 5;

export async function startProcessor(config: Config, log: Logger): Promise<RunningRole> {
  const topic = config.ordersTopic;
  const pool = createPool({
    url: config.databaseUrl,
    name: `tallyman-processor ${config.instanceId}`,
    connectionsMax,
    onIdleError: (err) => log.warn({ err }, "a database connection broke"),
  });
  const prepared = await prepare(config, log, pool);
  const { codec, connection, map } = prepared;
  const decisions = await openDecisionsTopic(config, log, prepared);
  const maps = createPostgresPartitionMapStore(pool);
  let { partitionCount } = map;
  const store = createPostgresLedgerStore(pool);
  const letters = createPostgresDeadLetterStore(pool);
  const redis = connectRedis(config.redisUrl, {
    name: `tallyman-processor-${config.instanceId}`,
    deadlineMs: limits.effectsDeadlineMs,
    onError: (err) => log.debug({ err }, "Redis is away"),
  });
  await redisReady(redis, limits.effectsDeadlineMs);
  const source = createKafkaSource({
    connection,
    topic,
    groupId: config.consumerGroup,
    logger: log,
    instanceId: config.instanceId,
    sessionTimeoutMs: config.sessionTimeoutMs,
  });
  const inspector = createKafkaInspector({ connection, topic, logger: log });
  const logAdmin = createKafkaLogAdmin({ connection, topic, logger: log });
  const orders = createPostgresOrderReads(pool);
  const metrics = createMetrics();
  const processor = new PartitionProcessor({
    store,
    source,
    inspector,
    codec,
    cache: createRedisEffectsCache({ redis, proof: ownershipProof(store), channel: decisionsChannel(topic) }),
    pages: createRedisPageCache({ redis, bytesMax: 0 }),
    ...(decisions !== null && { decisions: { ...decisions, ledger: store } }),
    partitionCount: () => partitionCount,
    owner: config.instanceId,
    sleep,
    log,
    metrics,
    limits,
  });

  const deadLetterAppender = createKafkaAppender({ connection, topic: config.deadLetterTopic, logger: log });
  const publisher = new DeadLetterPublisher({
    letters,
    appender: deadLetterAppender,
    partitionCount: await deadLetterPartitions(config, connection, log),
    owned: () => processor.leases().map(({ partition }) => partition),
    log,
    limits,
  });

  let topicPartitions: number | undefined;
  const registry = createRegistryHttp(config.schemaRegistryUrl, limits.healthProbeDeadlineMs);
  const health = createHealth();
  health.watch(dependencyNames.store, true, () => pool.query("select 1"));
  health.watch(dependencyNames.cache, false, () => redis.ping());
  health.watch(dependencyNames.schemas, false, () => registry.probe());
  health.watch(dependencyNames.log, true, async () => {
    const ends = await inspector.ends();
    topicPartitions = ends.size;
    metrics.lagRecords.reset(); // A partition that another instance has by now is its to tell of.
    for (const { partition, committed } of processor.leases()) {
      const { high } = ends.get(partition) ?? { high: committed };
      metrics.lagRecords.set({ partition }, Math.max(0, high - committed));
    }
  });
  const growth = watchGrowth({
    driver: createGrowthDriver({
      maps,
      log: logAdmin,
      inspector,
      progress: () => orders.progress(),
      clock: systemClock,
      limits,
    }),
    clock: systemClock,
    limits,
    changed: (map) => {
      partitionCount = Math.max(partitionCount, map.partitionCount);
      metrics.mapVersion.set(map.version);
      metrics.growthPhase.set(growthPhaseNumber(map));
      log.info({ map }, `the partition map: ${growthText(map)}`);
    },
  });
  health.watch("partitions", false, () => {
    const grows = growth.state();
    const troubles = [...processor.troubles(), ...(grows?.isStuck === true ? [grows.text] : [])];
    if (troubles.length > 0) return Promise.reject(new Error(troubles.join("; ")));
    const note = grows?.text ?? growth.surplus(topicPartitions);
    return Promise.resolve(note === null ? undefined : new HealthNote(note));
  });
  health.watch("decisions", false, () => {
    const behind = processor.decisionsBehind();
    if (behind === undefined) return Promise.resolve(new HealthNote("switched off"));
    const text = `the decisions of ${behind.records} records are still to be told`;
    if (behind.isFailing) return Promise.reject(new Error(text));
    return Promise.resolve(behind.records === 0 ? undefined : new HealthNote(text));
  });
  health.watch("parked products", false, async () => {
    const parked = await letters.parked(limits.parkedToldMax);
    if (parked.length === 0) return;
    throw new Error(parked.map(({ productId, because }) => `${productId}: ${because}`).join("; "));
  });
  await health.start();

  const server = await buildOpsServer({ health, metrics, logger: log });
  await server.listen({ host: config.host, port: config.processorPort });
  await source.start(processor);
  const saving = setInterval(() => void processor.saveProgress(), limits.effectsSaveIntervalMs);
  const publishing = setInterval(() => void publisher.round(), limits.deadLetterPublishIntervalMs);
  log.info({ instanceId: config.instanceId, topic }, "the processor is running");

  return {
    stop: async () => {
      health.leave();
      growth.stop();
      await within(limits.drainMs, processor.drain());
      clearInterval(saving);
      clearInterval(publishing);
      // The group is left whatever else hangs: whoever takes the partitions over must not wait for the rest. What hangs is cut by
      // the process's end.
      const leaving = within(limits.handOverWaitMs, processor.release()).then(() =>
        within(limits.closeMs, source.stop()),
      );
      await Promise.all([leaving, within(limits.closeMs, publisher.round())]);
      health.stop();
      await within(
        limits.closeMs,
        Promise.allSettled([
          server.close(),
          ...[inspector, logAdmin, deadLetterAppender, decisions, store].map((each) => each?.close()),
        ]),
      );
      redis.disconnect();
    },
  };
}

async function deadLetterPartitions(config: Config, connection: KafkaConnection, log: Logger): Promise<number> {
  const { deadLetterTopic: name, ordersPartitions: partitionCount, replicationFactor } = config;
  const settings = { name, partitionCount, replicationFactor };
  return (await ensureDeadLetterTopic(connection, settings, log)).partitionCount;
}

function ownershipProof(store: LedgerStore): (partition: number, epoch: number) => Promise<boolean> {
  return async (partition, epoch) => {
    const [progress] = await store.readProgress([partition]);
    return progress?.epoch === epoch;
  };
}
