import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import pg from "pg";
import { ExponentialBackoff, handleType, retry } from "cockatiel";
import { limits } from "../../limits.ts";
import { StoreUnavailable } from "../ledger-store.ts";
import { storeError } from "./errors.ts";

/** The database can't keep what Tallyman acknowledges; start-up must stop. */
export class DatabaseUnfit extends Error {
  override readonly name = "DatabaseUnfit";
}

/** Any number of our own: whoever migrates a Tallyman database waits for it. */
const migrationLock = 7_221_893;

/**
 * Brings the database to the newest schema. Forward only. Several processes may call it at once: an advisory lock lets one
 * work and the others wait, and each migration is written so that processes of the version before go on meanwhile.
 */
export async function migrate(url: string, log: (message: string) => void): Promise<void> {
  await retry(handleType(StoreUnavailable), whileAway).execute(async () => {
    const client = await connect(url);
    try {
      await bringUp(client, log);
    } catch (error) {
      throw error instanceof pg.DatabaseError ? storeError(error) : error;
    } finally {
      await client.end();
    }
  });
}

/** About half a minute, until a server that was started together with us is there. */
const whileAway = { maxAttempts: 30, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1_000 }) };

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: limits.connectTimeoutMs });
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw storeError(error);
  }
}

async function bringUp(client: pg.Client, log: (message: string) => void): Promise<void> {
  await checkDurability(client);
  // A migration that waits for a lock behind somebody's long query would keep all commits waiting behind itself: it tries again instead.
  await client.query(`set lock_timeout = ${limits.migrationLockTimeoutMs}`);
  await client.query("select pg_advisory_lock($1)", [migrationLock]);
  const done = await runner({
    dbClient: client,
    dir: fileURLToPath(new URL("migrations", import.meta.url)),
    migrationsTable: "tallyman_migrations",
    direction: "up",
    noLock: true,
    singleTransaction: true,
    log: () => undefined,
  });
  for (const { name } of done) log(`migrated the database: ${name}`);
}

/** An acknowledged commit must survive a crash (P3): refuses a server that is set not to keep it. */
async function checkDurability(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'server_version_num')",
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  const version = Number(settings.get("server_version_num"));
  if (version < 170_000)
    throw new DatabaseUnfit(`PostgreSQL 17 or newer is needed (transaction_timeout); this is ${version}`);
  for (const name of ["fsync", "full_page_writes"]) {
    if (settings.get(name) !== "on")
      throw new DatabaseUnfit(`PostgreSQL has ${name} = ${settings.get(name)}; set it to on`);
  }
  if (settings.get("synchronous_commit") === "off") {
    throw new DatabaseUnfit("PostgreSQL has synchronous_commit = off for this database or role; set it to on");
  }
}
