/**
 * Stops processes, as SIGSTOP does, and wakes them.
 *
 * I1 What is silenced has a guard, a process that wakes it when its input closes, which the kernel does when the test is
 *    killed: what is stopped would not hear that it shall end, and PostgreSQL's own children are not in its process group.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

export type Guard = { wake(): Promise<void> };

/** Stops the process and its children. */
export async function silence(pid: number): Promise<Guard> {
  process.kill(pid, "SIGSTOP");
  const pids = [pid, ...(await childrenOf(pid))];
  // Begun before the children are stopped, so that none is without it (I1).
  const guard = spawn("sh", ["-c", `read -r line; kill -CONT ${pids.join(" ")}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  await once(guard, "spawn");
  for (const each of pids) sendSignal(each, "SIGSTOP");
  return {
    wake: async () => {
      if (guard.exitCode !== null) return;
      const exited = once(guard, "exit");
      guard.stdin.end();
      await exited;
    },
  };
}

/** As when the machine loses its power: nobody of the service gets to tidy up. */
export async function killWithChildren(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP"); // It starts no more children.
  for (const each of [pid, ...(await childrenOf(pid))]) sendSignal(each, "SIGKILL");
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in between.
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,ppid="]);
  const pairs = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([child = 0, parent = 0]) => (parent === pid ? [child] : []));
}
