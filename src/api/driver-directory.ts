/**
 * What this process knows of drivers, so that a position costs no question to PostgreSQL.
 *
 * I1 Who was on duty is believed to be for `limits.driverBelievedMs`; then PostgreSQL is asked, and when it can't be, what is known is
 *    believed on: positions of known drivers go on without PostgreSQL.
 * I2 Who is off duty, or not there, is never remembered: who went on duty a moment ago at another instance is heard at once.
 * I3 Drivers asked for within one turn of the event loop share one question, and one driver has one flight.
 */
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { Driver, DriverStore } from "../stores/driver-store.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import { createTickBatch } from "../stores/tick-batch.ts";

export type Duty = "on" | "off" | "unknown_driver";
export type DriverDirectory = {
  /** Rejects with `StoreUnavailable` when it can't be told. */
  dutyOf(driverId: string): Promise<Duty>;
  /** What is known of the driver counts no more. */
  forget(driverId: string): void;
};

export type DriverDirectoryOptions = {
  readonly drivers: Pick<DriverStore, "drivers">;
  readonly clock: Pick<Clock, "now" | "soon">;
  readonly isStoreAway: () => boolean;
  readonly entriesMax?: number;
};

const idsPerQuestionMax = 1_000;

export function createDriverDirectory(options: DriverDirectoryOptions): DriverDirectory {
  const { drivers, clock, isStoreAway, entriesMax = limits.driverCacheEntriesMax } = options;
  /** Until when a driver is believed to be on duty. */
  const onDutyUntil = new LRUCache<string, number>({ max: entriesMax });
  const flights = new Map<string, Promise<Duty>>();
  const ask = createTickBatch<string, Driver | null>(idsPerQuestionMax, (ids) => drivers.drivers(ids), clock);

  const believe = (driverId: string): void => {
    onDutyUntil.set(driverId, clock.now() + limits.driverBelievedMs);
  };
  const refresh = async (driverId: string): Promise<Duty> => {
    try {
      const driver = await ask(driverId);
      if (driver?.onDuty === true) believe(driverId);
      else onDutyUntil.delete(driverId); // I2
      return driver === null ? "unknown_driver" : driver.onDuty ? "on" : "off";
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || !onDutyUntil.has(driverId)) throw error;
      believe(driverId); // I1
      return "on";
    }
  };

  return {
    dutyOf: (driverId) => {
      const until = onDutyUntil.get(driverId);
      if (until !== undefined && (clock.now() < until || isStoreAway())) return Promise.resolve("on");
      const flight = flights.get(driverId) ?? refresh(driverId).finally(() => flights.delete(driverId));
      flights.set(driverId, flight); // I3
      return flight;
    },
    forget: (driverId) => void onDutyUntil.delete(driverId),
  };
}
