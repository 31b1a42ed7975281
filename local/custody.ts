// Who ends what when things go wrong. Every process that a command starts is in its custody until it has ended:
//   I1  It is in the record and told to the keeper in the same turn in which it is spawned.
//   I2  The keeper ends what is left when its pipe to the owner closes, which the kernel does however the owner ends.
//   I3  Where the keeper was killed too, the next start ends what the records of dead owners still name, and nothing else: a record holds
//       start times, and a process id that was given out again has another.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { writeWhole } from "./files.ts";
import type { Profile } from "./paths.ts";
import { type ProcessIdentity, identify, isAlive, stopProcess } from "./process-identity.ts";

/** Lower ranks are stopped first, one rank at once: what is stopped early uses what is stopped late. */
export const stopRanks = { api: 0, worker: 0, processor: 1, service: 2, database: 3 } as const;

export type StopRule = {
  rank: number;
  signal: NodeJS.Signals;
  /** How long it may take to end by itself before it is killed. */
  limitMs: number;
};

export type Ward = ProcessIdentity & { name: string; stop: StopRule };
export type CustodyRecord = { owner: ProcessIdentity; wards: Ward[] };

export type Custody = {
  /** Takes a process in that was spawned just now. Undefined when it has ended already. */
  add(pid: number, name: string, stop: StopRule): Ward | undefined;
  remove(ward: Ward): void;
  /** Lets the keeper go; it ends at once what was not removed. */
  close(): void;
};

export function openCustody(profile: Profile): Custody {
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error("This process can't be found in the process table.");
  const folder = recordFolder(profile);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${String(process.pid)}.json`);
  const keeper = startKeeper(profile, file);
  const wards = new Map<number, Ward>();
  const publish = (): void => {
    const record = JSON.stringify({ owner, wards: [...wards.values()] } satisfies CustodyRecord);
    writeWhole(file, record);
    keeper.write(`${record}\n`);
  };
  publish();
  return {
    add(pid, name, stop) {
      const identity = identify(pid);
      if (identity === undefined) return undefined;
      const ward = { ...identity, name, stop };
      wards.set(pid, ward);
      publish();
      return ward;
    },
    remove(ward) {
      if (wards.delete(ward.pid)) publish();
    },
    close: () => keeper.end(),
  };
}

function startKeeper(profile: Profile, recordFile: string) {
  const log = openSync(path.join(profile.logs, "keeper.log"), "a");
  // In a session of its own: Ctrl-C and a closed terminal reach the owner only.
  const keeper = spawn(
    process.execPath,
    [...process.execArgv, path.join(import.meta.dirname, "keeper.ts"), recordFile],
    {
      detached: true,
      cwd: "/",
      stdio: ["pipe", log, log],
    },
  );
  closeSync(log);
  if (keeper.stdin === null) throw new Error("The keeper has no input.");
  keeper.unref();
  // A keeper that was killed must not take the owner with it; the record is still there.
  keeper.stdin.on("error", () => undefined);
  return keeper.stdin;
}

/** Stops wards rank by rank; resolves to the names of those that had to be killed. */
export async function stopWards(wards: Ward[]): Promise<string[]> {
  const killed: string[] = [];
  const stop = async (ward: Ward): Promise<void> => {
    if (!(await stopProcess(ward, ward.stop.signal, ward.stop.limitMs))) killed.push(ward.name);
  };
  for (const rank of [...new Set(wards.map((ward) => ward.stop.rank))].sort()) {
    await Promise.all(wards.filter((ward) => ward.stop.rank === rank).map(stop));
  }
  return killed;
}

/** Ends what owners that were killed have left running in this profile; resolves to the names of what was found. */
export async function endLeftovers(profile: Profile): Promise<string[]> {
  const names: string[] = [];
  for (const file of listRecords(profile)) {
    const record = readRecord(file);
    if (record !== undefined && isAlive(record.owner)) continue;
    const left = record?.wards.filter(isAlive) ?? [];
    await stopWards(left);
    names.push(...left.map((ward) => ward.name));
    rmSync(file, { force: true });
  }
  return names;
}

/** The live owners that have processes in this profile. */
export function liveOwners(profile: Profile): ProcessIdentity[] {
  const owners = listRecords(profile).map((file) => readRecord(file)?.owner);
  return owners.filter((owner) => owner !== undefined).filter(isAlive);
}

function recordFolder(profile: Profile): string {
  return path.join(profile.folder, "processes");
}

function listRecords(profile: Profile): string[] {
  try {
    const folder = recordFolder(profile);
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

function readRecord(file: string): CustodyRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as CustodyRecord;
  } catch {
    return undefined;
  }
}
