/** What the commands about dead letters and parked products are wired to. */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { RedriveDeps } from "../dead-letters/redrive.ts";
import { limits } from "../limits.ts";
import { createKafkaAppender } from "../log/kafka/appender.ts";
import { createCommandCodec } from "../schemas/codec.ts";
import { createKeptSchemas } from "../schemas/kept-schemas.ts";
import { createRegistrySource } from "../schemas/registry.ts";
import type { SchemaSource } from "../schemas/schema-source.ts";
import type { DeadLetterStore } from "../stores/dead-letter-store.ts";
import type { LedgerStore } from "../stores/ledger-store.ts";
import { createPostgresDeadLetterStore } from "../stores/postgres/dead-letter-store.ts";
import { createPostgresLedgerStore } from "../stores/postgres/ledger-store.ts";
import { createPostgresPartitionMapStore } from "../stores/postgres/partition-map-store.ts";
import { createPostgresSchemaKeeper } from "../stores/postgres/schema-keeper.ts";
import type { Invocation } from "./command-line.ts";
import { databasePool, kafkaConnection, topicEnds } from "./connections.ts";
import { partitionWhenFree } from "./partition-when-free.ts";

export type LetterDesk = {
  readonly letters: DeadLetterStore;
  readonly ledger: LedgerStore;
  /** Reads and registers nothing. */
  readonly schemas: Pick<SchemaSource, "schemaById">;
  readonly pool: pg.Pool;
};

type LogDesk = Pick<RedriveDeps, "codec" | "appender" | "topic" | "partitionOf">;

/** Closes what it opened, whatever becomes of `work`. */
export async function withDesk<Result>(
  { config, log }: Invocation,
  work: (desk: LetterDesk) => Promise<Result>,
): Promise<Result> {
  const pool = databasePool({ config, log }, "letters");
  const [registry, keeper] = [
    createRegistrySource({ url: config.schemaRegistryUrl }),
    createPostgresSchemaKeeper(pool),
  ];
  const schemas = { schemaById: async (id: number) => (await keeper.schemaOf(id)) ?? registry.schemaById(id) };
  const ledger = createPostgresLedgerStore(pool);
  try {
    return await work({ letters: createPostgresDeadLetterStore(pool), ledger, schemas, pool });
  } finally {
    await ledger.close(); // And with it the pool.
  }
}

/** The same for what appends to the log. Rejects when the log is away or has no such topic. */
export async function withLog<Result>(
  { config, log, signal }: Invocation,
  { pool }: LetterDesk,
  work: (desk: LogDesk) => Promise<Result>,
): Promise<Result> {
  const topic = config.ordersTopic;
  await topicEnds({ config, log }, "letters");
  const registry = createRegistrySource({ url: config.schemaRegistryUrl });
  const codec = await createCommandCodec(createKeptSchemas(registry, createPostgresSchemaKeeper(pool), log));
  const appender = createKafkaAppender({ connection: kafkaConnection({ config }, "letters"), topic, logger: log });
  const moving = { maps: createPostgresPartitionMapStore(pool), now: Date.now, sleep, signal, limits };
  const partitionOf = (productId: string) => partitionWhenFree(moving, productId);
  try {
    return await work({ codec, appender, topic, partitionOf });
  } finally {
    await appender.close();
  }
}
