/** The command line as its callers see it: exit codes, one line for what is wrong, results on stdout alone. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { CommanderError } from "commander";
import { afterEach, describe, expect, it } from "vitest";
import { UsageWrong, exitCodeOf, lineOf } from "../../src/command-line/exit-codes.ts";
import { ConfigInvalid } from "../../src/config.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import { SchemaSourceUnavailable } from "../../src/schemas/schema-source.ts";
import { StoreUnfit } from "../../src/stores/audit-store.ts";
import { CacheUnavailable } from "../../src/stores/effects-cache.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { DatabaseUnfit } from "../../src/stores/postgres/migrate.ts";
import { readText, root } from "./docs-reader.ts";

const { version } = JSON.parse(readText("package.json")) as { version: string };
const nowhere = {
  KAFKA_BROKERS: "127.0.0.1:1",
  SCHEMA_REGISTRY_URL: "http://127.0.0.1:1",
  DATABASE_URL: "postgresql://127.0.0.1:1/nowhere",
  REDIS_URL: "redis://127.0.0.1:1",
};

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

type Result = { code: number | null; stdout: string; stderr: string };

function start(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
  nodeArgs: readonly string[] = [],
) {
  const child = spawn(process.execPath, [...nodeArgs, path.join(root, file), ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const result: Result = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (result.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (result.stderr += chunk.toString()));
  const ended = once(child, "close").then(() => ({ ...result, code: child.exitCode }));
  return { child, result, ended };
}

const run = (...args: string[]): Promise<Result> => start("src/tallyman.ts", args).ended;

describe("tallyman", () => {
  it("tells its version and what it does", async () => {
    expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await run("--help");
    expect([help.code, help.stderr]).toEqual([0, ""]);
    for (const word of ["audit", "topology", "--json", "--verbose", "--version"]) expect(help.stdout).toContain(word);
    const ofAudit = await run("audit", "--help");
    for (const word of ["--at-rest", "--limit", "--json", "A18"]) expect(ofAudit.stdout).toContain(word);
  });

  it.each<[string, string[], RegExp]>([
    ["a command that there isn't", ["audti"], /^tallyman: unknown command 'audti' \(Did you mean audit\?\)\n$/],
    [
      "an option that there isn't",
      ["audit", "--at-reste"],
      /^tallyman: unknown option '--at-reste' \(Did you mean --at-rest\?\)\n$/,
    ],
    ["a limit that is no number", ["audit", "--limit", "many"], /^tallyman: .*whole number from 0 to 10000\.\n$/],
    ["a limit out of bounds", ["audit", "--limit", "10001"], /^tallyman: .*whole number from 0 to 10000\.\n$/],
    ["more arguments than it takes", ["audit", "everything"], /^tallyman: too many arguments[^\n]*\n$/],
    [
      "an environment without services",
      ["audit"],
      /^tallyman: KAFKA_BROKERS is not set.*; SCHEMA_REGISTRY_URL[^\n]*; REDIS_URL[^\n]*\n$/,
    ],
  ])("ends with 2 for %s", async (_name, args, says) => {
    expect(await run(...args)).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(says) as string });
  });

  it("ends with 3 when a service is away, in one line and without a stack", async () => {
    const { code, stdout, stderr } = await start("src/tallyman.ts", ["audit"], nowhere).ended;
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/^tallyman: the ends of orders could not be read \([^\n]+\)\n$/);
  });

  it("says on stderr what its clients say, when it is asked to", async () => {
    const { code, stdout, stderr } = await start("src/tallyman.ts", ["audit", "--verbose"], nowhere).ended;
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr.trim().split("\n").length).toBeGreaterThan(1);
  });
});

describe("Ctrl-C", () => {
  const waits = async (...args: string[]) => {
    const started = start("test/fixtures/command-line/waiting.ts", ["wait", ...args], nowhere);
    await expect.poll(() => started.result.stdout, { timeout: 20_000 }).toContain("waiting\n");
    return started;
  };

  it.each(["SIGINT", "SIGTERM"] as const)(
    "(%s) ends a command after it has closed what it opened, with 130",
    async (signal) => {
      const { child, ended } = await waits();
      child.kill(signal);
      expect(await ended).toEqual({ code: 130, stdout: "waiting\nclosed\n", stderr: "" });
    },
  );

  it("a second time ends it at once", async () => {
    const { child, ended, result } = await waits("stubborn");
    child.kill("SIGINT");
    await expect.poll(() => result.stdout, { timeout: 20_000 }).toContain("still waiting");
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: 130, stdout: "waiting\nstill waiting\n", stderr: "" });
  });
});

describe("bin/tallyman.mjs", () => {
  it("runs it", async () => {
    expect(await start("bin/tallyman.mjs", ["--version"]).ended).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
    expect((await start("bin/tallyman.mjs", ["audti"]).ended).code).toBe(2);
  });

  it.each([
    ["20.20.2", false],
    ["22.17.1", false],
    ["23.5.0", false],
    ["22.18.0", true],
    ["23.6.0", true],
    ["24.0.0", true],
  ])("on Node %s: %s", async (node, runs) => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${node}" } })`;
    const { code, stdout, stderr } = await start("bin/tallyman.mjs", ["--version"], {}, [
      "--import",
      `data:text/javascript,${encodeURIComponent(pretend)}`,
    ]).ended;
    if (runs) expect([code, stdout, stderr]).toEqual([0, `${version}\n`, ""]);
    else
      expect([code, stdout, stderr]).toEqual([2, "", expect.stringMatching(/^tallyman: it needs Node 24, or 22\.18/)]);
  });
});

describe("npm run tallyman", () => {
  it("says that nothing runs in this checkout, where nothing does", async () => {
    const name = `never-${process.pid}`;
    const { code, stdout, stderr } = await start("local/tallyman.ts", ["audit"], { TALLYMAN_PROFILE: name }).ended;
    expect([code, stdout]).toEqual([2, ""]);
    expect(existsSync(path.join(root, ".local", name))).toBe(false);
    expect(stderr).toMatch(
      /^tallyman: no services run in the profile "never-\d+" [^\n]*npm start[^\n]*KAFKA_BROKERS[^\n]*\n$/,
    );
  });
});

describe("an error", () => {
  it.each<[Error, number]>([
    [new CommanderError(0, "commander.version", "0.1.0"), 0],
    [new CommanderError(1, "commander.unknownOption", "no"), 2],
    [new ConfigInvalid("no"), 2],
    [new UsageWrong("no"), 2],
    [new LogUnavailable("away"), 3],
    [new StoreUnavailable("away"), 3],
    [new StoreUnfit("other"), 3],
    [new CacheUnavailable("away"), 3],
    [new SchemaSourceUnavailable("away"), 3],
    [new DatabaseUnfit("old"), 3],
    [new Error("a fault"), 1],
    [new TypeError("a mistake"), 1],
  ])("%s ends with %d", (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  it("is told in one line, with the reason behind it once", () => {
    expect(lineOf(new Error("a\n  b\nc"))).toBe("a; b; c");
    expect(lineOf(new Error("a", { cause: new Error("b") }))).toBe("a (b)");
    expect(lineOf(new Error("a: b", { cause: new Error("b") }))).toBe("a: b");
    expect(lineOf("thrown")).toBe("thrown");
  });
});
