// Starts peer (a) or (b): one process that decides in a database of its own before it answers.
import type { Bench } from "../support/bench.ts";
import { createOwnDatabase, ownName } from "../support/own-database.ts";
import type { Running } from "./contender.ts";
import { addProducts, countStored, verifyBooks } from "./orders-database.ts";
import { createTables } from "./orders-tables.ts";
import { startPeerServer } from "./peer-server.ts";

export type OrdersPeer = {
  readonly name: string;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Run beside those that make the tables. */
  readonly statements?: string;
  readonly takesBatches: boolean;
};

export async function startOrdersPeer(bench: Bench, wanted: OrdersPeer): Promise<Running> {
  const { name, script, environment, takesBatches } = wanted;
  const stack = new AsyncDisposableStack();
  try {
    const { databaseUrl, database } = await createOwnDatabase(bench, stack, ownName());
    await database.query(createTables + (wanted.statements ?? ""));
    const server = await startPeerServer(bench, stack, {
      name,
      script,
      environment: { ...environment, DATABASE_URL: databaseUrl },
    });
    const { url } = server;
    return {
      postUrl: `${url}/orders`,
      batchUrl: takesBatches ? `${url}/orders/batch` : null,
      acceptedStatus: 201,
      decidesBeforeAnswer: true,
      takesOrderIds: true,
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
