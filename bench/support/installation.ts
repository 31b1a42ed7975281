// A Tallyman of its own for one measurement: database, topic, consumer group, Redis database, and its processes.
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import type pg from "pg";
import { type Addresses, toEnvironment } from "../../local/addresses.ts";
import { type App, type AppRole, startApp } from "../../local/apps.ts";
import { Failure } from "../../local/failure.ts";
import getPort from "get-port";
import { lastLines } from "../../local/files.ts";
import type { Bench } from "./bench.ts";
import { cleanUp as cleanUpOn, createOwnDatabase, ownName, withPath } from "./own-database.ts";

export type Installation = AsyncDisposable & {
  readonly addresses: Addresses;
  /** What its processes find in theirs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Its topic's, and its consumer group's. */
  readonly name: string;
  /** A session in its database. */
  readonly database: pg.Client;
  /** On the port given, and so under the same name, or on a free one. */
  start(role: AppRole, port?: number): Promise<App>;
  /** Ends one before its time, and resolves when it is gone. Throws a Failure when it was asked and does not end with 0. */
  end(app: App, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
};

/** Makes the databases. `settings` are variables for its processes. Disposing stops these and drops everything that was made. */
export async function createInstallation(
  bench: Bench,
  settings: Readonly<Record<string, string>> = {},
): Promise<Installation> {
  const { services, profile, progress, signal } = bench;
  const name = ownName();
  const stack = new AsyncDisposableStack();
  const cleanUp = (what: string, work: () => Promise<unknown>): void => cleanUpOn(stack, what, work);
  try {
    const { database, databaseUrl } = await createOwnDatabase(bench, stack, name);
    const redisUrl = await takeEmptyRedis(services.redisUrl, (redis) =>
      cleanUp("empty the Redis database", () => {
        taken.delete(withPath(services.redisUrl, String(redis.options.db)));
        return redis.flushdb().finally(() => redis.disconnect());
      }),
    );
    cleanUp(`delete the topic and the group ${name}`, () => deleteFromKafka(services.kafkaBrokers, name));

    const addresses = { ...services, databaseUrl, redisUrl };
    const own = {
      ORDERS_TOPIC: name,
      CONSUMER_GROUP: name,
      DECISIONS_TOPIC: "off", // None of the peers publishes them; who measures that, says so.
      LOG_LEVEL: process.env.LOG_LEVEL ?? "warn",
      ...settings,
    };
    const environment = { ...process.env, ...toEnvironment(addresses), ...own };

    const ending = new Set<App>();
    const start: Installation["start"] = async (role, wanted) => {
      // Any free one: of those that processors usually have, somebody else may choose the same at this moment.
      const port = wanted ?? (await getPort({ host: "127.0.0.1" }));
      const context = { profile, custody: services.custody, signal };
      const app = await startApp(role, port, addresses, context, progress, own);
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
    return { addresses, environment, name, database, start, end, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Databases of Redis that this process has taken already: they may be empty still. */
const taken = new Set<string>();

/** An empty one, so that nothing is lost when the server that was named is in use by others. */
async function takeEmptyRedis(url: string, opened: (redis: Redis) => void): Promise<string> {
  for (let db = 15; db > 0; db -= 1) {
    const address = withPath(url, String(db));
    if (taken.has(address)) continue;
    const redis = new Redis(address, { maxRetriesPerRequest: 2 });
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
    taken.add(address);
    opened(redis);
    return address;
  }
  throw new Failure("None of the Redis databases 1 to 15 is empty, and the benchmark needs one for itself.");
}

/** The topic, those that are named after it, and the group. */
export async function deleteFromKafka(brokers: string, name: string): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING, retry: { retries: 2 } });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const own = (await admin.listTopics()).filter((topic) => topic === name || topic.startsWith(`${name}.`));
    if (own.length > 0) await admin.deleteTopics({ topics: own });
    const { groups } = await admin.listGroups();
    if (groups.some(({ groupId }) => groupId === name)) await admin.deleteGroups([name]);
  } finally {
    await admin.disconnect();
  }
}
