import pg from "pg";
import { limits } from "../../limits.ts";

/** Every int8 that Tallyman stores is within what a JavaScript number holds exactly. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 && format !== "binary"
      ? Number
      : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

export type PoolOptions = {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  readonly connectionsMax: number;
  /** Told of connections that break while idle; the pool replaces them by itself. */
  readonly onIdleError: (error: Error) => void;
};

/**
 * A pool whose sessions keep what P3 asks for: commits are durable, a transaction has a time limit, so that a stopped
 * process holds no lock, and a query that gets no answer fails instead of hanging. The plan for a group is made once.
 */
export function createPool({ url, name, connectionsMax, onIdleError }: PoolOptions): pg.Pool {
  const settings = {
    synchronous_commit: "on",
    transaction_timeout: limits.commitTimeoutMs,
    plan_cache_mode: "force_generic_plan",
  };
  const pool = new pg.Pool({
    connectionString: url,
    application_name: name,
    max: connectionsMax,
    types,
    keepAlive: true,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    query_timeout: limits.commitTimeoutMs,
    idleTimeoutMillis: 0,
    options: Object.entries(settings)
      .map(([key, value]) => `-c ${key}=${value}`)
      .join(" "),
  });
  pool.on("error", onIdleError);
  return pool;
}
