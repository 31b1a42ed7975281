import type { Addresses } from "./addresses.ts";
import { allOrNone } from "./all-or-none.ts";
import { fetchJars, findJava } from "./java.ts";
import { startKafka } from "./kafka.ts";
import { type ChoosePort, anyFree, preferUsual } from "./ports.ts";
import { startPostgres } from "./postgres.ts";
import type { Progress } from "./progress.ts";
import { installedRedis, startRedis } from "./redis.ts";
import { startRegistry } from "./registry.ts";
import { type Service, type StartContext, startWithRetries } from "./supervise.ts";

/**
 * Starts the services that are not named, side by side where they don't need each other, and puts them into `started` as they come up. The
 * first that fails gives up the others, and its error is thrown when all have settled.
 */
export async function startMissing(
  named: Partial<Addresses>,
  context: StartContext,
  progress: Progress,
  started: Service[],
): Promise<Addresses> {
  const needsJava = named.kafkaBrokers === undefined || named.schemaRegistryUrl === undefined;
  const needsEmbeddedRedis = named.redisUrl === undefined && installedRedis() === undefined;
  if (needsJava || needsEmbeddedRedis) await fetchJars(context, progress);
  const java = needsJava ? await findJava() : "";

  const choosePort = context.profile.name === "dev" ? preferUsual((line) => progress.line(line)) : anyFree;
  const settled = await allOrNone(context.signal, (signal) => {
    const starters = startersOf(java, choosePort, { ...context, signal }, progress, started);
    const postgres = once(() => starters.postgres());
    return [
      async () => named.kafkaBrokers ?? (await starters.kafka()),
      async () => named.schemaRegistryUrl ?? (await starters.registry(await (await postgres()).database("registry"))),
      async () => named.databaseUrl ?? (await postgres()).database("tallyman"),
      async () => named.redisUrl ?? (await starters.redis()),
    ];
  });
  const [kafkaBrokers = "", schemaRegistryUrl = "", databaseUrl = "", redisUrl = ""] = settled;
  return { kafkaBrokers, schemaRegistryUrl, databaseUrl, redisUrl };
}

function startersOf(
  java: string,
  choosePort: ChoosePort,
  context: StartContext,
  progress: Progress,
  started: Service[],
) {
  const start = <T extends { service: Service }>(title: (result: T) => string, begin: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    return startWithRetries(begin).then((result) => {
      started.push(result.service);
      progress.done(title(result), startedAt);
      return result;
    });
  };
  return {
    kafka: async () =>
      (
        await start(
          (kafka) => `Kafka on ${kafka.brokers}`,
          () => startKafka(java, choosePort, context),
        )
      ).brokers,
    registry: async (storage: string) =>
      (
        await start(
          (registry) => `Schema registry on ${new URL(registry.url).host}`,
          () => startRegistry(java, storage, choosePort, context),
        )
      ).url,
    redis: async () =>
      (
        await start(
          (redis) => `Redis on ${new URL(redis.url).host}`,
          () => startRedis(choosePort, context),
        )
      ).url,
    postgres: () =>
      start(
        (postgres) => `PostgreSQL on ${postgres.address}, data in ${postgres.folder}`,
        () => startPostgres(choosePort, context),
      ),
  };
}

function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= begin());
}
