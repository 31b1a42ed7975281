// npm run tallyman -- <command>: the command line, on the services that the environment names, else on those that run in this checkout.
import { tallyman } from "../src/tallyman.ts";
import { type Addresses, complete, publishedAddresses, readNamed, toEnvironment } from "./addresses.ts";
import { runMain } from "./failure.ts";
import { type Profile, listProfiles, openProfile } from "./paths.ts";
import { profileOwner } from "./profile-lock.ts";

await runMain(async () => {
  const named = readNamed(process.env);
  if (complete(named) !== undefined) return tallyman(process.argv.slice(2));
  const name = process.env.TALLYMAN_PROFILE ?? "dev";
  const running = listProfiles().includes(name) ? addressesOf(openProfile(name)) : undefined;
  if (running !== undefined) Object.assign(process.env, toEnvironment({ ...running, ...named }));
  // With an address that is wrong, what is wrong is said, and not that nothing runs.
  if (running !== undefined) return tallyman(process.argv.slice(2));
  return tallyman(
    process.argv.slice(2),
    `no services run in the profile "${name}" of this checkout: npm start or npm run services starts them; or name ` +
      "yours with KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL and REDIS_URL",
  );
});

function addressesOf(profile: Profile): Addresses | undefined {
  return profileOwner(profile) === undefined ? undefined : publishedAddresses(profile);
}
