import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Failure } from "./failure.ts";
import { writeWhole } from "./files.ts";

/** The checkout. */
export const root = path.dirname(import.meta.dirname);

/** All that the scripts make is under this ignored folder, but for PostgreSQL when started as root. */
export const localFolder = path.join(root, ".local");

/** Where the jars and the Redis binaries lie. */
export const javaFolder = path.join(localFolder, "java");

/** The folders of one profile; a profile is a set of services with its own data, so that development and tests don't meet. */
export type Profile = { name: string; folder: string; data: string; logs: string };

// Downloads and the set-up's logs lie beside the profiles.
const reserved = ["go", "java", "logs", "maven", "node", "python", "restate"];

/** Names a profile's folders and makes them; throws a Failure on a name that can't be a folder's. */
export function openProfile(name: string): Profile {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name) || reserved.includes(name)) {
    throw new Failure(
      `TALLYMAN_PROFILE is "${name}"; it must be a word of a-z, 0-9 and "-", and none of ${reserved.join(", ")}.`,
    );
  }
  const folder = path.join(localFolder, name);
  const profile = { name, folder, data: path.join(folder, "data"), logs: path.join(folder, "logs") };
  try {
    mkdirSync(profile.data, { recursive: true });
    mkdirSync(profile.logs, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure(`${folder} can't be written (${why}). Run as the user it belongs to, or remove ${localFolder}.`);
  }
  return profile;
}

/** The names of the profiles that have data in this checkout. */
export function listProfiles(): string[] {
  if (!existsSync(localFolder)) return [];
  return readdirSync(localFolder).filter(
    (name) => !reserved.includes(name) && existsSync(path.join(localFolder, name, "data")),
  );
}

/** The user that PostgreSQL runs as when that can't be this one, and the folder of this checkout that it can enter. */
export type PostgresHome = { folder: string; user: { uid: number; gid: number } };

/**
 * PostgreSQL refuses to run as root, and another user can't enter a checkout under /root or in a private temporary folder. So as root its
 * binaries and its data go to a folder of this checkout's own under /var/lib; undefined for everybody else, where they stay in the checkout.
 */
export function postgresHome(): PostgresHome | undefined {
  if (process.getuid?.() !== 0) return undefined;
  // The path alone would give a new clone the database of a deleted one; the id alone would give a copied checkout the original's.
  const hash = createHash("sha256").update(`${root}\n${checkoutId()}`).digest("hex").slice(0, 12);
  const name = hasUser("postgres") ? "postgres" : "nobody";
  return { folder: path.join("/var/lib/tallyman", hash), user: { uid: idOf("-u", name), gid: idOf("-g", name) } };
}

/** A name for this checkout's data, made when .local is. */
function checkoutId(): string {
  const file = path.join(localFolder, "id");
  if (!existsSync(file)) {
    mkdirSync(localFolder, { recursive: true });
    writeWhole(file, randomUUID());
  }
  return readFileSync(file, "utf8");
}

function hasUser(name: string): boolean {
  try {
    execFileSync("id", ["-u", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function idOf(flag: "-u" | "-g", name: "postgres" | "nobody"): number {
  return Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
}
