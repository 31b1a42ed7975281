// A database for one measurement, and its end.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { Failure } from "../../local/failure.ts";
import type { Bench } from "./bench.ts";

export type OwnDatabase = {
  readonly databaseUrl: string;
  /** A session in it. */
  readonly database: pg.Client;
};

/** For a database, a topic or a group that no other run has, and that tells whose it is. */
export const ownName = (): string => `bench_${process.pid}_${randomBytes(4).toString("hex")}`;

/** Makes it, and drops it with all that is in it when `stack` is disposed of. Throws a Failure where a commit would not be durable. */
export async function createOwnDatabase(bench: Bench, stack: AsyncDisposableStack, name: string): Promise<OwnDatabase> {
  const { databaseUrl: server } = bench.services;
  await onServer(server, (client) => client.query(`create database ${name}`));
  cleanUp(stack, `drop the database ${name}`, () =>
    onServer(server, (client) => client.query(`drop database ${name} with (force)`)),
  );
  const databaseUrl = withPath(server, name);
  const database = new pg.Client({ connectionString: databaseUrl, application_name: "bench" });
  database.on("error", (error) => bench.giveUp(`The benchmark's database session broke: ${error.message}`));
  await database.connect();
  cleanUp(stack, "close the database session", () => database.end());
  await checkDurable(database);
  return { databaseUrl, database };
}

/** Whoever acknowledges what a power cut takes back is not compared with those who don't. */
async function checkDurable(database: pg.Client): Promise<void> {
  const { rows } = await database.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')",
  );
  const off = rows.filter(({ setting }) => setting !== "on").map(({ name, setting }) => `${name} is ${setting}`);
  if (off.length > 0) throw new Failure(`PostgreSQL must store what it commits, and here ${off.join(", ")}.`);
}

/** Runs `work` when `stack` is disposed of; one thing that can't be cleaned up keeps no other from it, nor hides why the benchmark ended. */
export function cleanUp(stack: AsyncDisposableStack, what: string, work: () => Promise<unknown>): void {
  stack.defer(async () => {
    await work().catch((error: unknown) => console.error(`  Could not ${what}: ${String(error)}`));
  });
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

export function withPath(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
