import type pg from "pg";
import type { ExpiryStore } from "../expiry-store.ts";
import { storeError } from "./errors.ts";
import type { Statement } from "./reads/query.ts";
import { expireSql, giveUpDeliveriesSql } from "./statements/expiry.ts";

/** `pool` stays the caller's. */
export function createPostgresExpiryStore(pool: pg.Pool): ExpiryStore {
  const count = async (statement: Statement, values: unknown[]): Promise<number> => {
    try {
      return (await pool.query({ ...statement, values })).rows.length;
    } catch (error) {
      throw storeError(error);
    }
  };
  return {
    expire: (kind, days, limit) => count(expireSql[kind], [days, limit]),
    giveUpDeliveries: (days, limit) => count(giveUpDeliveriesSql, [days, limit]),
  };
}
