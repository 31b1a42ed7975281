/** One process of Tallyman: `node src/main.ts` with roles and an environment of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Role = {
  readonly url: string;
  readonly pid: number;
  /** How it ended; null: it runs. */
  exitCode(): number | NodeJS.Signals | null;
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** What it has written to stderr; only what nobody handled is written there. */
  errors(): string;
  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void;
  /** Ends it at once, as a crash of the machine would. */
  kill(): Promise<void>;
  /** Asks it to stop; resolves with its exit code. */
  stop(): Promise<number | null>;
};

export type RoleOptions = {
  readonly roles: readonly ("api" | "processor" | "worker")[];
  readonly env: NodeJS.ProcessEnv;
  /** Of its first role. */
  readonly url: string;
  /** Where it logs to; nowhere when undefined. */
  readonly logFile?: string;
  /** The program; this checkout's when undefined. */
  readonly main?: string;
};

const ourMain = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const errorCharsKept = 4_000;

/** Starts it and does not wait. It ends by itself when this process does. */
export function launchRole({ roles, env, url, logFile, main = ourMain }: RoleOptions): Role {
  const output = logFile === undefined ? "ignore" : openSync(logFile, "w");
  const child = spawn(process.execPath, [main, ...roles], { env, stdio: ["ignore", output, "pipe", "ipc"] });
  if (output !== "ignore") closeSync(output);
  const exited = once(child, "exit").then(() => undefined);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-errorCharsKept)));
  return {
    url,
    pid: child.pid ?? 0,
    exitCode: () => child.exitCode ?? child.signalCode,
    exited,
    errors: () => errors,
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
}

const readyMs = 30_000;
const lookMs = 5_000;

/** Resolves when it says that it is ready; throws with what it has said when it ends first, or takes too long. */
export async function untilReady(role: Role, url: string): Promise<void> {
  const deadline = performance.now() + readyMs;
  let last = "";
  while (performance.now() < deadline) {
    if (role.exitCode() !== null) throw new Error(`it ended with ${String(role.exitCode())}: ${role.errors()}`);
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(lookMs) });
      if (response.ok) return;
      last = `${response.status} ${await response.text()}`;
    } catch (error) {
      last = String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} is not ready after ${readyMs} ms: ${last}; it has said: ${role.errors()}`);
}
