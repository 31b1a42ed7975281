/** A whole Tallyman for one test file: its own database, topic, group and Redis database, real processes on real services. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import { Redis } from "ioredis";
import { createTestDatabase } from "./databases.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const readyMs = 30_000;

export type Role = {
  readonly url: string;
  /** Ends it at once, as a crash of the machine would. */
  kill(): Promise<void>;
  /** Asks it to stop; resolves with its exit code. */
  stop(): Promise<number | null>;
};

export type Tallyman = AsyncDisposable & {
  readonly databaseUrl: string;
  readonly redis: Redis;
  startApi(): Promise<Role>;
  startProcessor(): Promise<Role>;
};

/** Uses the Redis database with this number, and empties it first. */
export async function createTallyman(redisDatabase: number): Promise<Tallyman> {
  const database = await createTestDatabase({ migrated: false });
  const redisUrl = new URL(process.env.REDIS_URL ?? "");
  redisUrl.pathname = `/${redisDatabase}`;
  const redis = new Redis(redisUrl.href);
  await redis.flushdb();
  const name = `test-${randomBytes(4).toString("hex")}`;
  const shared = {
    ...process.env,
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl.href,
    ORDERS_TOPIC: name,
    CONSUMER_GROUP: name,
    LOG_LEVEL: "warn",
  };
  const roles = new Set<Role>();

  const start = async (roleName: "api" | "processor"): Promise<Role> => {
    const port = await getPort({ host: "127.0.0.1" });
    const env = {
      ...shared,
      [roleName === "api" ? "PORT" : "PROCESSOR_PORT"]: String(port),
      INSTANCE_ID: `${roleName}-${port}`,
    };
    const child = spawn(process.execPath, [main, roleName], { env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    const exited = once(child, "exit");
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const role: Role = {
      url: `http://127.0.0.1:${port}`,
      kill: async () => {
        roles.delete(role);
        child.kill("SIGKILL");
        await exited;
      },
      stop: async () => {
        roles.delete(role);
        child.kill("SIGTERM");
        await exited;
        return child.exitCode;
      },
    };
    roles.add(role);
    await ready(role.url, child, () => errors);
    return role;
  };

  return {
    databaseUrl: database.url,
    redis,
    startApi: () => start("api"),
    startProcessor: () => start("processor"),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...roles].map((role) => role.kill()));
      redis.disconnect();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function ready(url: string, child: ChildProcess, errors: () => string): Promise<void> {
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${errors()}`);
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    if (response?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} is not ready after ${readyMs} ms: ${errors()}`);
}
