import type pg from "pg";
import { limits } from "../../../limits.ts";
import { StoreUnavailable } from "../../ledger-store.ts";
import { storeError } from "../errors.ts";
import type { Query } from "./query.ts";

/**
 * Runs `work` in a transaction, with the deadline of a request: after `limits.readDeadlineMs` it rejects with `StoreUnavailable`, as it does
 * where the connection broke, and then nobody knows whether it was committed; any other error says that it was not. What goes on in PostgreSQL
 * all the same is ended there, `limits.commitTimeoutMs` after the transaction was begun, which is before `work` is.
 */
export function createTransaction(pool: pg.Pool) {
  return async <Result>(work: (query: Query) => Promise<Result>): Promise<Result> => {
    let isOver = false;
    let held: pg.PoolClient | null = null;
    const give = (isBroken: boolean): void => {
      held?.release(isBroken);
      held = null;
    };
    const late = (): StoreUnavailable => new StoreUnavailable(`no answer in ${limits.readDeadlineMs} ms`);
    const run = async (): Promise<Result> => {
      const client = await pool.connect();
      held = client;
      try {
        const step = async <Value>(flight: () => Promise<Value>): Promise<Value> => {
          if (isOver) throw late();
          return flight();
        };
        const query: Query = async ({ name, text }, values) =>
          (await step(() => client.query({ name, text, values: [...values] }))).rows as never;
        await step(() => client.query("begin"));
        const result = await work(query);
        await step(() => client.query("commit"));
        give(false);
        return result;
      } catch (error) {
        await client.query("rollback").then(
          () => give(false),
          () => give(true),
        );
        throw error;
      }
    };
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        isOver = true;
        give(true); // Whatever it waits for fails with the connection.
        reject(late());
      }, limits.readDeadlineMs);
    });
    const flight = run();
    flight.catch(() => undefined); // Its late failure has been told already.
    try {
      return await Promise.race([flight, deadline]);
    } catch (error) {
      throw storeError(error);
    } finally {
      clearTimeout(timer);
    }
  };
}
