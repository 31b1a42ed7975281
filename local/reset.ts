// npm run reset: empties the data of every profile of this checkout, or of those that are named. With --all the downloads go too.
import { rmSync } from "node:fs";
import { endLeftovers, liveOwners } from "./custody.ts";
import { Failure, runMain } from "./failure.ts";
import { type Profile, listProfiles, localFolder, openProfile, postgresHome } from "./paths.ts";
import { lockProfile } from "./profile-lock.ts";
import { emptyData } from "./services.ts";

await runMain(async () => {
  const args = process.argv.slice(2);
  const all = args.includes("--all");
  const named = args.filter((arg) => arg !== "--all");
  const known = listProfiles();
  const unknown = named.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Failure(`There is no profile ${unknown.join(", ")} here; there is ${known.join(", ") || "none"}.`);
  if (all && named.length > 0) throw new Failure("--all removes everything, so it takes no profile's name.");

  const profiles = (named.length > 0 ? named : known).map(openProfile);
  const unlocks = lockAll(profiles);
  try {
    for (const profile of profiles) await empty(profile);
  } finally {
    for (const unlock of unlocks) unlock();
  }
  if (all) {
    for (const folder of [localFolder, postgresHome()?.folder]) {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }
  const emptied =
    profiles.length === 0
      ? "There was no data."
      : `Emptied the data of ${profiles.map(({ name }) => name).join(", ")}.`;
  console.log(all ? `${emptied} Removed the downloads.` : emptied);
  return 0;
});

/** All or none: nothing is emptied while a command uses one of them. */
function lockAll(profiles: Profile[]): (() => void)[] {
  const unlocks: (() => void)[] = [];
  try {
    for (const profile of profiles) {
      const [owner] = liveOwners(profile);
      if (owner !== undefined)
        throw new Failure(`The profile "${profile.name}" is in use by process ${String(owner.pid)}. Stop that first.`);
      unlocks.push(lockProfile(profile, "npm run reset"));
    }
    return unlocks;
  } catch (error) {
    for (const unlock of unlocks) unlock();
    throw error;
  }
}

async function empty(profile: Profile): Promise<void> {
  // A command that was killed may have left services that still write here.
  await endLeftovers(profile);
  emptyData(profile);
  rmSync(profile.folder, { recursive: true, force: true });
}
