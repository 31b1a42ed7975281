import { randomBytes } from "node:crypto";
import pg from "pg";
import { migrate } from "../../src/stores/postgres/migrate.ts";

export type TestDatabase = AsyncDisposable & { readonly url: string };

/**
 * Makes a fresh database for one test file on the server that DATABASE_URL names, brought to the newest schema unless
 * `migrated` is false. `server` names another one. Disposing drops it, and fails when a connection to it was left open.
 */
export async function createTestDatabase({
  migrated = true,
  server = process.env.DATABASE_URL,
}: { migrated?: boolean; server?: string | undefined } = {}): Promise<TestDatabase> {
  if (server === undefined || server === "")
    throw new Error("DATABASE_URL must name a PostgreSQL server; npm test does");
  const name = `tallyman_test_${process.pid}_${randomBytes(4).toString("hex")}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await onServer(server, (client) => client.query(`create database ${name}`));
  const drop = () => onServer(server, (client) => dropDatabase(client, name));
  try {
    if (migrated) await migrate(url.href, () => undefined);
  } catch (error) {
    await drop();
    throw error;
  }
  return { url: url.href, [Symbol.asyncDispose]: drop };
}

/** Runs `work` on a connection of its own. */
export async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  const leaked = await connectionsOf(client, name);
  await client.query(`drop database ${name} with (force)`);
  if (leaked > 0) throw new Error(`the test left ${leaked} connections to its database open`);
}

/** Counts connections that stay: a server process ends a moment after its client has gone. */
async function connectionsOf(client: pg.Client, name: string): Promise<number> {
  let count = 0;
  for (let attempt = 0; attempt < 40; attempt++) {
    const { rows } = await client.query<{ count: number }>(
      "select count(*)::int as count from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
      [name],
    );
    count = rows[0]?.count ?? 0;
    if (count === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return count;
}
