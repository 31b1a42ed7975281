/** Wires the decisions topic: makes or checks it, registers its schema, and gives processors their way to it. */
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { createKafkaAppender } from "./log/kafka/appender.ts";
import { ensureDecisionsTopic, TopicMisconfigured } from "./log/kafka/topic.ts";
import type { DecisionsTopic } from "./processors/decisions-outlet.ts";
import { createDecisionsEncoder } from "./schemas/decisions-codec.ts";
import { SchemaSourceUnavailable } from "./schemas/schema-source.ts";
import { awaitService, withoutPassword } from "./service-away.ts";
import type { Prepared } from "./set-up.ts";

export type OpenDecisionsTopic = Omit<DecisionsTopic, "ledger"> & { close(): Promise<void> };

/** Null: it is switched off. Rejects as `prepare` does. */
export async function openDecisionsTopic(
  config: Config,
  log: Logger,
  { connection, schemas, map }: Pick<Prepared, "connection" | "schemas" | "map">,
): Promise<OpenDecisionsTopic | null> {
  const { decisionsTopic: name, replicationFactor } = config;
  if (name === null) return null;
  const settings = { name, partitionCount: map.partitionCount, replicationFactor };
  const [{ partitionCount }, encode] = await Promise.all([
    awaitService(
      { name: "Kafka", address: config.kafkaBrokers.join(",") },
      ensureDecisionsTopic(connection, settings, log),
      (error) => !(error instanceof TopicMisconfigured),
    ),
    awaitService(
      { name: "the schema registry", address: withoutPassword(config.schemaRegistryUrl) },
      createDecisionsEncoder(schemas),
      (error) => error instanceof SchemaSourceUnavailable,
    ),
  ]);
  const appender = createKafkaAppender({ connection, topic: name, logger: log });
  return {
    partitionCount,
    encode,
    append: (records) => appender.append(records),
    close: () => appender.close(),
  };
}
