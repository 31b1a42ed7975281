// A Tallyman of its own for one measurement: database, topic, consumer group, Redis database, and its processes.
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import type { Addresses } from "../../local/addresses.ts";
import { type App, type AppRole, chooseProcessorPort, startApp } from "../../local/apps.ts";
import { Failure } from "../../local/failure.ts";
import getPort from "get-port";
import { lastLines } from "../../local/files.ts";
import type { Bench } from "./bench.ts";

export type Installation = AsyncDisposable & {
  readonly addresses: Addresses;
  /** Its topic's, and its consumer group's. */
  readonly name: string;
  /** A session in its database. */
  readonly database: pg.Client;
  /** On the port given, and so under the same name, or on a free one. */
  start(role: AppRole, port?: number): Promise<App>;
  /** Ends one before its time, and resolves when it is gone. Throws a Failure when it was asked and does not end with 0. */
  end(app: App, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
};

/**
 * Makes the databases. Tallyman's processes, and whoever reads the configuration in this process, find all of it in the environment: one
 * installation at a time. Disposing stops the processes and drops everything that was made.
 */
export async function createInstallation(bench: Bench): Promise<Installation> {
  const { services, profile, progress, signal } = bench;
  const name = `bench_${process.pid}_${randomBytes(4).toString("hex")}`;
  const stack = new AsyncDisposableStack();
  const cleanUp = (what: string, work: () => Promise<unknown>): void =>
    stack.defer(async () => {
      // One thing that can't be cleaned up must not keep the others from it, nor hide why the benchmark ended.
      await work().catch((error: unknown) => console.error(`  Could not ${what}: ${String(error)}`));
    });
  try {
    await onServer(services.databaseUrl, `create database ${name}`);
    cleanUp(`drop the database ${name}`, () => onServer(services.databaseUrl, `drop database ${name} with (force)`));
    const redisUrl = await takeEmptyRedis(services.redisUrl, (redis) =>
      cleanUp("empty the Redis database", () => redis.flushdb().finally(() => redis.disconnect())),
    );
    cleanUp(`delete the topic and the group ${name}`, () => deleteFromKafka(services.kafkaBrokers, name));

    const addresses = { ...services, databaseUrl: withPath(services.databaseUrl, name), redisUrl };
    Object.assign(process.env, { ORDERS_TOPIC: name, CONSUMER_GROUP: name });
    process.env.LOG_LEVEL ??= "warn";
    const database = new pg.Client({ connectionString: addresses.databaseUrl, application_name: "bench" });
    database.on("error", (error) => bench.giveUp(`The benchmark's database session broke: ${error.message}`));
    await database.connect();
    cleanUp("close the database session", () => database.end());

    const ending = new Set<App>();
    const start: Installation["start"] = async (role, wanted) => {
      const free = () => (role === "api" ? getPort({ host: "127.0.0.1" }) : chooseProcessorPort());
      const port = wanted ?? (await free());
      const app = await startApp(role, port, addresses, { profile, custody: services.custody, signal }, progress);
      void app.exited.then((how) => {
        if (!ending.has(app)) bench.giveUp(`The ${app.name} ended by itself (${how}):\n${lastLines(app.logFile)}`);
      });
      cleanUp(`stop the ${app.name}`, () => {
        ending.add(app);
        return app.stop();
      });
      return app;
    };
    const end: Installation["end"] = async (app, signal) => {
      ending.add(app);
      process.kill(app.pid, signal);
      const how = await app.exited;
      if (signal === "SIGTERM" && how !== "exit code 0") throw new Failure(`The ${app.name} ended badly: ${how}.`);
    };
    return { addresses, name, database, start, end, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** An empty one, so that nothing is lost when the server that was named is in use by others. */
async function takeEmptyRedis(url: string, opened: (redis: Redis) => void): Promise<string> {
  for (let db = 15; db > 0; db -= 1) {
    const redis = new Redis(withPath(url, String(db)), { maxRetriesPerRequest: 2 });
    redis.on("error", () => undefined); // What fails says so by itself.
    try {
      if ((await redis.dbsize()) > 0) {
        redis.disconnect();
        continue;
      }
    } catch (error) {
      redis.disconnect();
      throw error;
    }
    opened(redis);
    return withPath(url, String(db));
  }
  throw new Failure("None of the Redis databases 1 to 15 is empty, and the benchmark needs one for itself.");
}

async function deleteFromKafka(brokers: string, name: string): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING, retry: { retries: 2 } });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const own = (await admin.listTopics()).filter((topic) => [name, `${name}.dead-letter`].includes(topic));
    if (own.length > 0) await admin.deleteTopics({ topics: own });
    const { groups } = await admin.listGroups();
    if (groups.some(({ groupId }) => groupId === name)) await admin.deleteGroups([name]);
  } finally {
    await admin.disconnect();
  }
}

function withPath(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
