// npm start as a person runs it, with PostgreSQL and Redis of its own. Kafka and the registry are the test run's, to save the time that two
// more Java programs take; the topic is its own.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import getPort from "get-port";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { CustodyRecord, Ward } from "../../local/custody.ts";
import { localFolder } from "../../local/paths.ts";
import { isAlive } from "../../local/process-identity.ts";
import { type Command, endCommands, outputHas, runCommand, startCommand } from "../fixtures/local/run-command.ts";

const profile = `start-${randomBytes(3).toString("hex")}`;
const environment = {
  TALLYMAN_PROFILE: profile,
  HOST: "127.0.0.1",
  DATABASE_URL: "",
  REDIS_URL: "",
  ORDERS_TOPIC: `orders-${profile}`,
  CONSUMER_GROUP: profile,
};

afterAll(async () => {
  await endCommands();
  if (existsSync(path.join(localFolder, profile))) await runCommand("reset.ts", [profile], environment);
});

describe("npm start", () => {
  it("says at once that PORT is taken, and starts nothing", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = String((server.address() as AddressInfo).port);
    const { code, output } = await runCommand("start.ts", [], { ...environment, PORT: port });
    server.close();
    expect(code).toBe(1);
    expect(output).toContain(`PORT is ${port}`);
    expect(output).not.toContain("PostgreSQL");
  });

  it("serves until it is killed, which leaves nothing; the next one starts, takes a processor beside it, and stops in order", async () => {
    const port = String(await getPort());
    const killed = await start([], { PORT: port }, "Tallyman is ready in");
    expect(killed.output()).toMatch(
      new RegExp(`^Tallyman is ready in [\\d.]+ s: http://127\\.0\\.0\\.1:${port} `, "m"),
    );
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    const wards = wardsOf(killed);
    expect(wards.map(({ name }) => name.replace(/-\d+$/, "")).sort()).toEqual([
      "api",
      "postgres",
      "processor",
      "redis",
      "worker",
    ]);
    killed.child.kill("SIGKILL");
    await vi.waitFor(() => expect(wards.filter(isAlive)).toEqual([]), { timeout: 15_000, interval: 200 });

    const next = await start([], { PORT: port }, "Tallyman is ready in");
    const processor = await start(["processor"], {}, "A processor is ready in");
    expect(processor.output()).toContain(`Using the services of process ${String(next.child.pid)}`);
    processor.child.kill("SIGTERM");
    expect(await processor.exited).toBe(0);
    const left = wardsOf(next);
    next.child.kill("SIGINT");
    expect(await next.exited).toBe(0);
    expect(left.filter(isAlive)).toEqual([]);
  });
});

async function start(args: string[], env: Record<string, string>, until: string): Promise<Command> {
  const command = startCommand("start.ts", args, { ...environment, ...env });
  await outputHas(command, until);
  return command;
}

/** What a start has running, as it told its keeper. */
function wardsOf(command: Command): Ward[] {
  const file = path.join(localFolder, profile, "processes", `${String(command.child.pid)}.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as CustodyRecord).wards;
}
