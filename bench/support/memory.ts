// Resident memory of processes, looked at each second. Read from /proc, so on Linux only: elsewhere there is nothing to tell.
import { readFileSync } from "node:fs";

const everyMs = 1_000;
const bytesPerMegabyte = 1_000_000;

/** Megabytes by process, one for each look. */
export type MemoryLooks = Readonly<Record<string, readonly number[]>>;

/** Looks at once, and then each second until `stop`, which looks once more. */
export function sampleMemory(pids: Readonly<Record<string, number>>): { stop(): MemoryLooks } {
  const looks: Record<string, number[]> = {};
  const look = (): void => {
    for (const [name, pid] of Object.entries(pids)) {
      const megabytes = readResident(pid);
      if (megabytes !== undefined) (looks[name] ??= []).push(megabytes);
    }
  };
  look();
  // A measurement that fails leaves it behind: it must not keep the process.
  const timer = setInterval(look, everyMs).unref();
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return looks;
    },
  };
}

/** Undefined where there is no /proc, and when the process is gone. */
function readResident(pid: number): number | undefined {
  try {
    return residentOf(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return undefined;
  }
}

/** From the text of /proc/PID/status, whose unit is 1,024 bytes. */
export function residentOf(status: string): number | undefined {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : (Number(kibibytes) * 1024) / bytesPerMegabyte;
}
