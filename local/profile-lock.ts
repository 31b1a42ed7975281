import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Failure } from "./failure.ts";
import type { Profile } from "./paths.ts";
import { type ProcessIdentity, identify, isAlive } from "./process-identity.ts";

export type ProfileOwner = ProcessIdentity & { command: string };

/**
 * Makes this process the only one that runs the profile's services. Throws a Failure that names the owner if there is a live one.
 * The returned function gives the profile back.
 */
export function lockProfile(profile: Profile, command: string): () => void {
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error("This process can't be found in the process table.");
  const file = ownerFile(profile);
  const own = `${file}.${String(process.pid)}`;
  writeFileSync(own, JSON.stringify({ ...identity, command } satisfies ProfileOwner));
  try {
    while (!tryLink(own, file)) {
      const owner = readOwner(file);
      if (owner !== undefined && isAlive(owner)) {
        throw new Failure(
          `The services of the profile "${profile.name}" already run in this checkout, started by process ${String(owner.pid)} (${owner.command}). ` +
            `Stop that first, or set TALLYMAN_PROFILE to another name for a second set.`,
        );
      }
      discard(file, owner);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(file, { force: true });
}

/** The live owner of the profile's services; undefined when nobody runs them. */
export function profileOwner(profile: Profile): ProfileOwner | undefined {
  const owner = readOwner(ownerFile(profile));
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

function ownerFile(profile: Profile): string {
  return path.join(profile.folder, "owner.json");
}

function tryLink(own: string, file: string): boolean {
  try {
    // A link appears at once and with its content, so nobody reads a lock without an owner.
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Of two that find the same dead owner, one renames the file first; a live lock that was taken by mistake is put back. */
function discard(file: string, dead: ProfileOwner | undefined): void {
  const taken = `${file}.stale.${String(process.pid)}`;
  try {
    renameSync(file, taken);
    const found = readOwner(taken);
    if (found !== undefined && found.pid !== dead?.pid) linkSync(taken, file);
  } catch {
    // The other one was first.
  }
  rmSync(taken, { force: true });
}

function readOwner(file: string): ProfileOwner | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProfileOwner;
  } catch {
    return undefined;
  }
}
