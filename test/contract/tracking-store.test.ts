/** Where orders are on their way: one suite on the memory and on PostgreSQL, over a ledger that has packed an order. */
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DriverStore } from "../../src/stores/driver-store.ts";
import type { FulfilmentStore } from "../../src/stores/fulfilment-store.ts";
import type { LedgerStore } from "../../src/stores/ledger-store.ts";
import { createMemoryDriverStore } from "../../src/stores/memory/driver-store.ts";
import { createMemoryFulfilmentStore } from "../../src/stores/memory/fulfilment-store.ts";
import { createMemoryLedgerStore } from "../../src/stores/memory/ledger-store.ts";
import { createMemoryTrackingStore } from "../../src/stores/memory/tracking-store.ts";
import { createPostgresDriverStore } from "../../src/stores/postgres/driver-store.ts";
import { createPostgresLedgerStore } from "../../src/stores/postgres/ledger-store.ts";
import { createPool } from "../../src/stores/postgres/pool.ts";
import { createPostgresFulfilmentStore } from "../../src/stores/postgres/reads/fulfilment-store.ts";
import { createPostgresTrackingStore } from "../../src/stores/postgres/reads/tracking-store.ts";
import { noTracking } from "../../src/stores/tracking-store.ts";
import type { TrackingStore } from "../../src/stores/tracking-store.ts";
import { movementLine, orderLine, uuidOf } from "../support/commands.ts";
import { createTestDatabase } from "../support/databases.ts";
import type { TestDatabase } from "../support/databases.ts";
import { claimOne, group, step } from "./ledger-store-world.ts";

type World = {
  readonly ledger: LedgerStore;
  readonly fulfilments: FulfilmentStore;
  readonly drivers: DriverStore;
  readonly store: TrackingStore;
};
const [packed, placed] = [uuidOf(1), uuidOf(2)];

function describeTracking(name: string, createWorld: () => Promise<World>): void {
  describe(name, () => {
    let world: World;
    beforeEach(async () => {
      world = await createWorld();
      const lines = [
        orderLine({ commandId: packed, fulfilment: "packed", revision: 2 }),
        movementLine({ type: "PackOrder", quantity: 1, delta: 0, commandId: uuidOf(11), orderId: packed }),
        orderLine({ commandId: placed }),
      ];
      await world.ledger.commit(group({ advances: [step(await claimOne(world.ledger), 3)], lines }));
      for (const id of ["grace", "ada"]) {
        await world.drivers.register({ id, name: id.toUpperCase() });
        await world.drivers.setDuty(id, true);
      }
    });
    const tracking = async (orderId = packed) => (await world.store.tracking([orderId]))[0];
    const give = (driverId: string, orderId = packed) => world.drivers.assign({ orderId, driverId, assignedBy: null });
    const advance = (name: "out_for_delivery" | "delivered") =>
      world.fulfilments.advance({ orderId: packed, step: name, actor: null, requestId: uuidOf(21) });

    test("each step and each change of the driver is a revision more; what changes nothing is none", async () => {
      const grace = { driverId: "grace", name: "GRACE" };
      expect(await tracking()).toEqual({ revision: 0, fulfilment: "packed", driver: null });
      await give("grace");
      expect(await tracking()).toEqual({ revision: 1, fulfilment: "packed", driver: grace });
      await give("grace");
      await give("ada"); // Grace has it.
      expect(await tracking()).toMatchObject({ revision: 1 });
      await world.drivers.release(packed);
      await world.drivers.release(packed);
      expect(await tracking()).toEqual({ revision: 2, fulfilment: "packed", driver: null });
      await give("ada");
      await advance("delivered"); // It has not left.
      expect(await tracking()).toMatchObject({ revision: 3, fulfilment: "packed", driver: { driverId: "ada" } });
      await advance("out_for_delivery");
      await advance("out_for_delivery");
      expect(await tracking()).toMatchObject({ revision: 4, fulfilment: "out_for_delivery", driver: { name: "ADA" } });
      await advance("delivered");
      expect(await tracking()).toMatchObject({ revision: 5, fulfilment: "delivered", driver: { driverId: "ada" } });
      // Ada may have another order now, which is no change of this one.
      await give("ada", placed);
      expect(await tracking()).toMatchObject({ revision: 5, driver: { driverId: "ada" } });
    });

    test("what changes is announced before anybody sees it; what changes nothing is not announced", async () => {
      const announced: (number | undefined)[] = [];
      const announce = async (): Promise<void> => void announced.push((await tracking())?.revision);
      const wanted = { orderId: packed, driverId: "grace", assignedBy: null };
      const out = { orderId: packed, step: "out_for_delivery", actor: null, requestId: uuidOf(21) } as const;
      await world.drivers.assign(wanted, announce);
      await world.drivers.assign({ ...wanted, driverId: "ada" }, announce); // Grace has it.
      await world.fulfilments.advance(out, announce);
      await world.fulfilments.advance(out, announce);
      await world.drivers.release(packed, announce);
      await world.drivers.release(packed, announce);
      expect(announced).toEqual([0, 1, 2]);
      expect(await tracking()).toMatchObject({ revision: 3 });
    });

    test("what can't be announced is not done", async () => {
      const fail = (): Promise<void> => Promise.reject(new TypeError("nobody hears it"));
      const wanted = { orderId: packed, driverId: "grace", assignedBy: null };
      await expect(world.drivers.assign(wanted, fail)).rejects.toThrow("nobody hears it");
      const out = { orderId: packed, step: "out_for_delivery", actor: null, requestId: uuidOf(21) } as const;
      await expect(world.fulfilments.advance(out, fail)).rejects.toThrow("nobody hears it");
      await give("grace");
      await expect(world.drivers.release(packed, fail)).rejects.toThrow("nobody hears it");
      expect(await tracking()).toMatchObject({ revision: 1, fulfilment: "packed", driver: { driverId: "grace" } });
    });

    test("of many orders, each its own, in their order; of those that nothing is known of, nothing", async () => {
      await give("grace", placed);
      await advance("out_for_delivery");
      expect(await world.store.tracking([uuidOf(9), packed, placed])).toEqual([
        noTracking,
        { revision: 1, fulfilment: "out_for_delivery", driver: null },
        { revision: 1, fulfilment: null, driver: { driverId: "grace", name: "GRACE" } },
      ]);
      expect(await world.store.tracking([])).toEqual([]);
    });

    test("of steps and dispatchers at once, every change is counted once", async () => {
      await Promise.all([advance("out_for_delivery"), give("grace"), give("ada"), advance("out_for_delivery")]);
      expect(await tracking()).toMatchObject({ revision: 2, fulfilment: "out_for_delivery" });
    });
  });
}

describeTracking("in memory", () => {
  const ledger = createMemoryLedgerStore();
  const fulfilments = createMemoryFulfilmentStore(ledger.lines, Date.now);
  const drivers = createMemoryDriverStore({
    statusOf: (orderId) => ledger.lines.get(orderId)?.status,
    deliveredAt: (orderId) => fulfilments.deliveredAt(orderId),
  });
  return Promise.resolve({ ledger, fulfilments, drivers, store: createMemoryTrackingStore(fulfilments, drivers) });
});

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, name: "contract", connectionsMax: 6, onIdleError: () => undefined });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

describeTracking("in PostgreSQL", async () => {
  await pool.query("truncate ledger, stock, partitions, fulfilment_steps, drivers, order_drivers, order_tracking");
  return {
    ledger: createPostgresLedgerStore(pool),
    fulfilments: createPostgresFulfilmentStore(pool),
    drivers: createPostgresDriverStore(pool),
    store: createPostgresTrackingStore(pool),
  };
});
