import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessIdentity, identify, stopProcess } from "./process-identity.ts";

/** The variable that a test run's processes inherit, however deep and detached; its value is the run's own. */
export const testRunVariable = "TALLYMAN_TEST_RUN";

export type Leak = ProcessIdentity & { command: string };

const graceMs = 3_000;

/** The processes of a test run that are still there after its end, and a few seconds more. Linux only: elsewhere none are found. */
export async function findLeaks(run: string): Promise<Leak[]> {
  const giveUpAt = performance.now() + graceMs;
  for (;;) {
    const leaks = process.platform === "linux" ? scan(`${testRunVariable}=${run}`) : [];
    if (leaks.length === 0 || performance.now() > giveUpAt) return leaks;
    await sleep(100);
  }
}

export async function endLeaks(leaks: Leak[]): Promise<void> {
  await Promise.all(leaks.map((leak) => stopProcess(leak, "SIGTERM", 3_000)));
}

function scan(marker: string): Leak[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(marker)) return [];
      const identity = identify(pid);
      return identity === undefined
        ? []
        : [{ ...identity, command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim() }];
    } catch {
      // It ended in between, or belongs to somebody else.
      return [];
    }
  });
}
