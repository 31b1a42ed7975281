/** What every role does before it starts: all of it may run in many processes at once, and again. */
import type pg from "pg";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import type { KafkaConnection } from "./log/kafka/client.ts";
import { ensureTopic, TopicMisconfigured } from "./log/kafka/topic.ts";
import { createCommandCodec } from "./schemas/codec.ts";
import type { CommandCodec } from "./schemas/codec.ts";
import { createKeptSchemas } from "./schemas/kept-schemas.ts";
import { createRegistrySource } from "./schemas/registry.ts";
import { SchemaSourceUnavailable } from "./schemas/schema-source.ts";
import { awaitService, withoutPassword } from "./service-away.ts";
import { StoreUnavailable } from "./stores/ledger-store.ts";
import { migrate } from "./stores/postgres/migrate.ts";
import { createPostgresSchemaKeeper } from "./stores/postgres/schema-keeper.ts";

export type Prepared = {
  readonly codec: CommandCodec;
  readonly connection: KafkaConnection;
  readonly partitionCount: number;
};

/**
 * Migrates the database, makes or checks the topic, registers the schemas. `pool` stays the caller's. Rejects with what is wrong and can't heal by
 * itself (`TopicMisconfigured`, `SchemaIncompatible`, `SchemaIdTaken`, a database that does not keep commits), and with `ServiceAway` when a
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
  const source = createRegistrySource({ url: config.schemaRegistryUrl });
  const migrated = () =>
    awaitService(
      postgres,
      migrate(config.databaseUrl, (message) => log.info({}, message)),
      (error) => error instanceof StoreUnavailable,
    );
  const [{ partitionCount }, codec] = await Promise.all([
    awaitService(kafka, ensureTopic(connection, topic, log), (error) => !(error instanceof TopicMisconfigured)),
    migrated().then(() =>
      awaitService(
        registry,
        createCommandCodec(createKeptSchemas(source, createPostgresSchemaKeeper(pool), log)),
        (error) => error instanceof SchemaSourceUnavailable,
      ),
    ),
  ]);
  return { codec, connection, partitionCount };
}
