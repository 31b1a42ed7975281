import { spawn } from "node:child_process";
import { closeSync, openSync, renameSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Custody, StopRule, Ward } from "./custody.ts";
import { Failure } from "./failure.ts";
import { lastLines } from "./files.ts";
import { testRunVariable } from "./leaks.ts";
import type { Profile } from "./paths.ts";
import { stopProcess } from "./process-identity.ts";

export type ServiceSpec = {
  name: string;
  command: string;
  args: string[];
  cwd: string;
  /** Added to the few variables that every service gets. */
  env?: Record<string, string>;
  /** One of our own processes: gets the whole environment, and a channel whose end tells it that this process is gone. */
  ours?: boolean;
  user?: { uid: number; gid: number };
  stop: StopRule;
};

export type Service = {
  name: string;
  pid: number;
  logFile: string;
  /** Resolves, to how it ended, when the process has ended for whatever reason. */
  exited: Promise<string>;
  stop(): Promise<void>;
};

/**
 * What a start needs to know beside the service itself. `brief`: for some minutes, with little to do. Then a JVM had better compile its code
 * quickly than well.
 */
export type StartContext = { profile: Profile; custody: Custody; signal: AbortSignal; brief?: boolean };

/** Starts a service with its output in the profile's logs folder, one earlier log kept. */
export function launch(spec: ServiceSpec, context: StartContext): Service {
  const logFile = path.join(context.profile.logs, `${spec.name}.log`);
  keepEarlierLog(logFile);
  const log = openSync(logFile, "w");
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: { ...(spec.ours ? process.env : plainEnvironment()), ...spec.env },
    stdio: ["ignore", log, log, ...(spec.ours ? (["ipc"] as const) : [])],
    // A session of its own, so that Ctrl-C reaches only this process, which stops the services in their order.
    detached: true,
    ...spec.user,
  });
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${String(code)}` : `ended by ${signal}`));
  });
  const ward = child.pid === undefined ? undefined : context.custody.add(child.pid, spec.name, spec.stop);
  void exited.then(() => ward && context.custody.remove(ward));
  return { name: spec.name, pid: child.pid ?? 0, logFile, exited, stop: () => stop(ward, exited) };
}

async function stop(ward: Ward | undefined, exited: Promise<string>): Promise<void> {
  if (ward !== undefined) await stopProcess(ward, ward.stop.signal, ward.stop.limitMs);
  await exited;
}

/**
 * Waits until `probe` resolves without an error. Throws a Failure with the log's last lines when the service ends first or `limitMs` is over,
 * and stops the service then, or when the start is given up.
 */
export async function untilReady(
  service: Service,
  probe: () => Promise<void>,
  limitMs: number,
  context: StartContext,
): Promise<void> {
  const startedAt = performance.now();
  let ended: string | undefined;
  void service.exited.then((how) => (ended = how));
  for (;;) {
    const problem = await failureOf(probe);
    if (problem === undefined) return;
    if (ended !== undefined) throw new ServiceFailure(service, `ended while it started (${ended})`);
    if (context.signal.aborted || performance.now() - startedAt > limitMs) {
      await service.stop();
      context.signal.throwIfAborted();
      throw new ServiceFailure(service, `was not ready after ${String(limitMs / 1000)} s (${problem})`);
    }
    await sleep(50);
  }
}

async function failureOf(probe: () => Promise<void>): Promise<string | undefined> {
  try {
    await probe();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export class ServiceFailure extends Failure {
  readonly log: string;
  constructor(service: Service, what: string) {
    const log = lastLines(service.logFile);
    super(`${service.name} ${what}.\n${log}\nThe whole log: ${service.logFile}`);
    this.log = log;
  }
}

const transient =
  /address already in use|BindException|Port already bound|seems to be in use|pre-existing shared memory block/i;

/** Starts again, with other ports, when somebody took a port between the choice and the bind, or a killed predecessor is not quite gone. */
export async function startWithRetries<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3 || !(error instanceof ServiceFailure) || !transient.test(error.log)) throw error;
      await sleep(500);
    }
  }
}

/** Settings meant for Tallyman, its tests or another Java program must not reach the services by way of the environment. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", testRunVariable];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function keepEarlierLog(logFile: string): void {
  try {
    renameSync(logFile, `${logFile}.1`);
  } catch {
    // The first start: there is none.
  }
}
