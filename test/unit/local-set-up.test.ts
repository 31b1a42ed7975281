import { type AddressInfo, createServer } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { complete, readNamed } from "../../local/addresses.ts";
import { findJava } from "../../local/java.ts";
import { readable } from "../../local/log-tail.ts";
import { openProfile } from "../../local/paths.ts";
import { preferUsual } from "../../local/ports.ts";

afterEach(() => vi.unstubAllEnvs());

describe("what a machine may lack", () => {
  it("names Java, how to get it and how to do without", async () => {
    vi.stubEnv("PATH", "/nonexistent");
    vi.stubEnv("JAVA_HOME", undefined);
    const failure: unknown = await findJava().catch((error: unknown) => error);
    expect(String(failure)).toMatch(
      /Java 17 or newer is needed .* apt-get install .*KAFKA_BROKERS.*docker compose up/s,
    );
  });

  it("chooses another port when the usual one is taken, and says so", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const said: string[] = [];
    expect(await preferUsual((line) => said.push(line))(port, "Kafka")).not.toBe(port);
    expect(said.join()).toMatch(new RegExp(`Port ${String(port)} is taken; Kafka gets \\d+`));
    server.close();
  });
});

describe("what the environment says", () => {
  it("names a service unless the variable is empty", () => {
    expect(readNamed({ DATABASE_URL: "postgresql://db/shop", REDIS_URL: "" })).toEqual({
      databaseUrl: "postgresql://db/shop",
    });
  });

  it("names all services or leaves some to start", () => {
    const all = {
      KAFKA_BROKERS: "k:9092",
      SCHEMA_REGISTRY_URL: "http://r",
      DATABASE_URL: "postgresql://d",
      REDIS_URL: "redis://r",
    };
    expect(complete(readNamed(all))).toEqual(readNamed(all));
    expect(complete(readNamed({ ...all, REDIS_URL: "" }))).toBeUndefined();
  });

  it.each(["../other", "node", "", "Dev"])("takes no profile called %j", (name) => {
    expect(() => openProfile(name)).toThrow(/TALLYMAN_PROFILE/);
  });
});

describe("a child's log on the terminal", () => {
  it.each([
    ['{"level":30,"msg":"routine"}', undefined],
    ['{"level":40,"msg":"slow"}', "warning: slow"],
    ['{"level":50,"msg":"no answer","err":{"message":"timed out"}}', "error: no answer: timed out"],
    ['{"level":60,"msg":"gone","err":{"message":"gone"}}', "fatal: gone"],
    ["    at main (file:1:1)", "    at main (file:1:1)"],
    ["", undefined],
  ])("shows %j as %j", (line, shown) => {
    expect(readable(line)).toBe(shown);
  });
});
