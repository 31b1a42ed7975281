import type pg from "pg";
import { StoreUnavailable } from "../ledger-store.ts";

/** Runs `work` in a transaction. A failed transaction answers COMMIT with ROLLBACK and no error: the tag is checked (P3). */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = true;
  // The statement under way fails when the connection breaks; without a listener the event would also end the process.
  const onError = () => undefined;
  client.on("error", onError);
  try {
    await client.query("begin");
    try {
      const result = await work(client);
      const { command } = await client.query("commit");
      if (command !== "COMMIT") throw new StoreUnavailable(`the transaction ended with ${command}`);
      broken = false;
      return result;
    } catch (error) {
      await client.query("rollback").then(
        () => (broken = false),
        () => undefined,
      );
      throw error;
    }
  } finally {
    client.off("error", onError);
    client.release(broken);
  }
}
