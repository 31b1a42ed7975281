/**
 * A process that is started while a service is away waits for it, and then says what is missing: one that refuses, and one that
 * takes the connection and answers nothing. All six wait at once, for up to 40 s.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../src/limits.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const sockets = new Set<Socket>();
let silent: Server;
let silentPort: number;
let refusedPort: number;
/** One for each process: what another one has stored there could stand in for the service that is away. */
const databases: TestDatabase[] = [];

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  silent = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  silentPort = await listen(silent);
  const closed = createServer();
  refusedPort = await listen(closed);
  closed.close();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  for (const database of databases) await database[Symbol.asyncDispose]();
});

type Ended = { readonly code: number | null; readonly errors: string; readonly afterMs: number };

/** Runs a role until it ends by itself; kills it when it does not. */
async function run(role: "api" | "processor", environment: Record<string, string>): Promise<Ended> {
  const database = await createTestDatabase({ migrated: false });
  databases.push(database);
  const startedAt = performance.now();
  const child = spawn(process.execPath, [main, role], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      ORDERS_TOPIC: "test-start-away",
      PORT: "0",
      PROCESSOR_PORT: "0",
      LOG_LEVEL: "silent",
      ...environment,
    },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), limits.startWaitMs * 3);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, "close");
  clearTimeout(timer);
  return { code: child.exitCode, errors, afterMs: performance.now() - startedAt };
}

const services = [
  { what: "Kafka", variable: "KAFKA_BROKERS", address: (port: number) => `127.0.0.1:${port}` },
  {
    what: "the schema registry",
    variable: "SCHEMA_REGISTRY_URL",
    address: (port: number) => `http://127.0.0.1:${port}/`,
  },
  {
    what: "PostgreSQL",
    variable: "DATABASE_URL",
    address: (port: number) => `postgresql://me:secret@127.0.0.1:${port}/shop`,
  },
] as const;

type Case = (typeof services)[number];
const refused = new Map<Case, Promise<Ended>>();
const silenced = new Map<Case, Promise<Ended>>();
beforeAll(() => {
  // Begun together: each spends its time waiting.
  for (const each of services) {
    refused.set(each, run("api", { [each.variable]: each.address(refusedPort) }));
    silenced.set(each, run("processor", { [each.variable]: each.address(silentPort) }));
  }
});

async function endOf(runs: ReadonlyMap<Case, Promise<Ended>>, which: Case): Promise<Ended> {
  const ended = await runs.get(which);
  if (ended === undefined) throw new Error(`${which.what} was not run`);
  return ended;
}

describe("a start without a service", () => {
  it.each(services)("$what refuses connections", async (each) => {
    const { code, errors } = await endOf(refused, each);
    expect(errors).toContain(`Tallyman can't start: ${each.what} at `);
    expect(errors).toContain(`127.0.0.1:${refusedPort}`);
    expect(errors).toContain("ECONNREFUSED");
    expect(errors).not.toContain("secret");
    expect(errors).not.toMatch(/^ +at /m);
    expect(code).toBe(1);
  });

  it.each(services)("$what takes connections and is silent", async (each) => {
    const { code, errors, afterMs } = await endOf(silenced, each);
    expect(errors).toContain(`Tallyman can't start: ${each.what} at `);
    expect(errors).toContain(`127.0.0.1:${silentPort}`);
    expect(errors).not.toContain("secret");
    expect(code).toBe(1);
    // Whoever is started together with its services finds them: it waits, and how long depends on how the client gives up.
    expect(afterMs).toBeGreaterThan(limits.startWaitMs / 4);
    expect(afterMs).toBeLessThan(limits.startWaitMs * 2);
  });
});
