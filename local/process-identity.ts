import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process for sure: ids are given out again, so an id alone may mean a stranger. */
export type ProcessIdentity = { pid: number; startTime: string };

/** Names a running process; undefined when there is none (or only its zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === "linux" ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/**
 * Sends `signal`, and SIGKILL to its process group if it is still there after `limitMs`. Resolves when it is gone: false if it had to be
 * killed. Does nothing to another process that got the same id.
 */
export async function stopProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  limitMs: number,
): Promise<boolean> {
  send(identity, identity.pid, signal);
  if (await isGone(identity, limitMs)) return true;
  send(identity, -identity.pid, "SIGKILL");
  send(identity, identity.pid, "SIGKILL");
  await isGone(identity, 5_000);
  return false;
}

async function isGone(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + limitMs;
  while (isAlive(identity)) {
    if (performance.now() > giveUpAt) return false;
    await sleep(25);
  }
  return true;
}

function send(identity: ProcessIdentity, target: number, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(target, signal);
  } catch {
    // It ended in between, or leads no group.
  }
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "latin1");
    // The second field is the name in brackets and may hold anything; the third is the state, the 22nd the start in ticks since the boot.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X" || fields[19] === undefined) return undefined;
    return `${bootId()}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return knownBootId;
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const [state, ...start] = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith("Z") ? undefined : start.join(" ");
  } catch {
    return undefined;
  }
}
