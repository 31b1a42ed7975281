// Starts peer (a) or (b): one process that decides in a database of its own before it answers.
import path from "node:path";
import getPort from "get-port";
import { untilReady } from "../../local/supervise.ts";
import type { Bench } from "../support/bench.ts";
import { createOwnDatabase, ownName } from "../support/own-database.ts";
import { startOwnProcess } from "../support/own-process.ts";
import type { Running } from "./contender.ts";
import { addProducts, countStored, verifyBooks } from "./orders-database.ts";
import { createTables } from "./orders-tables.ts";

export type OrdersPeer = {
  readonly name: string;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly takesBatches: boolean;
};

const readyLimitMs = 60_000;

export async function startOrdersPeer(bench: Bench, wanted: OrdersPeer): Promise<Running> {
  const { name, script, environment, takesBatches } = wanted;
  const stack = new AsyncDisposableStack();
  try {
    const { databaseUrl, database } = await createOwnDatabase(bench, stack, ownName());
    await database.query(createTables);
    const port = await getPort({ host: "127.0.0.1" });
    const server = startOwnProcess(bench, stack, {
      name,
      run: { script },
      cwd: path.dirname(script),
      environment: { ...environment, DATABASE_URL: databaseUrl, PORT: String(port) },
      rank: 0,
    });
    const url = `http://127.0.0.1:${port}`;
    const { profile, services, signal } = bench;
    await untilReady(server, () => checkReady(url), readyLimitMs, { profile, custody: services.custody, signal });
    return {
      postUrl: `${url}/orders`,
      batchUrl: takesBatches ? `${url}/orders/batch` : null,
      acceptedStatus: 201,
      decidesBeforeAnswer: true,
      pids: { [name]: server.pid },
      addProducts: (ids, units) => addProducts(database, ids, units),
      untilStored: () => Promise.resolve(),
      stored: () => countStored(database),
      verify: () => verifyBooks(database),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Throws unless `GET /readyz` answers with success. */
export async function checkReady(url: string): Promise<void> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}/readyz answers ${response.status}: ${body}`);
}
