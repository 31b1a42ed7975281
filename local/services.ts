import { rmSync } from "node:fs";
import { type Addresses, complete, forgetAddresses, publishAddresses } from "./addresses.ts";
import { type Custody, endLeftovers, openCustody } from "./custody.ts";
import type { Profile } from "./paths.ts";
import { postgresFolder } from "./postgres-files.ts";
import { lockProfile } from "./profile-lock.ts";
import type { Progress } from "./progress.ts";
import { startMissing } from "./start-missing.ts";
import type { Service } from "./supervise.ts";

export type Services = Addresses & {
  /** The processes that were started here, by name. */
  pids: Record<string, number>;
  custody: Custody;
  /** Resolves, to what happened, when one of them ends without having been stopped. */
  crashed: Promise<string>;
  stop(): Promise<void>;
};

export type ServicesOptions = {
  profile: Profile;
  /** Services that run elsewhere already: used, not started. */
  named: Partial<Addresses>;
  progress: Progress;
  /** What the user called; told to those who find the profile in use. */
  command: string;
  /** Gives the start up. */
  signal?: AbortSignal;
  /** Empties the profile's data first. */
  fresh?: boolean;
  /** As in StartContext. */
  brief?: boolean;
};

/**
 * Starts the services that are not named and resolves when all answer. Throws a Failure when another process runs this profile, when a
 * prerequisite is missing or when a service does not come up; nothing is left running then.
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { profile, progress, named } = options;
  const unlock = complete(named) === undefined ? lockProfile(profile, options.command) : () => undefined;
  const left = await endLeftovers(profile);
  if (left.length > 0) progress.line(`Stopped what an earlier start had left behind: ${left.join(", ")}.`);
  if (options.fresh === true) emptyData(profile);

  const custody = openCustody(profile);
  const started: Service[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopAll());
  async function stopAll(): Promise<void> {
    if (complete(named) === undefined) forgetAddresses(profile);
    const isDatabase = (service: Service): boolean => service.name === "postgres";
    await Promise.all(started.filter((service) => !isDatabase(service)).map((service) => service.stop()));
    // The registry writes into it until its end.
    await Promise.all(started.filter(isDatabase).map((service) => service.stop()));
    custody.close();
    unlock();
  }
  async function crash(service: Service): Promise<string> {
    const how = await service.exited;
    // A stop ends them too, and that is no crash: then this never resolves.
    if (stopping !== undefined) await new Promise(() => undefined);
    return `${service.name} ended (${how}); its log is ${service.logFile}`;
  }

  try {
    const addresses = await startMissing(
      named,
      {
        profile,
        custody,
        signal: options.signal ?? new AbortController().signal,
        brief: options.brief === true,
      },
      progress,
      started,
    );
    if (complete(named) === undefined) publishAddresses(profile, addresses);
    const pids = Object.fromEntries(started.map(({ name, pid }) => [name, pid]));
    return { ...addresses, pids, custody, crashed: Promise.race(started.map(crash)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes a profile's data, PostgreSQL's too. Its services must not run. */
export function emptyData(profile: Profile): void {
  for (const folder of [profile.data, postgresFolder(profile)]) rmSync(folder, { recursive: true, force: true });
}
