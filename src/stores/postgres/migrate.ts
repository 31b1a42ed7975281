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
      throw unfitOf(error) ?? (error instanceof pg.DatabaseError ? storeError(error) : error);
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
    throw unfitOf(error) ?? storeError(error);
  }
}

const mayNotMakeTables = "The user of DATABASE_URL may not make tables there; let it own the database";

/** What no waiting mends, by SQLSTATE: who we say we are, what we may do, and what the server is made of. */
const unfit: Readonly<Record<string, string>> = {
  "28P01": "PostgreSQL does not take the password of DATABASE_URL",
  "28000": "PostgreSQL does not let the user of DATABASE_URL in",
  "3D000": "PostgreSQL has no such database; make it, or name another one in DATABASE_URL",
  "42501": mayNotMakeTables,
  "0A000": "PostgreSQL lacks an extension that its contrib package has",
  "58P01": "PostgreSQL lacks an extension that its contrib package has",
};

function unfitOf(error: unknown): DatabaseUnfit | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = error instanceof pg.DatabaseError ? (error.code ?? "") : "";
  const why = unfit[code];
  if (why !== undefined) return new DatabaseUnfit(`${why} (${code}: ${error.message})`, { cause: error });
  // What node-pg-migrate says of a migration that others have run without.
  if (!error.message.startsWith("Not run migration")) return undefined;
  const means = "Another version of Tallyman has migrated the database";
  return new DatabaseUnfit(`${means}: ${error.message}`, { cause: error });
}

async function bringUp(client: pg.Client, log: (message: string) => void): Promise<void> {
  await checkDurability(client);
  await checkPrivileges(client);
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

/** What runs the migrations tells of a refusal without its code. */
async function checkPrivileges(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ may: boolean | null }>(
    "select has_schema_privilege(current_schema(), 'create') and has_database_privilege(current_database(), 'create') as may",
  );
  if (rows[0]?.may !== true) throw new DatabaseUnfit(mayNotMakeTables);
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
