// Restate's server and SDK, which nobody installs but who asks for this peer: in .local/restate, with the service beside them.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { Failure } from "../../../local/failure.ts";
import { localFolder } from "../../../local/paths.ts";

export type RestateInstallation = {
  /** The server's program. */
  readonly server: string;
  /** The service's script. */
  readonly service: string;
};

const limitMs = 5 * 60_000;
const service = "product-service.js";
const files = ["package.json", "package-lock.json", service];

/** Resolves when both are there; fetches only what has changed. Throws a Failure when that takes more than five minutes, or fails. */
export async function installRestate(signal: AbortSignal): Promise<RestateInstallation> {
  const target = path.join(localFolder, "restate");
  const stamp = stampOf();
  if (!isStamped(target, stamp)) {
    const partial = `${target}.${process.pid}.partial`;
    mkdirSync(partial, { recursive: true });
    try {
      for (const file of files) copyFileSync(path.join(import.meta.dirname, file), path.join(partial, file));
      await fetchPackages(partial, signal);
      writeFileSync(path.join(partial, "stamp"), stamp);
      rmSync(target, { recursive: true, force: true });
      renameSync(partial, target);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  return { server: serverIn(target), service: path.join(target, service) };
}

async function fetchPackages(cwd: string, signal: AbortSignal): Promise<void> {
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  // What an outer npm says of itself confuses an inner one; what leads to the registry stays.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/i.test(name)));
  try {
    await promisify(execFile)("npm", args, { cwd, env, timeout: limitMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    throw new Failure(
      `npm could not fetch Restate within five minutes; leave peer (e) out with --contenders, or try again.\n${said}`,
    );
  }
}

/** It is a package of its own for each platform, which has the program as a plain file. */
function serverIn(folder: string): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(path.join(folder, service)).resolve(`${name}/package.json`);
    return path.join(path.dirname(manifest), "bin", "restate-server");
  } catch {
    throw new Failure(`Restate has no server for this machine: there is no package ${name}.`);
  }
}

function isStamped(target: string, stamp: string): boolean {
  try {
    return readFileSync(path.join(target, "stamp"), "utf8") === stamp;
  } catch {
    return false;
  }
}

function stampOf(): string {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}\n`);
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(path.join(import.meta.dirname, file)));
  return hash.digest("hex");
}
