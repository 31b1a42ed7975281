import { expect, test } from "vitest";
import type { LineStatus } from "../../src/schemas/lines.ts";
import { StoreUnavailable } from "../../src/stores/ledger-store.ts";
import { createMemoryDriverStore } from "../../src/stores/memory/driver-store.ts";
import { createPostgresDriverStore } from "../../src/stores/postgres/driver-store.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { describeDriverStore } from "./driver-store.contract.ts";
import type { DriverWorld } from "./driver-store.contract.ts";
import { useFileDatabase } from "./file-database.ts";

describeDriverStore("in memory", () => {
  const statuses = new Map<string, LineStatus>();
  const delivered = new Map<string, number>();
  return Promise.resolve({
    store: createMemoryDriverStore({
      statusOf: (orderId) => statuses.get(orderId),
      deliveredAt: (orderId) => delivered.get(orderId),
    }),
    deliver: (orderId) => Promise.resolve(delivered.set(orderId, Date.now())),
    decide: (orderId, status) => Promise.resolve(statuses.set(orderId, status)),
  });
});

const database = useFileDatabase();

async function emptyWorld(): Promise<DriverWorld> {
  await database.pool.query("truncate ledger, fulfilment_steps, drivers, order_drivers");
  return {
    store: createPostgresDriverStore(database.pool),
    deliver: (orderId) =>
      database.pool.query(
        "insert into fulfilment_steps (order_id, step, request_id) values ($1, 'delivered', gen_random_uuid())",
        [orderId],
      ),
    decide: (orderId, status) =>
      database.pool.query(
        `insert into ledger (command_id, type, product_id, quantity, status, delta, stock_after, version, "partition", "offset", issued_at)
         values ($1, 'PlaceOrder', 'p1', 1, $2, 0, 0, 1, 0, 0, now())
         on conflict (command_id) do update set status = excluded.status`,
        [orderId, status],
      ),
  };
}

describeDriverStore("in PostgreSQL", emptyWorld);

test("PostgreSQL itself keeps a second driver from an order, and a second order from a driver", async () => {
  await emptyWorld();
  await database.pool.query("insert into drivers (driver_id, name) values ('a', 'A'), ('b', 'B')");
  const give = (order: number, driver: string) =>
    database.pool.query("insert into order_drivers (order_id, driver_id, assigned_by) values ($1, $2, 'x')", [
      `00000000-0000-4000-8000-00000000000${order}`,
      driver,
    ]);
  await give(1, "a");
  await expect(give(1, "b")).rejects.toThrow(/order_drivers_pkey/);
  await expect(give(2, "a")).rejects.toThrow(/order_drivers_active/);
  await expect(give(2, "nobody")).rejects.toThrow(/foreign key/);
});

test("a store that is away is told as such", async () => {
  const url = "postgres://nobody@127.0.0.1:1/none";
  const nowhere = createPool({ url, name: "nowhere", connectionsMax: 1, onIdleError: () => undefined });
  await expect(createPostgresDriverStore(nowhere).drivers(["a"])).rejects.toBeInstanceOf(StoreUnavailable);
  await nowhere.end();
});
