import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";

/** The checkout. */
export const root = path.dirname(import.meta.dirname);

/** All that the scripts make is under this ignored folder, but for PostgreSQL when started as root. */
export const localFolder = path.join(root, ".local");

/** Where the jars and the Redis binaries lie. */
export const javaFolder = path.join(localFolder, "java");

/** The user and the folder that PostgreSQL runs with. */
export type PostgresHome = { folder: string; user?: { uid: number; gid: number } };

/**
 * PostgreSQL refuses to run as root, and its user can't enter a checkout under /root or in a private temporary folder. So as root its
 * binaries and its data go to a folder of this checkout's own under /var/lib; else they stay in the checkout.
 */
export function postgresHome(): PostgresHome {
  if (process.getuid?.() !== 0) return { folder: path.join(localFolder, "postgres") };
  const hash = createHash("sha256").update(root).digest("hex").slice(0, 12);
  const name = hasUser("postgres") ? "postgres" : "nobody";
  return { folder: path.join("/var/lib/tallyman", hash), user: { uid: idOf("-u", name), gid: idOf("-g", name) } };
}

/** The folders of one profile; a profile is a set of services with its own data, so that development and tests don't meet. */
export type Profile = { name: string; folder: string; data: string; logs: string };

/** Names a profile's folders and makes them; throws on a name that isn't a plain word. */
export function openProfile(name: string): Profile {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name))
    throw new Error(`TALLYMAN_PROFILE is "${name}"; it must be a short word of a-z, 0-9 and "-".`);
  const folder = path.join(localFolder, name);
  const profile = { name, folder, data: path.join(folder, "data"), logs: path.join(folder, "logs") };
  mkdirSync(profile.data, { recursive: true });
  mkdirSync(profile.logs, { recursive: true });
  return profile;
}

function hasUser(name: string): boolean {
  try {
    execFileSync("id", ["-u", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function idOf(flag: "-u" | "-g", name: string): number {
  return Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
}
