/**
 * The only reader of the environment. Every variable, its default and its bounds are here; docs/operations.md lists them.
 * Service addresses have no defaults: `npm start` sets them, and a process started by hand must be told.
 */
import os from "node:os";

export type Config = {
  readonly kafkaBrokers: readonly string[];
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly host: string;
  /** Of the api. */
  readonly port: number;
  /** Of the processor's health and metrics. */
  readonly processorPort: number;
  /** Of the worker's health and metrics. */
  readonly workerPort: number;
  /** Who this is, the same after a restart: partitions are pinned to it. Also for people, beside an epoch and in logs. */
  readonly instanceId: string;
  /** After this the partitions of a processor that died go to others. */
  readonly sessionTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly ordersTopic: string;
  /** Told what partitions passed without deciding it. */
  readonly deadLetterTopic: string;
  /** For a topic that is made now; later the topic tells. */
  readonly ordersPartitions: number;
  readonly replicationFactor: number;
  readonly consumerGroup: string;
  /** Null: nobody is told. */
  readonly decisionsTopic: string | null;
  /** Whether a product that holds up others gets a quota. */
  readonly productQuotas: boolean;
  /** What pages may take in Redis; 0: PostgreSQL is read for each. */
  readonly pageCacheBytes: number;
  /** Whether webhooks may lead anywhere, also over http: for development and tests. */
  readonly webhooksAllowPrivate: boolean;
  /** Before a delivery that failed is tried again: the first time about so long, then twice as long each time. */
  readonly webhookRetrySeconds: number;
  /** For how long what is tracked is kept. */
  readonly trackingDays: number;
  /** When each night's audit is, as a cron expression in UTC; null: there is none. */
  readonly auditCron: string | null;
};

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Something in the environment is missing or wrong. The message names the variable and what it may be. */
export class ConfigInvalid extends Error {
  override readonly name = "ConfigInvalid";
}

/** It goes into every join of the group, and into names of connections. */
const instanceIdCharsMax = 200;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `ConfigInvalid` with every problem found, a line each. */
export function readConfig(environment: Environment = process.env): Config {
  const problems: string[] = [];
  const text = (name: string, fallback?: string): string => {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== "") return value;
    if (fallback === undefined)
      problems.push(`${name} is not set; npm start sets it, or point it at a running service`);
    return fallback ?? "";
  };
  const url = (name: string, protocols: readonly string[]): string => {
    const value = text(name);
    const protocol = URL.parse(value)?.protocol;
    if (value !== "" && (protocol === undefined || !protocols.includes(protocol))) {
      problems.push(`${name} must be a URL that begins with ${protocols.map((each) => `${each}//`).join(" or ")}`);
    }
    return value;
  };
  const whole = (name: string, fallback: number, min: number, max: number): number => {
    const value = Number(text(name, String(fallback)));
    if (!Number.isInteger(value) || value < min || value > max) {
      problems.push(`${name} must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
  const name = (variable: string, fallback: string): string => {
    const value = text(variable, fallback);
    if (!/^[A-Za-z0-9._-]{1,200}$/.test(value)) problems.push(`${variable} may have letters, digits, ".", "_" and "-"`);
    return value;
  };
  const instanceId = (): string => {
    const value = text("INSTANCE_ID", `${os.hostname()}-${process.pid}`);
    if (value.length > instanceIdCharsMax) problems.push(`INSTANCE_ID may have ${instanceIdCharsMax} characters`);
    return value;
  };
  const level = (): LogLevel => {
    const value = text("LOG_LEVEL", "info");
    const found = logLevels.find((each) => each === value);
    if (found === undefined) problems.push(`LOG_LEVEL must be one of ${logLevels.join(", ")}`);
    return found ?? "info";
  };
  const onOrOff = (variable: string, fallback: "on" | "off" = "on"): boolean => {
    const value = text(variable, fallback);
    if (!["on", "off"].includes(value)) problems.push(`${variable} must be on or off`);
    return value === "on";
  };
  const dailyAt = (variable: string, fallback: string): string | null => {
    const value = text(variable, fallback);
    if (value === "off") return null;
    const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(value) ?? [];
    if (hour === undefined) problems.push(`${variable} must be a time of the day such as 03:00, or off`);
    return `${Number(minute)} ${Number(hour)} * * *`;
  };
  const brokers = (): string[] => {
    const list = text("KAFKA_BROKERS")
      .split(",")
      .map((each) => each.trim());
    const isAddress = (each: string): boolean => /^.+:\d{1,5}$/.test(each);
    if (list.join("") !== "" && !list.every(isAddress))
      problems.push("KAFKA_BROKERS must be host:port, or several with commas");
    return list;
  };
  const ordersTopic = name("ORDERS_TOPIC", "orders");
  const deadLetterTopic = `${ordersTopic}.dead-letter`;
  const decisionsTopic = name("DECISIONS_TOPIC", ordersTopic === "orders" ? "decisions" : `${ordersTopic}.decisions`);
  if ([ordersTopic, deadLetterTopic].includes(decisionsTopic)) {
    problems.push("DECISIONS_TOPIC must be a topic of its own");
  }
  const config: Config = {
    kafkaBrokers: brokers(),
    schemaRegistryUrl: url("SCHEMA_REGISTRY_URL", ["http:", "https:"]),
    databaseUrl: url("DATABASE_URL", ["postgres:", "postgresql:"]),
    redisUrl: url("REDIS_URL", ["redis:", "rediss:"]),
    host: text("HOST", "127.0.0.1"),
    port: whole("PORT", 8080, 0, 65_535),
    processorPort: whole("PROCESSOR_PORT", 9091, 0, 65_535),
    workerPort: whole("WORKER_PORT", 9191, 0, 65_535),
    instanceId: instanceId(),
    sessionTimeoutMs: whole("SESSION_TIMEOUT_MS", 3_000, 1_000, 300_000),
    logLevel: level(),
    ordersTopic,
    deadLetterTopic,
    ordersPartitions: whole("ORDERS_PARTITIONS", 12, 1, 1_000),
    replicationFactor: whole("REPLICATION_FACTOR", 1, 1, 9),
    consumerGroup: name("CONSUMER_GROUP", "tallyman-processors"),
    decisionsTopic: decisionsTopic === "off" ? null : decisionsTopic,
    productQuotas: onOrOff("PRODUCT_QUOTAS"),
    pageCacheBytes: whole("PAGE_CACHE_BYTES", 67_108_864, 0, 1_000_000_000_000),
    webhooksAllowPrivate: onOrOff("WEBHOOKS_ALLOW_PRIVATE", "off"),
    webhookRetrySeconds: whole("WEBHOOK_RETRY_SECONDS", 20, 1, 3_600),
    trackingDays: whole("TRACKING_DAYS", 30, 1, 3_650),
    auditCron: dailyAt("AUDIT_AT", "03:00"),
  };
  if (problems.length > 0) throw new ConfigInvalid(problems.join("\n"));
  return config;
}
