import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Claim, GroupWrite } from "../../src/stores/ledger-store.ts";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { DatabaseUnfit, migrate } from "../../src/stores/postgres/migrate.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { movementLine, uuidOf } from "../support/commands.ts";
import { createTestDatabase, onServer } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => onServer(database.url, (client) => client.query("drop schema public cascade; create schema public")));

/** What `migrate` runs, for a test that stops before the newest schema. */
const migrations = {
  dir: fileURLToPath(new URL("../../src/stores/postgres/migrations", import.meta.url)),
  migrationsTable: "tallyman_migrations",
  direction: "up",
  noLock: true,
  singleTransaction: true,
  log: () => undefined,
} as const;

const migrated = async (): Promise<string[]> => {
  const messages: string[] = [];
  await migrate(database.url, (message) => messages.push(message));
  return messages;
};
const query = async (sql: string) =>
  (await onServer(database.url, (client) => client.query<{ name: string }>(sql))).rows;
const names = async (sql: string) => (await query(sql)).map(({ name }) => name);
const applied = () => names("select name from tallyman_migrations order by id");
const tables = () => names("select table_name as name from information_schema.tables where table_schema = 'public'");
const locks = () =>
  query(`select case when granted then 'held' else 'waited for' end as name from pg_locks l
         join pg_database d on d.oid = l.database
         where locktype = 'advisory' and datname = current_database() order by name`);

describe("a database that no waiting mends", () => {
  const elsewhere = (change: (url: URL) => void): string => {
    const url = new URL(database.url);
    change(url);
    return url.href;
  };
  const refused = (url: string) => expect(migrate(url, () => undefined)).rejects;

  test("is not there", async () => {
    const url = elsewhere((each) => (each.pathname = "/nowhere"));
    await refused(url).toThrow(DatabaseUnfit);
    await refused(url).toThrow(/no such database; make it.*3D000.*nowhere/);
  });

  test("knows no such user", async () => {
    const url = elsewhere((each) => (each.username = "nobody"));
    await refused(url).toThrow(DatabaseUnfit);
    await refused(url).toThrow(/(does not let the user|does not take the password) of DATABASE_URL.*nobody/);
  });

  test("lets the user make no tables", async () => {
    const user = new URL(database.url).pathname.slice(1);
    await query(`create role ${user} login password 'x'; revoke all on schema public from public`);
    try {
      const url = elsewhere((each) => ([each.username, each.password] = [user, "x"]));
      await refused(url).toThrow(DatabaseUnfit);
      await refused(url).toThrow(/may not make tables there; let it own the database/);
    } finally {
      await query(`drop role ${user}`);
    }
  });

  test("was migrated by another version, which has no such migration", async () => {
    await migrated();
    await query("delete from tallyman_migrations where id = (select min(id) from tallyman_migrations)");
    await refused(database.url).toThrow(DatabaseUnfit);
    await refused(database.url).toThrow(/Another version of Tallyman has migrated the database: .*0001/);
  });
});

describe("migrate", () => {
  test("brings an empty database to the newest schema and says so; a second time there is nothing to do", async () => {
    const messages = await migrated();
    expect(messages).toEqual((await applied()).map((name) => `migrated the database: ${name}`));
    expect(messages.length).toBeGreaterThan(0);
    expect(await tables()).toEqual(
      expect.arrayContaining(["ledger", "stock", "partitions", "dead_letters", "products"]),
    );
    const before = await tables();
    expect(await migrated()).toEqual([]);
    expect(await tables()).toEqual(before);
  });

  test("eight processes that start at once: each migration is done once, and all of them may go on", async () => {
    const messages = await Promise.all(Array.from({ length: 8 }, migrated));
    const once = await applied();
    expect(messages.flat()).toHaveLength(once.length);
    expect(new Set(once).size).toBe(once.length);
  });

  test("a migration that fails leaves the schema as it was, and can be repeated when mended", async () => {
    await onServer(database.url, (client) => client.query("create table ledger (in_the_way boolean)"));
    await expect(migrated()).rejects.toThrow(/ledger/);
    expect(await tables()).not.toContain("stock");
    await onServer(database.url, (client) => client.query("drop table ledger"));
    expect(await migrated()).not.toEqual([]);
  });

  test("waits for another process that is migrating, and lets the lock go", async () => {
    let done = false;
    await onServer(database.url, async (client) => {
      await client.query("select pg_advisory_lock(7221893)");
      const waiting = migrated().then(() => (done = true));
      await expect.poll(async () => (await locks()).map(({ name }) => name)).toEqual(["held", "waited for"]);
      expect(done).toBe(false);
      await client.query("select pg_advisory_unlock(7221893)");
      await waiting;
    });
    expect(done).toBe(true);
    expect(await locks()).toEqual([]);
  });
});

describe("processes of the version before go on meanwhile", () => {
  test("a store that has the tables and statements of before the migration commits after it, on the same connection", async () => {
    await migrated();
    const pool = createPool({ url: database.url, name: "old", connectionsMax: 1, onIdleError: () => undefined });
    const store = createPostgresLedgerStore(pool);
    const [claim] = await store.claim([0], "old");
    if (claim === undefined) throw new Error("claimed nothing");
    await store.commit(delivery(claim, 0));
    // What every additive migration does to those who have planned a statement already.
    await onServer(database.url, (client) =>
      client.query("alter table ledger add column added_later text; alter table stock add column added_later text"),
    );
    expect(await migrated()).toEqual([]);
    await store.commit(delivery(claim, 1));
    expect(await store.linesBetween(0, 0, 9, 9)).toHaveLength(2);
    await store.close();
  });
});

describe("a migration beside a commit", () => {
  test("takes the tables in the order of a commit, so that neither waits for the other", async () => {
    await onServer(database.url, (client) => runner({ ...migrations, dbClient: client, count: 2 }));
    await onServer(database.url, async (commit) => {
      await commit.query("insert into partitions (partition, epoch, owner) values (0, 1, 'old')");
      await commit.query("begin; select from partitions for update");
      const migrating = migrated();
      const waits = () =>
        query("select relation::regclass as name from pg_locks where not granted and locktype = 'relation'");
      await expect.poll(async () => (await waits()).length).toBe(1);
      for (const table of ["stock", "ledger", "dead_letters"]) await commit.query(`select from ${table} for update`);
      await commit.query("commit");
      expect(await migrating).toHaveLength((await applied()).length - 2);
    });
  });
});

describe("a server that would lose acknowledged commits is refused (P3)", () => {
  test("synchronous_commit = off, as a database or role may have it", async () => {
    const name = new URL(database.url).pathname.slice(1);
    await onServer(database.url, (client) => client.query(`alter database ${name} set synchronous_commit = off`));
    await expect(migrated()).rejects.toThrow("synchronous_commit = off");
    expect(await tables()).toEqual([]);
    await onServer(database.url, (client) => client.query(`alter database ${name} reset synchronous_commit`));
  });
});

function delivery(claim: Claim, offset: number): GroupWrite {
  const advance = {
    partition: claim.partition,
    epoch: claim.epoch,
    from: offset,
    to: offset + 1,
    effectsOffset: 0,
    last: null,
  };
  return {
    advances: [advance],
    stock: [{ productId: "p1", readVersion: offset, after: { quantity: 10 * (offset + 1), version: offset + 1 } }],
    lines: [movementLine({ commandId: uuidOf(offset), offset })],
    changes: [],
    linesRead: [],
    deadLetters: [],
    parked: [],
    resumed: [],
  };
}
