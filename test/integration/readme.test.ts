// What the documentation tells a reader to run is run, as it is written. Every block of commands on any page is in the list below: with
// a test of this file, or with the place where it is held; one that is not listed fails.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { QueryResult } from "pg";
import getPort from "get-port";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, onServer } from "../support/databases.ts";
import { createTallyman } from "../support/tallyman.ts";
import type { Tallyman } from "../support/tallyman.ts";
import { fences, markdownFiles, readText, root, section, shellSteps } from "../unit/docs-reader.ts";

const written = "http://127.0.0.1:8080";
/** By page and first command: where it is run. */
const held: Readonly<Record<string, string>> = {
  "README.md: npm start": "starts: test/integration/local-start.test.ts, and this run of npm test",
  "README.md: export KAFKA_BROKERS=kafka-1:9092,kafka-2:9092":
    "example addresses; test/integration/local-start.test.ts starts with some services named and some not",
  "README.md: curl -s": "a first order",
  'CONTRIBUTING.md: export PATH="$PWD/$(dirname .local/node/node_modules/node-*/bin/node):$PATH"':
    "the Node of the scripts",
  "CONTRIBUTING.md: npm run lint": ".ci/run runs these",
  "CONTRIBUTING.md: npm test -- test/unit/stock-precedence.test.ts          # one file": "some tests",
  'CONTRIBUTING.md: TALLYMAN_AWAY_SECONDS=120 npm test -- test/integration/services-away.test.ts -t "kafka silent"':
    "takes minutes; every run of that file is the same test with fewer seconds",
  "CONTRIBUTING.md: npm run services                                         # in one terminal; it prints four export lines":
    "a profile; the services: test/integration/local-services.test.ts",
  "CONTRIBUTING.md: npm run chaos -- --minutes 30 --seed 7   # without a seed: a random one, which is printed":
    "takes half an hour; two minutes of it: test/chaos/campaign.test.ts",
  "CONTRIBUTING.md: npm run chaos -- --list-sabotages                          # each, and the checks of which one must complain":
    "takes minutes; test/unit/chaos-sabotage.test.ts holds them against the source",
  "CONTRIBUTING.md: npm run simulate -- --worlds 1000              # from a random seed on, on all cores; --hours 0.5 for so long":
    "test/simulation/mutants.test.ts and world.test.ts",
  "CONTRIBUTING.md: npm run bench                                  # half an hour to an hour on two cores that do nothing else":
    "takes longer; small, all of it: test/integration/bench.test.ts",
  'docs/http.md: printf \'%s\\n\' \'{"productId":"chair-1","quantity":1}\' \'{"productId":"chair-1"}\' |':
    "many orders",
  "docs/operations.md: select json_build_object('version', 1, 'partitions', json_agg(": "statements",
  "docs/operations.md: update partitions set next_offset = 14, last_offset = null where partition = 3 and next_offset <= 14;":
    "statements; test/integration/known-log.test.ts",
  'docs/operations.md: with moved as (update dead_letters set "offset" = -1 - "offset" where partition = 3 and "offset" >= 0)':
    "statements; test/integration/known-log.test.ts",
  "docs/audit.md: npm run --silent tallyman -- audit              # what runs in this checkout, or what the four variables name":
    "test/integration/audit.test.ts runs the command with its options",
};

let tallyman: Tallyman;
let api: string;
let home: string;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "readme-"));
  // curl tells the status below the body, while the commands stay as they are written.
  await writeFile(path.join(home, ".curlrc"), 'write-out = "\\n%{http_code}"\n');
  tallyman = await createTallyman();
  const [role] = await Promise.all([tallyman.startApi(), tallyman.startProcessor()]);
  api = role.url;
});
afterAll(async () => {
  await tallyman[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const commands = new Set(["sh", "bash", "shell", "console", "sql"]);
const blocksOf = (page: string) => fences(readText(page)).filter(({ language }) => commands.has(language));
const keyOf = (page: string, text: string) => {
  const [first = ""] = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return `${page}: ${first.startsWith("curl -s ") ? "curl -s" : first}`;
};
const block = (page: string, heading: string) =>
  fences(section(readText(page), heading)).find(({ language }) => commands.has(language))?.text ?? "";

test("every block of commands is listed above, and nothing else is", () => {
  const found = markdownFiles().flatMap((page) => blocksOf(page).map(({ text }) => keyOf(page, text)));
  expect(found.toSorted()).toEqual(Object.keys(held).toSorted());
});

test("npm start and the four checks are what the tests named above run", () => {
  const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
  expect(scripts.start).toMatch(/ local\/start\.ts$/);
  expect(readText("test/integration/local-start.test.ts")).toContain('startCommand("start.ts"');
  const ci = readText(".ci/run");
  for (const { command } of shellSteps(block("CONTRIBUTING.md", "## Check"))) {
    expect(ci).toContain(
      command === "npm run format" ? "npm run --silent format:check" : command.replace("run", "run --silent"),
    );
  }
});

describe("a first order", () => {
  type Outcome = { readonly status: number; readonly body: string; readonly json: Record<string, unknown> };
  /** The command as it is written, but for the address. */
  const run = async (command: string): Promise<Outcome> => {
    expect(command).toContain(`${written}/`);
    const { stdout } = await promisify(execFile)("bash", ["-c", command.replaceAll(written, api)], {
      env: { ...process.env, CURL_HOME: home, HOME: home },
    });
    const [, body = "", status = ""] = /^([^]*)\n(\d{3})$/.exec(stdout) ?? [];
    return { status: Number(status), body, json: JSON.parse(body) as Record<string, unknown> };
  };
  /** What each command says in its comment, and does. */
  const steps: readonly [said: string, status: number, body: object][] = [
    ["with five of it in stock", 201, { id: "chair-1", quantity: 5 }],
    ["201, accepted", 201, { status: "accepted", quantity: 3, stockAfter: 2 }],
    ["Read it", 200, { orderId: "018f7c1e-0000-7000-8000-000000000001", status: "accepted" }],
    ['409, "code":"insufficient_stock", "available":2', 409, { code: "insufficient_stock", available: 2 }],
    ["its three come back", 200, { status: "cancelled", quantity: 3 }],
    ["A delivery of twenty", 200, { status: "accepted", quantity: 20, stockAfter: 25 }],
    ["there are only 24", 200, { status: "accepted", stockAfter: 24 }],
    ["", 200, { quantity: 24 }],
  ];

  test("goes as README says, to the last byte", async () => {
    const text = section(readText("README.md"), "## A first order");
    const told = shellSteps(block("README.md", "## A first order"));
    expect(told).toHaveLength(steps.length);
    let last = "";
    for (const [index, [said, status, body]] of steps.entries()) {
      const { comment, command } = told[index] ?? { comment: "", command: "" };
      expect(comment).toContain(said);
      const outcome = await run(command);
      expect(outcome, command).toMatchObject({ status, json: body });
      // "The same order sent again is the same order", and the delivery's key "makes it safe to send again".
      if (/201, accepted|safe to send again/.test(comment)) {
        // Of a record that is there twice the second place is told, and the first decision.
        const { offset: _offset, ...same } = outcome.json;
        expect(await run(command)).toMatchObject({ status, json: same });
      }
      if (comment.includes("201, accepted")) {
        const another = command.replace(/ -H 'prefer: wait=5'/, "").replace("000000000001", "000000000002");
        expect(await run(another.replace('"quantity":3', '"quantity":1000'))).toMatchObject({
          status: 202,
          json: { status: "pending" },
        });
      }
      last = outcome.body;
    }
    expect(last).toBe(
      fences(text)
        .find(({ language }) => language === "json")
        ?.text.trim(),
    );
  });
});

test("many orders at once go as docs/http.md says", async () => {
  const text = fences(section(readText("docs/http.md"), "## Many orders at once"));
  const command = text.find(({ language }) => language === "sh")?.text ?? "";
  const said = (text.find(({ language }) => language === "json")?.text ?? "").split("\n").filter((line) => line !== "");
  const { stdout } = await promisify(execFile)("bash", ["-c", command.replaceAll(written, api)], { env: process.env });
  const lines = stdout.trim().split("\n");
  const membersOf = (line: string): string[] => Object.keys(JSON.parse(line) as object);
  expect(lines.map(membersOf)).toEqual(said.map(membersOf));
});

describe("CONTRIBUTING.md", () => {
  test("the Node of the scripts is put on the PATH", async () => {
    const { stdout } = await execa({
      cwd: root,
    })`bash -c ${`${block("CONTRIBUTING.md", "## Set up")}\ntype node; node --version`}`;
    expect(stdout).toContain(path.join(root, ".local/node/node_modules"));
    expect(stdout).toMatch(/^v24\./m);
  });

  test("some tests: each example selects what it says, and nothing else", async () => {
    const vitest = (...args: string[]) =>
      execa(process.execPath, ["node_modules/vitest/vitest.mjs", ...args], { cwd: root });
    const examples = shellSteps(block("CONTRIBUTING.md", "## Run some tests"));
    const [file, tier, one] = examples.map(
      ({ command }) => /^npm test -- ([^#]+?) *#/.exec(command)?.[1]?.split(" ") ?? [],
    );
    expect(examples).toHaveLength(3);
    const listed = async (args: readonly string[] = []) =>
      JSON.parse((await vitest("list", ...args, "--json")).stdout) as { file: string; projectName: string }[];

    const ofFile = await listed(file);
    expect([...new Set(ofFile.map((each) => each.file))]).toEqual([path.join(root, file?.[0] ?? "")]);
    const ofTier = await listed(tier);
    expect([...new Set(ofTier.map(({ projectName }) => projectName))]).toEqual([tier?.[1]]);
    // vitest lists nothing where a name is asked for; so this one is run.
    const report = path.join(home, "run.json");
    await vitest("run", ...(one ?? []), "--reporter", "json", "--outputFile", report);
    const { numPassedTests } = JSON.parse(await readFile(report, "utf8")) as { numPassedTests: number };
    expect(numPassedTests).toBeGreaterThan(0);
    expect(numPassedTests).toBeLessThan(ofFile.length);
  });

  test("a profile is written when the processor is asked to stop", async () => {
    const told = shellSteps(block("CONTRIBUTING.md", "## Profile")).map(({ command }) => command);
    const command = told.find((each) => each.startsWith("node --cpu-prof")) ?? "";
    const folder = path.join(root, /--cpu-prof-dir=(\S+)/.exec(command)?.[1] ?? "");
    const before = await readdir(folder).catch((): string[] => []);
    await using database = await createTestDatabase({ migrated: false });
    const port = String(await getPort({ host: "127.0.0.1" }));
    const topic = `profile-${port}`;
    const env = { DATABASE_URL: database.url, ORDERS_TOPIC: topic, CONSUMER_GROUP: topic, PROCESSOR_PORT: port };
    const [, ...args] = command.split(" ");
    const child = execa(process.execPath, args, { cwd: root, env, reject: false, stdio: "ignore" });
    try {
      await expect
        .poll(
          () =>
            fetch(`http://127.0.0.1:${port}/readyz`).then(
              ({ status }) => status,
              () => 0,
            ),
          { timeout: 60_000 },
        )
        .toBe(200);
      child.kill("SIGINT");
      expect((await child).exitCode).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await child;
    }
    const profiles = (await readdir(folder)).filter((name) => !before.includes(name));
    expect(profiles).toEqual([expect.stringMatching(/\.cpuprofile$/)]);
    await Promise.all(profiles.map((name) => rm(path.join(folder, name))));
  });
});

test("statements of docs/operations.md run on the database, and nothing they do is kept", async () => {
  const statements = blocksOf("docs/operations.md").filter(({ language }) => language === "sql");
  await onServer(tallyman.databaseUrl, async (client) => {
    await client.query("begin; update partitions set next_offset = 7, effects_offset = 7 where partition = 3");
    const answers: QueryResult<Record<string, unknown>>[] = [];
    for (const { text } of statements) answers.push(await client.query<Record<string, unknown>>(text));
    await client.query("rollback");
    const [trim, skip, anew] = answers;
    const file = trim?.rows[0]?.json_build_object as { version: number; partitions: unknown[] };
    expect(file.version).toBe(1);
    expect(file.partitions).toContainEqual({ topic: "orders", partition: 3, offset: 6 });
    expect([skip?.rowCount, anew?.rowCount]).toEqual([1, 1]);
  });
});
