/**
 * Kafka, PostgreSQL, Redis and the registry of a test's own, each of which can be killed and started again, or made silent
 * and woken: on the same port, with the same data.
 *
 * Who owns what: this object owns the processes of one profile; all of them are in its custody (local/custody.ts), which
 * ends them however the test ends.
 *
 * I1 A service is away in one way at a time.
 */
import type { Addresses } from "../../local/addresses.ts";
import { endLeftovers, openCustody } from "../../local/custody.ts";
import { fetchJars, findJava } from "../../local/java.ts";
import { startKafka } from "../../local/kafka.ts";
import { openProfile } from "../../local/paths.ts";
import type { Profile } from "../../local/paths.ts";
import { anyFree } from "../../local/ports.ts";
import type { ChoosePort } from "../../local/ports.ts";
import { startPostgres } from "../../local/postgres.ts";
import { lockProfile } from "../../local/profile-lock.ts";
import { printProgress } from "../../local/progress.ts";
import { startRedis } from "../../local/redis.ts";
import { startRegistry } from "../../local/registry.ts";
import { emptyData } from "../../local/services.ts";
import { startWithRetries } from "../../local/supervise.ts";
import type { Service, StartContext } from "../../local/supervise.ts";
import { killWithChildren, silence } from "./silence.ts";
import type { Guard } from "./silence.ts";

export const serviceNames = ["kafka", "postgres", "redis", "registry"] as const;
export type ServiceName = (typeof serviceNames)[number];
/** Killed: connections break. Silent: they stay, and nothing is answered. Stopped: it was asked to end, and has tidied up. */
export type Away = "killed" | "silent" | "stopped";

export type OwnServices = AsyncDisposable & {
  readonly addresses: Addresses;
  readonly profile: Profile;
  /** Process ids by name, as they are now. */
  pid(name: ServiceName): number;
  takeAway(name: ServiceName, how: Away): Promise<void>;
  /** Resolves when it answers again. Does nothing when it is there. */
  bringBack(name: ServiceName): Promise<void>;
};

/** Starts all four, empty, in the profile of this name; resolves when they answer. */
export async function startOwnServices(profileName: string): Promise<OwnServices> {
  const profile = openProfile(profileName);
  const unlock = lockProfile(profile, "a test");
  await endLeftovers(profile);
  emptyData(profile);
  const custody = openCustody(profile);
  const context: StartContext = { profile, custody, signal: new AbortController().signal, brief: true };
  const choosePort = rememberedPorts();
  const running = new Map<ServiceName, Service>();
  const silent = new Map<ServiceName, Guard>();

  const starters = startersOf(context, choosePort);
  const start = async (name: ServiceName): Promise<string> => {
    const { service, address } = await startWithRetries((await starters)[name]);
    running.set(name, service);
    return address;
  };
  const bringBack = async (name: ServiceName): Promise<void> => {
    const guard = silent.get(name);
    if (guard !== undefined) {
      silent.delete(name);
      await guard.wake();
    }
    if (!running.has(name)) await start(name);
  };
  const stopAll = async (): Promise<void> => {
    for (const guard of silent.values()) await guard.wake();
    const stop = (names: readonly ServiceName[]) => Promise.all(names.map(async (name) => running.get(name)?.stop()));
    await stop(["kafka", "redis", "registry"]);
    await stop(["postgres"]); // The registry writes into it until its end.
    custody.close();
    emptyData(profile);
    unlock();
  };

  try {
    const databaseUrl = await start("postgres");
    const others = await Promise.allSettled([start("kafka"), start("registry"), start("redis")]);
    const [kafkaBrokers = "", schemaRegistryUrl = "", redisUrl = ""] = others.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
    return {
      addresses: { kafkaBrokers, schemaRegistryUrl, databaseUrl, redisUrl },
      profile,
      pid: (name) => serviceOf(running, name).pid,
      takeAway: async (name, how) => {
        const service = serviceOf(running, name);
        if (silent.has(name)) throw new Error(`${name} is silent already`); // I1
        if (how === "silent") {
          silent.set(name, await silence(service.pid));
          return;
        }
        running.delete(name);
        if (how === "stopped") await service.stop();
        else await killWithChildren(service.pid);
        await service.exited;
      },
      bringBack,
      [Symbol.asyncDispose]: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

type Starter = () => Promise<{ service: Service; address: string }>;

async function startersOf(context: StartContext, choosePort: ChoosePort): Promise<Record<ServiceName, Starter>> {
  await fetchJars(context, printProgress());
  const java = await findJava();
  // Made at the first start, and known from then on: a server that has just come back need not answer at once.
  let [registryStorage, databaseUrl] = ["", ""];
  return {
    kafka: async () => {
      const { service, brokers } = await startKafka(java, choosePort, context);
      return { service, address: brokers };
    },
    postgres: async () => {
      const postgres = await startPostgres(choosePort, context);
      if (registryStorage === "") registryStorage = await postgres.database("registry");
      if (databaseUrl === "") databaseUrl = await postgres.database("tallyman");
      return { service: postgres.service, address: databaseUrl };
    },
    redis: async () => {
      const { service, url } = await startRedis(choosePort, context);
      return { service, address: url };
    },
    registry: async () => {
      const { service, url } = await startRegistry(java, registryStorage, choosePort, context);
      return { service, address: url };
    },
  };
}

/** A service that is started again listens where it did before. */
function rememberedPorts(): ChoosePort {
  const ports = new Map<string, number>();
  return async (preferred, service) => {
    const port = ports.get(service) ?? (await anyFree(preferred, service));
    ports.set(service, port);
    return port;
  };
}

function serviceOf(running: ReadonlyMap<ServiceName, Service>, name: ServiceName): Service {
  const service = running.get(name);
  if (service === undefined) throw new Error(`${name} does not run`);
  return service;
}
