/**
 * A commit that meets another transaction half-way: it must wait for what it checks, and judge by how the other one ended.
 * Without the lock, it would check what was true before and write after.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GroupWrite, RefusedBecause, StockWrite } from "../../src/stores/ledger-store.ts";
import { claimSql } from "../../src/stores/postgres/statements/claim.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { createPostgresWorld, waitingForLock } from "./ledger-store-postgres-world.ts";
import { group, outcomes, step, withStock } from "./ledger-store-world.ts";

let database: TestDatabase;
let world: Awaited<ReturnType<typeof createPostgresWorld>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  world = await createPostgresWorld(database.url);
});
afterEach(() => world[Symbol.asyncDispose]());

const order = orderLine({ commandId: uuidOf(50) });
const cancelled = orderLine({ commandId: uuidOf(50), status: "cancelled", revision: 2 });
const stock = (productId: string, readVersion: number, version: number): StockWrite => {
  return { productId, readVersion, after: { quantity: 4, version } };
};
const insertLine = `insert into ledger (command_id, type, product_id, quantity, status, delta, stock_after, version,
                                        "partition", "offset", issued_at)
                    values ('${uuidOf(60)}', 'ReceiveStock', 'p1', 1, 'accepted', 1, 1, 1, 9, 0, now())`;

type Meeting = { readonly meets: string; readonly sql: string; readonly write: Partial<GroupWrite> };
const meetings: (Meeting & { readonly because: RefusedBecause })[] = [
  { meets: "a claim of its partition", sql: claimSql, write: {}, because: "fenced" },
  {
    meets: "its own twin",
    sql: "update partitions set next_offset = 3 where partition = any($1) and $2 <> ''",
    write: {},
    because: "fenced",
  },
  {
    meets: "a sale of a product that it sells",
    sql: "update stock set version = 2, quantity = 1",
    write: { stock: [stock("p1", 1, 2)] },
    because: "stale",
  },
  {
    meets: "a sale of a product that it read to refuse",
    sql: "update stock set version = 2, quantity = 1",
    write: { stock: [stock("p1", 1, 1)] },
    because: "stale",
  },
  {
    meets: "another who makes the product that it makes",
    sql: "insert into stock values ('p2', 1, 1)",
    write: { stock: [stock("p2", 0, 1)] },
    because: "stale",
  },
  {
    meets: "a cancel of an order that it cancels",
    sql: "update ledger set revision = 2, status = 'cancelled' where type = 'PlaceOrder'",
    write: { changes: [{ readRevision: 1, line: cancelled }] },
    because: "stale",
  },
  {
    meets: "a change of an order that it read to refuse",
    sql: "update ledger set revision = 2 where type = 'PlaceOrder'",
    write: { linesRead: [{ commandId: order.commandId, revision: 1 }] },
    because: "stale",
  },
  {
    meets: "the same command as an order",
    sql: insertLine,
    write: { lines: [orderLine({ commandId: uuidOf(60) })] },
    because: "duplicate",
  },
  {
    meets: "the same command as a movement",
    sql: insertLine,
    write: { lines: [movementLine({ commandId: uuidOf(60) })] },
    because: "duplicate",
  },
];

/** Starts the commit behind the other transaction, which then ends with `ending`; tells how the commit went. */
async function meet({ sql, write }: Meeting, ending: "commit" | "rollback"): Promise<string[]> {
  const claim = await withStock(world.store, 10);
  await world.store.commit(group({ advances: [step(claim, 2)], lines: [order] }));
  const other = await world.pool.connect();
  try {
    await other.query("begin");
    await other.query(sql, sql.includes("$2") ? [[0], "another"] : []);
    const commit = world.store.commit(group({ ...write, advances: [step({ ...claim, nextOffset: 2 }, 3)] }));
    const outcome = outcomes([commit]);
    await waitingForLock(world.pool);
    await other.query(ending);
    return await outcome;
  } finally {
    other.release();
  }
}

describe("a commit that meets", () => {
  test.each(meetings)("$meets is $because when that one commits", async ({ because, ...meeting }) => {
    expect(await meet(meeting, "commit")).toEqual([because]);
  });

  test.each(meetings)("$meets succeeds when that one rolls back", async (meeting) => {
    expect(await meet(meeting, "rollback")).toEqual(["committed"]);
  });
});
