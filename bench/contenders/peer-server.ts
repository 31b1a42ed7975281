// A peer's server: one process of Node that listens on PORT and answers GET /readyz.
import path from "node:path";
import getPort from "get-port";
import { untilReady } from "../../local/supervise.ts";
import type { Bench } from "../support/bench.ts";
import { startOwnProcess } from "../support/own-process.ts";

export type PeerServer = {
  readonly name: string;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
};

const readyLimitMs = 60_000;

/** Resolves when it takes requests. */
export async function startPeerServer(
  bench: Bench,
  stack: AsyncDisposableStack,
  { name, script, environment }: PeerServer,
): Promise<{ readonly url: string; readonly pid: number }> {
  const port = await getPort({ host: "127.0.0.1" });
  const server = startOwnProcess(bench, stack, {
    name,
    run: { script },
    cwd: path.dirname(script),
    environment: { ...environment, PORT: String(port) },
    rank: 0,
  });
  const url = `http://127.0.0.1:${port}`;
  const { profile, services, signal } = bench;
  await untilReady(server, () => checkReady(url), readyLimitMs, { profile, custody: services.custody, signal });
  return { url, pid: server.pid };
}

/** Throws unless `GET /readyz` answers with success. */
export async function checkReady(url: string): Promise<void> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}/readyz answers ${response.status}: ${body}`);
}
