import type pg from "pg";
import { beforeAll } from "vitest";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { createTestDatabase } from "../support/databases.ts";

/** Enough for what a contract does side by side. */
const connectionsMax = 6;

export type FileDatabase = { readonly url: string; readonly pool: pg.Pool };

/** A database of a test file's own, from before its first test until behind its last. The members are there within tests. */
export function useFileDatabase(): FileDatabase {
  let opened: FileDatabase | undefined;
  const open = (): FileDatabase => {
    if (opened === undefined) throw new Error("the database is there within tests only");
    return opened;
  };
  beforeAll(async () => {
    const database = await createTestDatabase();
    const { url } = database;
    const pool = createPool({ url, name: "contract", connectionsMax, onIdleError: () => undefined });
    opened = { url, pool };
    return async () => {
      await pool.end();
      await database[Symbol.asyncDispose]();
    };
  });
  return {
    get url() {
      return open().url;
    },
    get pool() {
      return open().pool;
    },
  };
}
