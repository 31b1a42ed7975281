// Peer (e): Restate, with a virtual object for each product. Every order is a row in its product's state.
import { rmSync } from "node:fs";
import path from "node:path";
import getPort from "get-port";
import PQueue from "p-queue";
import { untilReady } from "../../../local/supervise.ts";
import type { Contender, Running } from "../../contenders/contender.ts";
import type { Bench } from "../../support/bench.ts";
import { cleanUp, ownName } from "../../support/own-database.ts";
import { startOwnProcess } from "../../support/own-process.ts";
import { readBooks } from "./books.ts";
import { installRestate } from "./install.ts";

const readyLimitMs = 60_000;
/** Of products that are put in. */
const concurrency = 32;

export const restate: Contender = {
  key: "e",
  title: "(e) Restate's virtual objects",
  onlyWithAll: true,
  start,
};

async function start(bench: Bench): Promise<Running> {
  const { profile, progress, services, signal } = bench;
  const installed = await progress.step("Restate, fetched once", () => installRestate(signal));
  const stack = new AsyncDisposableStack();
  try {
    const data = path.join(profile.folder, ownName());
    cleanUp(stack, "remove Restate's data", () => {
      rmSync(data, { recursive: true, force: true });
      return Promise.resolve();
    });
    const freeAddress = async () => `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
    const [ingress, admin, node, served] = [
      await freeAddress(),
      await freeAddress(),
      await freeAddress(),
      await freeAddress(),
    ];
    const context = { profile, custody: services.custody, signal };
    const server = startOwnProcess(bench, stack, {
      name: "restate",
      run: { command: installed.server, args: ["--no-logo", "--base-dir", data] },
      cwd: profile.folder,
      environment: {
        RESTATE_DISABLE_TELEMETRY: "true",
        RESTATE_LISTEN_MODE: "tcp",
        RESTATE_INGRESS__BIND_ADDRESS: ingress,
        RESTATE_ADMIN__BIND_ADDRESS: admin,
        RESTATE_BIND_ADDRESS: node,
        RESTATE_LOG_FILTER: "warn",
      },
      rank: 1,
    });
    const service = startOwnProcess(bench, stack, {
      name: "restate-service",
      run: { script: installed.service },
      cwd: path.dirname(installed.service),
      environment: { PORT: new URL(`http://${served}`).port },
      rank: 0,
    });
    await untilReady(server, () => get(`http://${admin}/health`), readyLimitMs, context);
    const deployment = { uri: `http://${served}`, force: true };
    await untilReady(service, () => post(`http://${admin}/deployments`, deployment), readyLimitMs, context);
    const books = () => readBooks(`http://${admin}`);
    return {
      postUrl: `http://${ingress}/Product/{productId}/place`,
      batchUrl: null,
      acceptedStatus: 200,
      decidesBeforeAnswer: true,
      takesOrderIds: true,
      pids: { restate: server.pid, "restate-service": service.pid },
      addProducts: async (ids, units) => {
        const queue = new PQueue({ concurrency });
        await queue.addAll(ids.map((id) => () => post(`http://${ingress}/Product/${id}/stock`, units)));
      },
      untilStored: () => Promise.resolve(),
      stored: async () => {
        const { accepted, rejected } = await books();
        return { accepted, rejected };
      },
      verify: async () => [...(await books()).problems],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function get(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
}

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const said = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${said}`);
}
