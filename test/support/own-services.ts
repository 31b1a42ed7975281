/**
 * Kafka, PostgreSQL, Redis and the registry of a test's own, each of which can be killed and started again, or made silent
 * and woken: on the same port, with the same data.
 *
 * Who owns what: this object owns the processes of one profile; all of them are in its custody (local/custody.ts), which
 * ends them however the test ends.
 *
 * I1 What is silenced has a guard, a process that wakes it when its input closes, which the kernel does when the test is
 *    killed: what is stopped would not hear that it shall end, and PostgreSQL's own children are not in its process group.
 * I2 A service is away in one way at a time.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
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

export const serviceNames = ["kafka", "postgres", "redis", "registry"] as const;
export type ServiceName = (typeof serviceNames)[number];
/** Killed: connections break. Silent: they stay, and nothing is answered. */
export type Away = "killed" | "silent";

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
  const context: StartContext = { profile, custody, signal: new AbortController().signal };
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
        if (silent.has(name)) throw new Error(`${name} is silent already`); // I2
        if (how === "silent") {
          silent.set(name, await silence(service.pid));
          return;
        }
        running.delete(name);
        await killAll(service.pid);
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
  let registryStorage = "";
  return {
    kafka: async () => {
      const { service, brokers } = await startKafka(java, choosePort, context);
      return { service, address: brokers };
    },
    postgres: async () => {
      const postgres = await startPostgres(choosePort, context);
      registryStorage = await postgres.database("registry");
      return { service: postgres.service, address: await postgres.database("tallyman") };
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

/** As when the machine loses its power: nobody of the service gets to tidy up. */
async function killAll(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP"); // It starts no more children.
  for (const each of [pid, ...(await childrenOf(pid))]) send(each, "SIGKILL");
}

type Guard = { wake(): Promise<void> };

async function silence(pid: number): Promise<Guard> {
  process.kill(pid, "SIGSTOP");
  const pids = [pid, ...(await childrenOf(pid))];
  // Begun before the children are stopped, so that none is without it (I1).
  const guard = spawn("sh", ["-c", `read -r line; kill -CONT ${pids.join(" ")}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  await once(guard, "spawn");
  for (const each of pids) send(each, "SIGSTOP");
  return {
    wake: async () => {
      if (guard.exitCode !== null) return;
      const exited = once(guard, "exit");
      guard.stdin.end();
      await exited;
    },
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in between.
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,ppid="]);
  const pairs = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([child = 0, parent = 0]) => (parent === pid ? [child] : []));
}
