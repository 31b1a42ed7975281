// The commands as a person runs them, with PostgreSQL and Redis only: Kafka and the registry are those of the test run, named by variables.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { Client } from "pg";
import { afterAll, describe, expect, it, vi } from "vitest";
import { localFolder } from "../../local/paths.ts";
import {
  type Command,
  endCommands,
  outputHas,
  processesWith,
  runCommand,
  startCommand,
} from "../fixtures/local/run-command.ts";

const profile = `services-${randomBytes(3).toString("hex")}`;
const environment = { TALLYMAN_PROFILE: profile, DATABASE_URL: "", REDIS_URL: "" };
const reset = (): ReturnType<typeof runCommand> => runCommand("reset.ts", [profile], environment);

afterAll(async () => {
  await endCommands();
  if (existsSync(path.join(localFolder, profile))) await reset();
});

describe("npm run services", () => {
  it("uses what is named, starts the rest on 127.0.0.1 only, and keeps others out while it runs", async () => {
    const services = await startServices();
    expect(variable(services, "KAFKA_BROKERS")).toBe(process.env.KAFKA_BROKERS);
    expect(new URL(variable(services, "DATABASE_URL")).hostname).toBe("127.0.0.1");
    expect(new URL(variable(services, "REDIS_URL")).hostname).toBe("127.0.0.1");
    expect(await query(services, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    expect(await query(services, "show fsync")).toEqual([{ fsync: "on" }]);
    await query(services, "create table kept (id int)");

    const second = await runCommand("start.ts", ["services"], environment);
    expect(second).toMatchObject({
      code: 1,
      output: expect.stringContaining(`process ${String(services.child.pid)}`) as string,
    });
    expect(await reset()).toMatchObject({ code: 1, output: expect.stringContaining("in use") as string });

    services.child.kill("SIGINT");
    expect(await services.exited).toBe(0);
    expect(await leftOf(services)).toEqual([]);
  });

  it("leaves nothing behind when it is killed, and starts again with the same data", async () => {
    const killed = await startServices();
    killed.child.kill("SIGKILL");
    await vi.waitFor(async () => expect(await leftOf(killed)).toEqual([]), { timeout: 10_000, interval: 200 });

    const services = await startServices();
    expect(await query(services, "select count(*)::int as rows from kept")).toEqual([{ rows: 0 }]);
    services.child.kill("SIGTERM");
    expect(await services.exited).toBe(0);
  });

  it("ends all of it, and says which and why, when a service ends", async () => {
    const services = await startServices();
    const [redis] = (await leftOf(services)).filter((line) => line.includes("redis-server"));
    process.kill(Number.parseInt(redis ?? "", 10), "SIGKILL");
    expect(await services.exited).toBe(1);
    expect(services.output()).toContain("redis ended (ended by SIGKILL)");
    expect(await leftOf(services)).toEqual([]);
  });

  it("is emptied by npm run reset", async () => {
    expect(await reset()).toMatchObject({ code: 0, output: `Emptied the data of ${profile}.\n` });
    expect(existsSync(path.join(localFolder, profile))).toBe(false);
  });
});

async function startServices(): Promise<Command> {
  const services = startCommand("start.ts", ["services"], environment);
  await outputHas(services, "The services are ready");
  return services;
}

function variable(services: Command, name: string): string {
  return new RegExp(`export ${name}='(.*)'`).exec(services.output())?.[1] ?? "";
}

/** What belongs to this profile: PostgreSQL and the keeper name its folder, Redis its port. */
function leftOf(services: Command): Promise<string[]> {
  return processesWith([`/${profile}/`, ` ${new URL(variable(services, "REDIS_URL")).host}`]);
}

async function query(services: Command, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: variable(services, "DATABASE_URL") });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
