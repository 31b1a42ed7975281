// Tallyman's own processes: the api, the processors and the workers, each a child with its log in a file.
import os from "node:os";
import path from "node:path";
import getPort, { portNumbers } from "get-port";
import { type Addresses, toEnvironment } from "./addresses.ts";
import { stopRanks } from "./custody.ts";
import { Failure } from "./failure.ts";
import { root } from "./paths.ts";
import type { Progress } from "./progress.ts";
import { type Service, type StartContext, launch, untilReady } from "./supervise.ts";

export type AppRole = "api" | "processor" | "worker";
export type App = Service & { url: string };

/** A young generation of 48 MB at most instead of 134: see docs/decisions/064. Only the command line can say so. */
const memoryFlags = ["--max-semi-space-size=16"];
const readyLimitMs = 60_000;
const host = process.env.HOST ?? "127.0.0.1";
const portVariables = { api: "PORT", processor: "PROCESSOR_PORT", worker: "WORKER_PORT" } as const;
const titles = { api: "API", processor: "Processor", worker: "Worker" } as const;

/** Starts one, with `settings` as further variables, and resolves when its /readyz says so. Throws a Failure when it ends first or takes more than a minute. */
export async function startApp(
  role: AppRole,
  port: number,
  addresses: Addresses,
  context: StartContext,
  progress: Progress,
  settings: Readonly<Record<string, string>> = {},
): Promise<App> {
  const startedAt = performance.now();
  const service = launch(
    {
      name: role === "api" ? "api" : `${role}-${String(port)}`,
      command: process.execPath,
      args: [...process.execArgv, ...memoryFlags, path.join(root, "src", "main.ts"), role],
      cwd: root,
      ours: true,
      env: {
        ...toEnvironment(addresses),
        HOST: host,
        [portVariables[role]]: String(port),
        INSTANCE_ID: process.env.INSTANCE_ID ?? `${role}-${os.hostname()}-${String(port)}`,
        ...settings,
      },
      stop: { rank: stopRanks[role], signal: "SIGTERM", limitMs: 15_000 },
    },
    context,
  );
  const url = `http://${reachableHost()}:${String(port)}`;
  await untilReady(service, () => checkReady(url), readyLimitMs, context);
  progress.done(`${titles[role]} on ${url}`, startedAt);
  return { ...service, url };
}

/** Where a processor's health is. */
export function chooseProcessorPort(): Promise<number> {
  return getPort({ port: portNumbers(9091, 9190), host });
}

/** Where a worker's is. */
export function chooseWorkerPort(): Promise<number> {
  return getPort({ port: portNumbers(9191, 9290), host });
}

/** PORT, or the first free one from 8080 on, which is said. Throws a Failure when PORT is no port, or is taken. */
export async function chooseApiPort(progress: Progress): Promise<number> {
  const wanted = process.env.PORT ?? "";
  if (wanted === "") {
    const port = await getPort({ port: portNumbers(8080, 8179), host });
    if (port !== 8080) progress.line(`Port 8080 is taken; the API gets ${String(port)}. PORT sets another.`);
    return port;
  }
  if (!/^\d{1,5}$/.test(wanted) || Number(wanted) > 65_535)
    throw new Failure(`PORT is "${wanted}"; it must be a number from 1 to 65535.`);
  const port = Number(wanted);
  if ((await getPort({ port, host })) !== port) {
    throw new Failure(
      `PORT is ${wanted}, and ${host}:${wanted} can't be listened on: another program has it. Stop that, or set PORT to a free one.`,
    );
  }
  return port;
}

async function checkReady(url: string): Promise<void> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok)
    throw new Error(`${url}/readyz answers ${String(response.status)}: ${(await response.text()).slice(0, 300)}`);
  await response.text();
}

/** An address that is meant for listening on all of the machine's can't be called. */
function reachableHost(): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
