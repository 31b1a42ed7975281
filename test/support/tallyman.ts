/** A whole Tallyman for one test file: its own database, topic, group and Redis database, real processes on real services. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import { Redis } from "ioredis";
import { complete, readNamed, toEnvironment } from "../../local/addresses.ts";
import type { Addresses } from "../../local/addresses.ts";
import { createTestDatabase } from "./databases.ts";
import { redisDatabase } from "./redis-database.ts";
import { launchRole, untilReady } from "./role-process.ts";
import type { Role } from "./role-process.ts";

export type { Role } from "./role-process.ts";

const commandLine = fileURLToPath(new URL("../../src/tallyman.ts", import.meta.url));

const portVariables = { api: "PORT", processor: "PROCESSOR_PORT", worker: "WORKER_PORT" } as const;

export type CommandResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type BegunCommand = { readonly ended: Promise<CommandResult>; kill(): void };

export type Tallyman = AsyncDisposable & {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly redis: Redis;
  readonly topic: string;
  /** What its processes are told, but for their ports and names. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs the command line to its end. */
  run(...args: readonly string[]): Promise<CommandResult>;
  /** The same, and it may be killed on the way. */
  begin(...args: readonly string[]): BegunCommand;
  /** The same with other variables. */
  runWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult>;
  /**
   * Throws with what `tallyman audit` finds. `at-rest` is for a world in which nothing is under way: everything is decided,
   * told and saved.
   */
  audit(when: "at-rest" | "running"): Promise<void>;
  startApi(): Promise<Role>;
  startProcessor(): Promise<Role>;
  startWorker(): Promise<Role>;
  /** Both in one process; the url is the api's. */
  startBoth(): Promise<Role>;
  /** The name of the topic, and of the consumer group. */
  readonly name: string;
};

export type TallymanOptions = {
  /** Services other than those of the test run. */
  readonly addresses?: Addresses;
  /** Keeps what the processes log, a file each. */
  readonly logs?: string;
  /** False: it ends with differences on purpose, and disposing does not look for them. */
  readonly audited?: boolean;
  /** Of a Redis that nobody else uses; else the number is that of the test file's worker. */
  readonly redisDatabase?: number;
  /** Further variables for its processes. */
  readonly environment?: NodeJS.ProcessEnv;
};

/**
 * Uses the Redis database of this test file, and empties it first. Disposing audits what was made, by the command line, and
 * rejects with the differences.
 */
export async function createTallyman(options: TallymanOptions = {}): Promise<Tallyman> {
  const addresses = options.addresses ?? complete(readNamed(process.env));
  if (addresses === undefined) throw new Error("the four services must be named; npm test does");
  const database = await createTestDatabase({ migrated: false, server: addresses.databaseUrl });
  const redisUrl = new URL(addresses.redisUrl);
  redisUrl.pathname = `/${options.redisDatabase ?? redisDatabase()}`;
  const redis = new Redis(redisUrl.href);
  redis.on("error", () => undefined); // It connects again by itself.
  await redis.flushdb();
  const name = `test-${randomBytes(4).toString("hex")}`;
  const shared = {
    ...process.env,
    ...toEnvironment(addresses),
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl.href,
    ORDERS_TOPIC: name,
    CONSUMER_GROUP: name,
    DECISIONS_TOPIC: "off", // One topic less on the shared Kafka; who wants it names it.
    LOG_LEVEL: options.logs === undefined ? "warn" : "info",
    ...options.environment,
  };
  const roles = new Set<Role>();
  const runs = new Set<ChildProcess>();

  let isStarted = false;

  const start = async (...roleNames: (keyof typeof portVariables)[]): Promise<Role> => {
    const ports = await Promise.all(roleNames.map(() => getPort({ host: "127.0.0.1" })));
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const variables = roleNames.map((role, index) => [portVariables[role], String(ports[index])] as const);
    const instance = [...roleNames, ...ports].join("-");
    const env: NodeJS.ProcessEnv = { ...shared, ...Object.fromEntries<string>(variables), INSTANCE_ID: instance };
    const launched = launchRole({
      roles: roleNames,
      env,
      url: urls[0] ?? "",
      ...(options.logs !== undefined && { logFile: path.join(options.logs, `${instance}.log`) }),
    });
    const role: Role = {
      ...launched,
      kill: () => {
        roles.delete(role);
        return launched.kill();
      },
      stop: () => {
        roles.delete(role);
        return launched.stop();
      },
    };
    roles.add(role);
    await Promise.all(urls.map((url) => untilReady(role, url)));
    isStarted = true;
    return role;
  };

  const launch = (others: Readonly<Record<string, string>>, args: readonly string[]): BegunCommand => {
    const env = { ...shared, ...others };
    const child = spawn(process.execPath, [commandLine, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    runs.add(child);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(child, "close").then(() => {
      runs.delete(child);
      return { code: child.exitCode, stdout, stderr };
    });
    return { ended, kill: () => void child.kill("SIGKILL") };
  };
  const run = (...args: readonly string[]): Promise<CommandResult> => launch({}, args).ended;

  const audit = async (when: "at-rest" | "running"): Promise<void> => {
    const { code, stdout, stderr } = await run("audit", ...(when === "at-rest" ? ["--at-rest"] : []));
    if (code !== 0) throw new Error(`tallyman audit ended with ${code}:\n${stdout}${stderr}`);
  };

  return {
    databaseUrl: database.url,
    redisUrl: redisUrl.href,
    redis,
    topic: name,
    environment: shared,
    run,
    begin: (...args) => launch({}, args),
    runWith: (others, ...args) => launch(others, args).ended,
    audit,
    startApi: () => start("api"),
    startProcessor: () => start("processor"),
    startWorker: () => start("worker"),
    startBoth: () => start("api", "processor"),
    name,
    [Symbol.asyncDispose]: async () => {
      try {
        if (isStarted && options.audited !== false) await audit("running");
      } finally {
        for (const child of runs) child.kill("SIGKILL");
        await Promise.all([...roles].map((role) => role.kill()));
        redis.disconnect();
        await database[Symbol.asyncDispose]();
      }
    },
  };
}
