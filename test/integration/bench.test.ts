// npm run bench, small: every work with every contender runs and every count is exact, as the bench itself checks. No time is asserted.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Results } from "../../bench/report/results.ts";
import { smokeScale } from "../../bench/works/scale.ts";
import { works } from "../../bench/works/works.ts";
import { localFolder } from "../../local/paths.ts";
import { endCommands, startCommand } from "../fixtures/local/run-command.ts";
import { onServer } from "../support/databases.ts";

const limitMs = 600_000;
const profile = `smoke-${randomBytes(3).toString("hex")}`;
const startBench = (...args: string[]) => startCommand("../bench/compare.ts", args, { TALLYMAN_PROFILE: profile });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "bench-"));
});
afterAll(async () => {
  await endCommands();
  await rm(folder, { recursive: true });
  await rm(path.join(localFolder, `${profile}-bench`), { recursive: true, force: true });
});

test("every work runs with all who can do it, and every count is exact", { timeout: limitMs }, async () => {
  const bench = startBench("--smoke", "--results", folder);
  expect(await bench.exited, bench.output()).toBe(0);
  expect(bench.output()).toContain("Every order that was taken is decided and stored once");
  expect(bench.output()).not.toContain("Could not");

  const [json = "", svg = ""] = (await readdir(folder)).toSorted();
  const { lines, problems } = JSON.parse(await readFile(path.join(folder, json), "utf8")) as Results;
  expect(problems).toEqual([]);
  for (const { row, contender, spread } of lines) expect(spread.min, `${row}: ${contender}`).toBeGreaterThan(0);
  const inRow = (key: string) => lines.filter(({ row }) => row === key).map(({ contender }) => contender);
  for (const { key } of works.flatMap(({ rows }) => rows(smokeScale))) expect(inRow(key), key).toContain("tallyman");
  const [few] = smokeScale.connections;
  expect(inRow(`posts-${few}-uniform`).toSorted()).toEqual(["a", "b", "c", "http", "tallyman"]);
  expect(inRow(`posts-${few}-hot`).toSorted()).toEqual(["a", "b", "c", "tallyman"]);
  expect(inRow("batches").toSorted()).toEqual(["b", "tallyman"]);
  expect(inRow("overload-goodput").toSorted()).toEqual(["a", "tallyman"]);
  expect(inRow("neighbours-free")).toEqual(["tallyman"]);
  expect(inRow("drain").toSorted()).toEqual(["copy", "produce", "tallyman"]);
  expect(await readFile(path.join(folder, svg), "utf8")).toMatch(/^<svg [^]*Single POSTs[^]*<\/svg>\s*$/);

  const left = await onServer(process.env.DATABASE_URL ?? "", (client) =>
    client.query("select datname from pg_database where starts_with(datname, $1)", [`bench_${bench.child.pid ?? 0}_`]),
  );
  expect(left.rows).toEqual([]);
});

test("it says which works and contenders there are", async () => {
  const bench = startBench("--only", "posts,nothing");
  expect(await bench.exited).toBe(1);
  expect(bench.output()).toContain(`--only has nothing; what there is: ${works.map(({ key }) => key).join(", ")}.`);
});

test("the log's clients are compared, and every record of both is acknowledged", async () => {
  const clients = startCommand("../bench/log-clients.ts", ["--records", "30", "--appends", "2", "--repetitions", "1"], {
    TALLYMAN_PROFILE: profile,
  });
  expect(await clients.exited, clients.output()).toBe(0);
  expect(clients.output()).toMatch(/kafkajs +[\d.]+ +[\d.]+ +[\d.]+ +1\.00\n +@platformatic\/kafka +[\d.]+/);
});
