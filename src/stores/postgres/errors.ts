import pg from "pg";
import { CommitRefused, DataRefused, StoreUnavailable } from "../ledger-store.ts";

/**
 * SQLSTATE classes that say "not now": connection, rolled back by the server, resources, operator, system. 25P03 and
 * 25P04 are the time-outs of a transaction. What carries no SQLSTATE at all comes from the connection.
 */
const unavailableClasses = new Set(["08", "40", "53", "55", "57", "58"]);
/** The data itself: out of range or malformed, a constraint, too much of it, what somebody's trigger raises. */
const dataClasses = new Set(["22", "23", "54", "P0"]);
const unavailableCodes = new Set(["25P02", "25P03", "25P04"]);

/** Turns what the client library throws into the store's own errors; anything unexpected is returned as it is. */
export function storeError(error: unknown): unknown {
  if (error instanceof CommitRefused || error instanceof StoreUnavailable) return error;
  if (!(error instanceof pg.DatabaseError)) {
    return error instanceof Error && !isProgrammersMistake(error)
      ? new StoreUnavailable(error.message, { cause: error })
      : error;
  }
  const code = error.code ?? "";
  if (code === "TM001" || code === "TM002") return new CommitRefused("fenced", { cause: error });
  if (code === "TM003") return new CommitRefused("stale", { cause: error });
  if (code === "23505" && error.constraint === "ledger_pkey") return new CommitRefused("duplicate", { cause: error });
  if (unavailableClasses.has(code.slice(0, 2)) || unavailableCodes.has(code)) {
    return new StoreUnavailable(`${code} ${error.message}`, { cause: error });
  }
  if (dataClasses.has(code.slice(0, 2))) return new DataRefused(code, error.message, { cause: error });
  return error;
}

function isProgrammersMistake(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error.name === "AssertionError";
}
