import type { DriverStore } from "../stores/driver-store.ts";
import type { FulfilmentStore } from "../stores/fulfilment-store.ts";
import { orderScope } from "../stores/page-cache.ts";
import type { PageMarks } from "./page-marks.ts";

type Marks = Pick<PageMarks, "changing">;

/** The steps of orders, whose writers tell of the order's page. */
export function createMarkedFulfilments(fulfilments: FulfilmentStore, marks: Marks): FulfilmentStore {
  return {
    steps: (orderIds) => fulfilments.steps(orderIds),
    advance: (wanted) =>
      marks.changing((announce) => fulfilments.advance(wanted, () => announce([orderScope(wanted.orderId)]))),
  };
}

/** Who brings which order, as above. */
export function createMarkedDrivers(drivers: DriverStore, marks: Marks): DriverStore {
  return {
    register: (driver) => drivers.register(driver),
    drivers: (ids) => drivers.drivers(ids),
    driversOf: (orderIds) => drivers.driversOf(orderIds),
    list: (...listing) => drivers.list(...listing),
    setDuty: (driverId, isOn) => drivers.setDuty(driverId, isOn),
    assign: (wanted) =>
      marks.changing((announce) => drivers.assign(wanted, () => announce([orderScope(wanted.orderId)]))),
    release: (orderId) => marks.changing((announce) => drivers.release(orderId, () => announce([orderScope(orderId)]))),
  };
}
