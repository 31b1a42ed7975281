import type pg from "pg";
import { limits } from "../../../limits.ts";
import { StoreUnavailable } from "../../ledger-store.ts";
import { storeError } from "../errors.ts";

export type Statement = { readonly name: string; readonly text: string };
export type Query = <Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>;

/**
 * Reads with a deadline, for a request waits behind each: after `limits.readDeadlineMs`, also spent waiting for a free
 * connection, it rejects with `StoreUnavailable`. The pool's own, longer time limit ends what still runs.
 */
export function createQuery(pool: pg.Pool): Query {
  return async <Row extends pg.QueryResultRow>({ name, text }: Statement, values: readonly unknown[]) => {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      const fail = () => reject(new StoreUnavailable(`no answer in ${limits.readDeadlineMs} ms`));
      timer = setTimeout(fail, limits.readDeadlineMs);
    });
    const flight = pool.query<Row>({ name, text, values: [...values] });
    try {
      const { rows } = await Promise.race([flight, deadline]);
      return rows;
    } catch (error) {
      flight.catch(() => undefined); // Its late failure has been told already.
      throw storeError(error);
    } finally {
      clearTimeout(timer);
    }
  };
}
