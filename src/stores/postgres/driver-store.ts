import type pg from "pg";
import type { AssignOutcome, Driver, DriverOfOrderRow, DriverStore, DutyOutcome } from "../driver-store.ts";
import { StoreUnavailable } from "../ledger-store.ts";
import { textArray, uuidArray } from "./binary-arrays.ts";
import { createQuery } from "./reads/query.ts";
import { createTransaction } from "./reads/transaction.ts";
import {
  assignDriverSql,
  driversOfOrdersSql,
  driversSql,
  listDriversSql,
  registerDriverSql,
  releaseDriverSql,
  setDriverDutySql,
} from "./statements/drivers.ts";

type DriverRow = {
  driver_id: string;
  name: string;
  on_duty: boolean;
  duty_since: Date;
  order_id: string | null;
};
type AssignRow = {
  outcome: AssignOutcome["kind"];
  of_order: string;
  of_driver: string;
  by_whom: string | null;
  since: Date | null;
};
type DutyRow = { outcome: DutyOutcome["kind"]; of_order: string | null };
type OrderDriverRow = {
  order_id: string;
  driver_id: string;
  name: string;
  assigned_by: string | null;
  assigned_at: Date;
  ended_at: Date | null;
};

/** `pool` stays the caller's. */
export function createPostgresDriverStore(pool: pg.Pool): DriverStore {
  const query = createQuery(pool);
  const transaction = createTransaction(pool);

  const drivers = async (ids: readonly string[]): Promise<(Driver | null)[]> => {
    if (ids.length === 0) return [];
    const rows = await query<DriverRow>(driversSql, [textArray(ids)]);
    const byId = new Map(rows.map((row) => [row.driver_id, driverOf(row)]));
    return ids.map((id) => byId.get(id) ?? null);
  };
  const driversOf = async (orderIds: readonly string[]): Promise<(DriverOfOrderRow | null)[]> => {
    if (orderIds.length === 0) return [];
    const rows = await query<OrderDriverRow>(driversOfOrdersSql, [uuidArray(orderIds)]);
    const byId = new Map(rows.map((row) => [row.order_id, orderDriverOf(row)]));
    return orderIds.map((id) => byId.get(id) ?? null);
  };

  return {
    drivers,
    driversOf,
    list: async ({ onDuty = null, free = null }, after, limit) => {
      const rows = await query<DriverRow>(listDriversSql, [after ?? "", onDuty, free, limit]);
      return rows.map(driverOf);
    },
    register: async ({ id, name }) => {
      const added = await query<{ driver_id: string }>(registerDriverSql, [id, name]);
      const [driver] = await drivers([id]);
      if (driver === null || driver === undefined) throw new StoreUnavailable("the driver was there and is gone");
      return { driver, created: added.length > 0 };
    },
    setDuty: async (driverId, onDuty) => {
      const [row] = await query<DutyRow>(setDriverDutySql, [driverId, onDuty]);
      const { outcome, of_order } = only(row);
      if (outcome !== "driver_busy") return { kind: outcome };
      return { kind: outcome, orderId: of_order ?? "" };
    },
    assign: ({ orderId, driverId, assignedBy }, beforeCommit) =>
      transaction(async (ask) => {
        const [row] = await ask<AssignRow>(assignDriverSql, [orderId, driverId, assignedBy]);
        const outcome = assignOutcomeOf(only(row));
        if (outcome.kind === "assigned") await beforeCommit?.();
        return outcome;
      }),
    release: async (orderId, beforeCommit) => {
      const [released] = await transaction(async (ask) => {
        const rows = await ask<{ driver_id: string }>(releaseDriverSql, [orderId]);
        if (rows.length > 0) await beforeCommit?.();
        return rows;
      });
      if (released !== undefined) return { kind: "released", driverId: released.driver_id };
      const [stays] = await driversOf([orderId]);
      const isEnded = typeof stays?.endedAt === "number";
      return isEnded ? { kind: "ended", driverId: stays.driverId } : { kind: "none" };
    },
  };
}

function only<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new TypeError("the function must return a row");
  return row;
}

function assignOutcomeOf({ outcome, of_order, of_driver, by_whom, since }: AssignRow): AssignOutcome {
  switch (outcome) {
    case "assigned": {
      const assignment = { orderId: of_order, driverId: of_driver, assignedBy: by_whom };
      return { kind: outcome, assignment: { ...assignment, assignedAt: since?.getTime() ?? 0 } };
    }
    case "driver_busy":
      return { kind: outcome, orderId: of_order };
    case "ended":
    case "order_taken":
      return { kind: outcome, driverId: of_driver };
    case "unknown_driver":
    case "undecided":
    case "not_accepted":
    case "off_duty":
      return { kind: outcome };
  }
}

const driverOf = ({ driver_id, name, on_duty, duty_since, order_id }: DriverRow): Driver => ({
  id: driver_id,
  name,
  onDuty: on_duty,
  dutySince: duty_since.getTime(),
  orderId: order_id,
});

const orderDriverOf = (row: OrderDriverRow): DriverOfOrderRow => ({
  orderId: row.order_id,
  driverId: row.driver_id,
  name: row.name,
  assignedBy: row.assigned_by,
  assignedAt: row.assigned_at.getTime(),
  endedAt: row.ended_at?.getTime() ?? null,
});
