/** Who drives and who brings which order, in memory: it passes the suite that the PostgreSQL store passes. */
import type { LineStatus } from "../../schemas/lines.ts";
import type { SeenDriver } from "../../schemas/order-document.ts";
import { isFree } from "../driver-store.ts";
import type {
  AssignOutcome,
  Assignment,
  Driver,
  DriverOfOrderRow,
  DriverStore,
  ReleaseOutcome,
} from "../driver-store.ts";

export type MemoryDriverStoreOptions = {
  /** What the ledger says of an order; undefined: nothing. */
  readonly statusOf: (orderId: string) => LineStatus | undefined;
  /** When an order was delivered; undefined: not yet. */
  readonly deliveredAt?: (orderId: string) => number | undefined;
  readonly now?: () => number;
};

export type MemoryDriverStore = DriverStore & {
  /** Who has the order, or had it when it was delivered or cancelled. */
  standingOf(orderId: string): SeenDriver | null;
  /** How often the order was given to somebody, or taken away. */
  changesOf(orderId: string): number;
};

export function createMemoryDriverStore(options: MemoryDriverStoreOptions): MemoryDriverStore {
  const { statusOf, deliveredAt = () => undefined, now = Date.now } = options;
  const drivers = new Map<string, Omit<Driver, "orderId">>();
  const orders = new Map<string, Assignment>();
  const changes = new Map<string, number>();
  const count = (orderId: string): void => void changes.set(orderId, (changes.get(orderId) ?? 0) + 1);

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
  const assigned = ({ orderId, driverId, assignedBy }: Omit<Assignment, "assignedAt">): AssignOutcome => {
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
    return { kind: "assigned", assignment: { orderId, driverId, assignedBy, assignedAt: now() } };
  };
  const released = (orderId: string): ReleaseOutcome => {
    const row = orders.get(orderId);
    if (row === undefined || statusOf(orderId) === "cancelled") return { kind: "none" };
    return { kind: isActive(row) ? "released" : "ended", driverId: row.driverId };
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
    assign: async (wanted, beforeCommit) => {
      // What is written is announced before, for which somebody else may come first.
      if (assigned(wanted).kind === "assigned") await beforeCommit?.();
      return step(() => {
        const outcome = assigned(wanted);
        if (outcome.kind !== "assigned" || orders.has(wanted.orderId)) return outcome;
        orders.set(wanted.orderId, outcome.assignment);
        count(wanted.orderId);
        return outcome;
      });
    },
    release: async (orderId, beforeCommit) => {
      if (released(orderId).kind === "released") await beforeCommit?.();
      return step(() => {
        const outcome = released(orderId);
        if (outcome.kind === "released" && orders.delete(orderId)) count(orderId);
        return outcome;
      });
    },
    driversOf: (orderIds) => step(() => orderIds.map(driverOf)),
    list: ({ onDuty, free }, after, limit) =>
      step(() =>
        [...drivers.keys()]
          .filter((id) => after === null || id > after)
          .toSorted((one, other) => (one < other ? -1 : 1))
          .flatMap((id) => find(id) ?? [])
          .filter((driver) => onDuty === undefined || driver.onDuty === onDuty)
          .filter((driver) => free === undefined || isFree(driver) === free)
          .slice(0, limit),
      ),
    standingOf: (orderId) => {
      const row = orders.get(orderId);
      return row === undefined ? null : { driverId: row.driverId, name: drivers.get(row.driverId)?.name ?? "" };
    },
    changesOf: (orderId) => changes.get(orderId) ?? 0,
  };
}
