/**
 * The port to who drives, and who brings which order. PostgreSQL stands behind it; the tests have one in memory. Where drivers are is
 * no part of it: see driver-positions.ts. All methods reject with `StoreUnavailable` when the store is away.
 */
import type { BeforeCommit } from "./fulfilment-store.ts";

export type Driver = {
  readonly id: string;
  readonly name: string;
  /** May be given orders. */
  readonly onDuty: boolean;
  /** Milliseconds since 1970. */
  readonly dutySince: number;
  /** The order that the driver brings at the moment, neither delivered nor cancelled; null: none. */
  readonly orderId: string | null;
};

export type Assignment = {
  readonly orderId: string;
  readonly driverId: string;
  /** Who gave the order to the driver, in their own words. */
  readonly assignedBy: string | null;
  /** Milliseconds since 1970. */
  readonly assignedAt: number;
};
/** An order's driver: `endedAt` is when the order was delivered; null: not yet. */
export type DriverOfOrderRow = Assignment & { readonly name: string; readonly endedAt: number | null };

/** The first of these that holds. */
export type AssignOutcome =
  | { readonly kind: "unknown_driver" }
  /** No order with this id is decided. */
  | { readonly kind: "undecided" }
  /** The order was refused or cancelled. */
  | { readonly kind: "not_accepted" }
  /** To this very driver: now, or before. */
  | { readonly kind: "assigned"; readonly assignment: Assignment }
  /** The order was delivered already, by this driver. */
  | { readonly kind: "ended"; readonly driverId: string }
  | { readonly kind: "order_taken"; readonly driverId: string }
  | { readonly kind: "off_duty" }
  | { readonly kind: "driver_busy"; readonly orderId: string };

export type DutyOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "unknown_driver" }
  /** Who has an order stays on duty. */
  | { readonly kind: "driver_busy"; readonly orderId: string };

export type ReleaseOutcome =
  | { readonly kind: "released"; readonly driverId: string }
  /** The order had no driver. */
  | { readonly kind: "none" }
  | { readonly kind: "ended"; readonly driverId: string };

/** Which drivers are listed. Members that are absent let all through. */
export type DriverFilter = { readonly onDuty?: boolean; readonly free?: boolean };

export const isFree = ({ onDuty, orderId }: Pick<Driver, "onDuty" | "orderId">): boolean => onDuty && orderId === null;

export type DriverStore = {
  /** Adds the driver, off duty, unless the id is taken; returns who has the id now, and whether this call added them. */
  register(driver: Pick<Driver, "id" | "name">): Promise<{ readonly driver: Driver; readonly created: boolean }>;
  /** One result for each id, in order; null: no such driver. */
  drivers(ids: readonly string[]): Promise<(Driver | null)[]>;
  setDuty(driverId: string, onDuty: boolean): Promise<DutyOutcome>;
  /** Gives an order to a driver: whoever asks at the same time, an order has one driver and a driver one order. */
  assign(
    wanted: Pick<Assignment, "orderId" | "driverId" | "assignedBy">,
    beforeCommit?: BeforeCommit,
  ): Promise<AssignOutcome>;
  /** Takes an order from its driver. */
  release(orderId: string, beforeCommit?: BeforeCommit): Promise<ReleaseOutcome>;
  /** One result for each order, in order; null: it has no driver, or was cancelled. */
  driversOf(orderIds: readonly string[]): Promise<(DriverOfOrderRow | null)[]>;
  /** In the order of their ids, by code units, those behind `after` (null: from the first). Free is who is on duty and has no order. */
  list(filter: DriverFilter, after: string | null, limit: number): Promise<Driver[]>;
};
