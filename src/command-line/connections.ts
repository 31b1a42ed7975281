/** How commands reach the services: under a name of their own, which the services show. */
import type pg from "pg";
import type { KafkaConnection } from "../log/kafka/client.ts";
import { createKafkaInspector } from "../log/kafka/inspector.ts";
import { LogUnavailable } from "../log/log.ts";
import type { LogEnds } from "../log/log.ts";
import { createPool } from "../stores/postgres/pool.ts";
import type { Invocation } from "./command-line.ts";

/** `name` is the command's. */
export function kafkaConnection({ config }: Pick<Invocation, "config">, name: string): KafkaConnection {
  return { brokers: config.kafkaBrokers, clientId: `tallyman-${name}-${config.instanceId}` };
}

/** Where the topic ends. Rejects with `LogUnavailable` also when there is no such topic. */
export async function topicEnds(
  { config, log }: Pick<Invocation, "config" | "log">,
  name: string,
): Promise<ReadonlyMap<number, LogEnds>> {
  const topic = config.ordersTopic;
  const inspector = createKafkaInspector({ connection: kafkaConnection({ config }, name), topic, logger: log });
  const ends = await inspector.ends().finally(() => inspector.close());
  if (ends.size === 0) throw new LogUnavailable(`there is no topic ${topic}`);
  return ends;
}

/** The caller ends it. */
export function databasePool(
  { config, log }: Pick<Invocation, "config" | "log">,
  name: string,
  connectionsMax = 2,
): pg.Pool {
  return createPool({
    url: config.databaseUrl,
    name: `tallyman-${name} ${config.instanceId}`,
    connectionsMax,
    onIdleError: (err) => log.warn({ err }, "a database connection broke"),
  });
}
