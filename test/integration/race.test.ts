// npm run race, small, on the services of the test run: it shows what it is for, and leaves nothing behind, also when it is stopped.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Figures } from "../../bench/race/verdict.ts";
import type { CustodyRecord } from "../../local/custody.ts";
import { localFolder } from "../../local/paths.ts";
import { type ProcessIdentity, identify, isAlive } from "../../local/process-identity.ts";
import { type Command, endCommands, outputHas, startCommand } from "../fixtures/local/run-command.ts";
import { onServer } from "../support/databases.ts";

const profile = `race-${randomBytes(3).toString("hex")}`;
const units = 60;
const orders = 180;
const small = ["--units", `${units}`, "--orders", `${orders}`, "--clients", "12", "--workers", "2", "--warm-up", "40"];

type Shop = Figures & { oversold: number; undecided: number };
type Told = { seed: Shop; tallyman: Shop; exitCode: number; reasons: string[] };

const startRace = (...args: string[]): Command => startCommand("../bench/race.ts", args, { TALLYMAN_PROFILE: profile });

afterAll(async () => {
  await endCommands();
  rmSync(path.join(localFolder, `${profile}-bench`), { recursive: true, force: true });
});

describe("npm run race", () => {
  it("ends with 0: the design with absolute numbers has lost units, and Tallyman none", async () => {
    const race = startRace(...small, "--json");
    let stdout = "";
    race.child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    await once(race.child, "close"); // Not only its end: what it wrote is read by then, too.
    expect(race.child.exitCode, race.output()).toBe(0);

    const { seed, tallyman, exitCode, reasons } = JSON.parse(stdout) as Told;
    expect([exitCode, reasons]).toEqual([0, []]);
    expect(tallyman).toMatchObject({
      ...{ stocked: units, sent: orders, accepted: units, refused: orders - units },
      ...{ sold: units, left: 0, cached: 0, oversold: 0, undecided: 0, problems: [] },
    });
    expect(seed).toMatchObject({ stocked: units, sent: orders, undecided: 0, sold: seed.accepted, cached: seed.left });
    expect(seed.accepted + seed.refused).toBe(orders);
    expect(seed.sold + seed.left).toBeGreaterThan(units);
    for (const shop of [seed, tallyman]) expect(shop.ordersPerSecond).toBeGreaterThan(0);
    await leftNothing(race);
  });

  it("ends when it is asked to, with all that it has started", async () => {
    const race = startRace(...small, "--orders", "1000000");
    await outputHas(race, "Shop that sends quantities");
    const running = processesOf(race);
    // The web server and its two workers, and the consumer.
    expect(running.filter(isAlive)).toHaveLength(4);
    race.child.kill("SIGINT");
    expect(await race.exited, race.output()).toBe(130);
    expect(running.filter(isAlive)).toEqual([]);
    await leftNothing(race);
  });

  it("says what an option must be", async () => {
    const race = startRace("--clients", "none");
    expect(await race.exited).toBe(1);
    expect(race.output()).toContain("--clients must be a whole number from 1 on. Options: --units 1000, ");
  });
});

/** What it has started, as it told its keeper, and their children. */
function processesOf({ child }: Command): ProcessIdentity[] {
  const file = path.join(localFolder, `${profile}-bench`, "processes", `${child.pid ?? 0}.json`);
  const { wards } = JSON.parse(readFileSync(file, "utf8")) as CustodyRecord;
  const table = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const pairs = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const children = wards.flatMap((ward) => pairs.filter(([, parent]) => parent === ward.pid).map(([pid = 0]) => pid));
  return [...wards, ...children.map(identify).filter((each) => each !== undefined)];
}

async function leftNothing({ child, output }: Command): Promise<void> {
  expect(output()).not.toContain("Could not");
  const left = await onServer(process.env.DATABASE_URL ?? "", (client) =>
    client.query("select datname from pg_database where starts_with(datname, $1)", [`bench_${child.pid ?? 0}_`]),
  );
  expect(left.rows).toEqual([]);
}
