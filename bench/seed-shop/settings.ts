/** What the processes of the shop share, and what they are told by their environment. */
import pg from "pg";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";

export type Settings = {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly group: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly port: number;
  readonly workers: number;
};

const names = {
  brokers: "KAFKA_BROKERS",
  databaseUrl: "DATABASE_URL",
  redisUrl: "REDIS_URL",
  topic: "SEED_SHOP_TOPIC",
  group: "SEED_SHOP_GROUP",
  port: "SEED_SHOP_PORT",
  workers: "SEED_SHOP_WORKERS",
} as const satisfies Record<keyof Settings, string>;

/** The same settings as variables; the addresses of the services are told by whoever starts the process. */
export function toVariables(own: Pick<Settings, "topic" | "group" | "port" | "workers">): Record<string, string> {
  return {
    [names.topic]: own.topic,
    [names.group]: own.group,
    [names.port]: String(own.port),
    [names.workers]: String(own.workers),
  };
}

export function readSettings(): Settings {
  const read = (name: string): string => {
    const value = process.env[name];
    if (value === undefined) throw new Error(`${name} is not set.`);
    return value;
  };
  return {
    brokers: read(names.brokers).split(","),
    topic: read(names.topic),
    group: read(names.group),
    databaseUrl: read(names.databaseUrl),
    redisUrl: read(names.redisUrl),
    port: Number(read(names.port)),
    workers: Number(read(names.workers)),
  };
}

/** The message, as the author has it: which product, and how many there are now. */
export type QuantityMessage = { readonly product_id: string; readonly new_quantity: number };

export const quantityKey = (productId: string): string => `product:${productId}:quantity`;
/** The author's timeout of the cached quantity. */
export const quantitySeconds = 300;

export const createKafka = ({ brokers }: Pick<Settings, "brokers">): Kafka =>
  new Kafka({ brokers: [...brokers], clientId: "seed-shop", logLevel: logLevel.ERROR });

export const createRedis = ({ redisUrl }: Settings): Redis => new Redis(redisUrl);

export const createPool = ({ databaseUrl }: Settings, connections: number): pg.Pool =>
  new pg.Pool({ connectionString: databaseUrl, max: connections, application_name: "seed-shop" });
