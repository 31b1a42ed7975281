// npm test: every tier on real services of their own, then one closing line. Arguments go to vitest: `npm test -- test/unit`,
// `npm test -- --project simulation`. The services are started only for a run that has tests which need them.
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Addresses, readNamed, toEnvironment } from "./addresses.ts";
import { type Custody, endLeftovers, openCustody } from "./custody.ts";
import { runMain } from "./failure.ts";
import { endLeaks, findLeaks, testRunVariable } from "./leaks.ts";
import { type Profile, openProfile, root } from "./paths.ts";
import { stopProcess } from "./process-identity.ts";
import { printProgress } from "./progress.ts";
import { startServices } from "./services.ts";
import { isStop, stopRequest, stopRequested } from "./stop-request.ts";
import { closingLine, readReport } from "./test-report.ts";

const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
const runLimitMs = 20 * 60_000;

await runMain(async () => {
  const args = process.argv.slice(2);
  const name = process.env.TALLYMAN_PROFILE;
  const profile = openProfile(name === undefined ? "test" : `${name}-test`);
  try {
    return (await needsServices(args)) ? await runWithServices(profile, args) : await runAlone(profile, args);
  } catch (error) {
    if (isStop(error)) return 130;
    throw error;
  }
});

async function runWithServices(profile: Profile, args: string[]): Promise<number> {
  const progress = printProgress();
  const named = readNamed(process.env);
  const services = await startServices({
    profile,
    named,
    progress,
    command: "npm test",
    signal: stopRequest,
    fresh: true,
    brief: true,
  });
  try {
    return await run(profile, args, services.custody, services.crashed, services);
  } finally {
    await services.stop();
  }
}

async function runAlone(profile: Profile, args: string[]): Promise<number> {
  await endLeftovers(profile);
  const custody = openCustody(profile);
  try {
    return await run(profile, args, custody, new Promise(() => undefined));
  } finally {
    custody.close();
  }
}

async function run(
  profile: Profile,
  args: string[],
  custody: Custody,
  crashed: Promise<string>,
  addresses?: Addresses,
): Promise<number> {
  // Two runs without services may be under way in one profile.
  const reportFile = path.join(profile.folder, `report-${String(process.pid)}.json`);
  const marker = randomUUID();
  // The tests start our programs two hundred times; compiled once, they are there in half the time.
  const NODE_COMPILE_CACHE = path.join(profile.folder, "compile-cache");
  const env = {
    ...{ ...process.env, NODE_COMPILE_CACHE },
    ...(addresses && toEnvironment(addresses)),
    [testRunVariable]: marker,
  };
  const how = await runVitest(
    [...args, "--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`],
    env,
    custody,
    crashed,
  );
  const leaks = await findLeaks(marker);
  for (const leak of leaks)
    console.error(`A test left process ${String(leak.pid)} running: ${leak.command.slice(0, 200)}`);
  await endLeaks(leaks);
  const counts = readReport(reportFile);
  rmSync(reportFile, { force: true });
  if (how !== "exit code 0") console.error(`vitest ended with ${how}.`);
  if (counts === undefined) {
    console.error("vitest left no report.");
    return 1;
  }
  for (const file of counts.brokenFiles) console.error(`Did not run: ${path.relative(root, file)}`);
  console.log(closingLine(counts));
  const good =
    how === "exit code 0" &&
    leaks.length === 0 &&
    counts.failed === 0 &&
    counts.brokenFiles.length === 0 &&
    counts.passed > 0;
  return good ? 0 : 1;
}

/** Runs vitest to its end, or until a service ends, a stop is asked for or the time is over; resolves to how it ended. */
async function runVitest(
  args: string[],
  env: NodeJS.ProcessEnv,
  custody: Custody,
  crashed: Promise<string>,
): Promise<string> {
  const child = spawn(process.execPath, [...process.execArgv, vitest, "run", ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    // A session of its own, so that Ctrl-C reaches only this process, which ends vitest and then the services.
    detached: true,
  });
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
  });
  const ward =
    child.pid === undefined
      ? undefined
      : custody.add(child.pid, "vitest", { rank: 0, signal: "SIGTERM", limitMs: 5_000 });
  const timer = new AbortController();
  const late = sleep(runLimitMs, "its time limit of 20 minutes", { signal: timer.signal }).catch(() => "");
  const how = await Promise.race([exited, crashed, stopRequested().then(() => "a stop that was asked for"), late]);
  timer.abort();
  if (ward !== undefined) {
    await stopProcess(ward, ward.stop.signal, ward.stop.limitMs);
    custody.remove(ward);
  }
  return how;
}

/** Asks vitest which files the arguments select; one that can't say gets the services. */
async function needsServices(args: string[]): Promise<boolean> {
  const withoutServices = ["unit", "simulation"];
  try {
    // --json comes last: it would take a file's name after it for the place to write to.
    const { stdout } = await promisify(execFile)(process.execPath, [vitest, "list", "--filesOnly", ...args, "--json"], {
      cwd: root,
      timeout: 60_000,
    });
    const files = JSON.parse(stdout.slice(stdout.indexOf("["))) as { projectName?: string }[];
    return files.some((file) => !withoutServices.includes(file.projectName ?? ""));
  } catch {
    return true;
  }
}
