/** What every role does before it starts: all of it may run in many processes at once, and again. */
import type pg from "pg";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import type { KafkaConnection } from "./log/kafka/client.ts";
import type { TopicProblem } from "./log/kafka/topic-settings.ts";
import { ensureTopic, TopicMisconfigured } from "./log/kafka/topic.ts";
import { createCommandCodec } from "./schemas/codec.ts";
import type { CommandCodec } from "./schemas/codec.ts";
import { createKeptSchemas } from "./schemas/kept-schemas.ts";
import { createRegistrySource } from "./schemas/registry.ts";
import { SchemaSourceUnavailable } from "./schemas/schema-source.ts";
import type { SchemaSource } from "./schemas/schema-source.ts";
import { awaitService, withoutPassword } from "./service-away.ts";
import { StoreUnavailable } from "./stores/ledger-store.ts";
import type { PartitionMap } from "./stores/partition-map-store.ts";
import { migrate } from "./stores/postgres/migrate.ts";
import { createPostgresPartitionMapStore } from "./stores/postgres/partition-map-store.ts";
import { createPostgresSchemaKeeper } from "./stores/postgres/schema-keeper.ts";

export type Prepared = {
  readonly codec: CommandCodec;
  /** What the registry has, kept in the database (P14). */
  readonly schemas: SchemaSource;
  readonly connection: KafkaConnection;
  /** As it was when the process started. */
  readonly map: PartitionMap;
};

/**
 * Migrates the database, makes or checks the topic, registers the schemas, and makes the partition map, if there is none, with the topic's own
 * count. `pool` stays the caller's. Rejects with what is wrong and can't heal by itself (`TopicMisconfigured`, `SchemaIncompatible`, `SchemaIdTaken`, a database that does not keep commits), and with `ServiceAway` when a
 * service stays away.
 */
export async function prepare(config: Config, log: Logger, pool: pg.Pool): Promise<Prepared> {
  const connection: KafkaConnection = { brokers: config.kafkaBrokers, clientId: `tallyman-${config.instanceId}` };
  const topic = {
    name: config.ordersTopic,
    partitionCount: config.ordersPartitions,
    replicationFactor: config.replicationFactor,
  };
  const kafka = { name: "Kafka", address: config.kafkaBrokers.join(",") };
  const registry = { name: "the schema registry", address: withoutPassword(config.schemaRegistryUrl) };
  const postgres = { name: "PostgreSQL", address: withoutPassword(config.databaseUrl) };
  const schemas = createKeptSchemas(
    createRegistrySource({ url: config.schemaRegistryUrl }),
    createPostgresSchemaKeeper(pool),
    log,
  );
  const [{ partitionCount }, codec] = await Promise.all([
    awaitService(kafka, ensureTopic(connection, topic, log), (error) => !(error instanceof TopicMisconfigured)),
    prepareDatabase(config, log).then(() =>
      awaitService(registry, createCommandCodec(schemas), (error) => error instanceof SchemaSourceUnavailable),
    ),
  ]);
  const map = await awaitService(postgres, createPostgresPartitionMapStore(pool).create(partitionCount), isAway);
  const problem = mapProblem(topic.name, partitionCount, map);
  if (problem !== undefined) throw new TopicMisconfigured(topic.name, [problem]);
  return { codec, schemas, connection, map };
}

/** Migrates the database alone, for a role that needs nothing else to start. Rejects as `prepare` does. */
export function prepareDatabase(config: Config, log: Logger): Promise<void> {
  const migrated = migrate(config.databaseUrl, (message) => log.info({}, message));
  return awaitService({ name: "PostgreSQL", address: withoutPassword(config.databaseUrl) }, migrated, isAway);
}

const isAway = (error: unknown): boolean => error instanceof StoreUnavailable;

/** The topic has been made anew since, or the database is another one's: commands would go where there is no partition. */
function mapProblem(topic: string, found: number, { partitionCount }: PartitionMap): TopicProblem | undefined {
  if (found >= partitionCount) return undefined;
  return {
    setting: "number of partitions",
    found: String(found),
    wanted: `at least ${partitionCount}, as the table partition_map has it`,
    mend: `kafka-topics.sh --alter --topic ${topic} --partitions ${partitionCount}`,
  };
}
