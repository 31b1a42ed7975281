import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { writeWhole } from "./files.ts";
import type { Profile } from "./paths.ts";

/** Where the four services are. `databaseUrl` holds a password. */
export type Addresses = { kafkaBrokers: string; schemaRegistryUrl: string; databaseUrl: string; redisUrl: string };

const variables = {
  kafkaBrokers: "KAFKA_BROKERS",
  schemaRegistryUrl: "SCHEMA_REGISTRY_URL",
  databaseUrl: "DATABASE_URL",
  redisUrl: "REDIS_URL",
} as const satisfies Record<keyof Addresses, string>;

const keys = Object.keys(variables) as (keyof Addresses)[];

/** The services that the environment names; an empty variable names none. */
export function readNamed(environment: NodeJS.ProcessEnv): Partial<Addresses> {
  const set = keys.map((key) => [key, environment[variables[key]]] as const);
  return Object.fromEntries(set.filter(([, value]) => value !== undefined && value !== ""));
}

/** The addresses when each one is known. */
export function complete(addresses: Partial<Addresses>): Addresses | undefined {
  const { kafkaBrokers, schemaRegistryUrl, databaseUrl, redisUrl } = addresses;
  if (
    kafkaBrokers === undefined ||
    schemaRegistryUrl === undefined ||
    databaseUrl === undefined ||
    redisUrl === undefined
  )
    return undefined;
  return { kafkaBrokers, schemaRegistryUrl, databaseUrl, redisUrl };
}

/** The same addresses as variables for a child's environment or for a shell. */
export function toEnvironment(addresses: Addresses): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [variables[key], addresses[key]]));
}

/** Leaves the addresses for other commands of this checkout; valid while the profile has a live owner (profile-lock.ts). */
export function publishAddresses(profile: Profile, addresses: Addresses): void {
  writeWhole(addressFile(profile), JSON.stringify(addresses));
}

export function forgetAddresses(profile: Profile): void {
  rmSync(addressFile(profile), { force: true });
}

/** What the profile's owner has published; undefined while its services still start. */
export function publishedAddresses(profile: Profile): Addresses | undefined {
  try {
    return JSON.parse(readFileSync(addressFile(profile), "utf8")) as Addresses;
  } catch {
    return undefined;
  }
}

/** Leaves where the api is; undefined takes it away. */
export function publishApi(profile: Profile, url: string | undefined): void {
  if (url === undefined) rmSync(apiFile(profile), { force: true });
  else writeWhole(apiFile(profile), JSON.stringify({ url }));
}

/** Where the api was that another command of this checkout has started; it may be gone. */
export function publishedApi(profile: Profile): string | undefined {
  try {
    return (JSON.parse(readFileSync(apiFile(profile), "utf8")) as { url: string }).url;
  } catch {
    return undefined;
  }
}

function apiFile(profile: Profile): string {
  return path.join(profile.folder, "api.json");
}

function addressFile(profile: Profile): string {
  return path.join(profile.folder, "services.json");
}
