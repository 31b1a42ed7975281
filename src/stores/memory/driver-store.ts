/** Who drives and who brings which order, in memory: it passes the suite that the PostgreSQL store passes. */
import type { LineStatus } from "../../schemas/lines.ts";
import type { Assignment, Driver, DriverOfOrderRow, DriverStore } from "../driver-store.ts";

export type MemoryDriverStoreOptions = {
  /** What the ledger says of an order; undefined: nothing. */
  readonly statusOf: (orderId: string) => LineStatus | undefined;
  /** When an order was delivered; undefined: not yet. */
  readonly deliveredAt?: (orderId: string) => number | undefined;
  readonly now?: () => number;
};

export function createMemoryDriverStore(options: MemoryDriverStoreOptions): DriverStore {
  const { statusOf, deliveredAt = () => undefined, now = Date.now } = options;
  const drivers = new Map<string, Omit<Driver, "orderId">>();
  const orders = new Map<string, Assignment>();

  const isActive = ({ orderId }: Assignment): boolean =>
    deliveredAt(orderId) === undefined && statusOf(orderId) !== "cancelled";
  const activeOf = (driverId: string): Assignment | undefined =>
    [...orders.values()].find((row) => row.driverId === driverId && isActive(row));
  const find = (id: string): Driver | null => {
    const driver = drivers.get(id);
    return driver === undefined ? null : { ...driver, orderId: activeOf(id)?.orderId ?? null };
  };
  const driverOf = (orderId: string): DriverOfOrderRow | null => {
    const row = orders.get(orderId);
    if (row === undefined || statusOf(orderId) === "cancelled") return null;
    return { ...row, name: drivers.get(row.driverId)?.name ?? "", endedAt: deliveredAt(orderId) ?? null };
  };
  /** Runs at once, as one step. */
  const step = <Result>(work: () => Result): Promise<Result> => Promise.resolve().then(work);

  return {
    register: ({ id, name }) =>
      step(() => {
        const created = !drivers.has(id);
        if (created) drivers.set(id, { id, name, onDuty: false, dutySince: now() });
        const driver = find(id);
        if (driver === null) throw new TypeError("the driver was added");
        return { driver, created };
      }),
    drivers: (ids) => step(() => ids.map(find)),
    setDuty: (id, onDuty) =>
      step(() => {
        const driver = drivers.get(id);
        if (driver === undefined) return { kind: "unknown_driver" };
        const active = activeOf(id);
        if (active !== undefined && !onDuty) return { kind: "driver_busy", orderId: active.orderId };
        if (driver.onDuty !== onDuty) drivers.set(id, { ...driver, onDuty, dutySince: now() });
        return { kind: "done" };
      }),
    assign: ({ orderId, driverId, assignedBy }) =>
      step(() => {
        const driver = drivers.get(driverId);
        if (driver === undefined) return { kind: "unknown_driver" };
        const status = statusOf(orderId);
        if (status === undefined) return { kind: "undecided" };
        if (status !== "accepted") return { kind: "not_accepted" };
        const standing = orders.get(orderId);
        if (standing !== undefined) {
          if (!isActive(standing)) return { kind: "ended", driverId: standing.driverId };
          if (standing.driverId !== driverId) return { kind: "order_taken", driverId: standing.driverId };
          return { kind: "assigned", assignment: standing };
        }
        if (!driver.onDuty) return { kind: "off_duty" };
        const active = activeOf(driverId);
        if (active !== undefined) return { kind: "driver_busy", orderId: active.orderId };
        const assignment = { orderId, driverId, assignedBy, assignedAt: now() };
        orders.set(orderId, assignment);
        return { kind: "assigned", assignment };
      }),
    release: (orderId) =>
      step(() => {
        const row = orders.get(orderId);
        if (row === undefined || statusOf(orderId) === "cancelled") return { kind: "none" };
        if (!isActive(row)) return { kind: "ended", driverId: row.driverId };
        orders.delete(orderId);
        return { kind: "released", driverId: row.driverId };
      }),
    driversOf: (orderIds) => step(() => orderIds.map(driverOf)),
  };
}
