/**
 * The nearest free drivers. Redis knows who is near, PostgreSQL who is free: the nearest are looked at, more of them each time, until
 * enough are free. So nobody is shown as free by a copy that is out of date, and a lost Redis loses only where they are.
 */
import { limits } from "../limits.ts";
import type { DriverPositions, NearDriver, Place } from "../stores/driver-positions.ts";
import { isFree } from "../stores/driver-store.ts";
import type { DriverStore } from "../stores/driver-store.ts";

export type FreeDriver = NearDriver & { readonly name: string };

/** Rejects with `CacheUnavailable`, and with `StoreUnavailable`. */
export type FindFreeDrivers = (place: Place, radiusMeters: number, countMax: number) => Promise<FreeDriver[]>;

export type FreeDriversOptions = {
  readonly drivers: Pick<DriverStore, "drivers">;
  readonly positions: Pick<DriverPositions, "nearest">;
  readonly looksFirst?: number;
  readonly looksMax?: number;
};

export function createFindFreeDrivers(options: FreeDriversOptions): FindFreeDrivers {
  const { drivers, positions, looksFirst = limits.nearestLooksFirst, looksMax = limits.nearestLooksMax } = options;
  return async (place, radiusMeters, countMax) => {
    for (let looks = Math.max(looksFirst, countMax); ; looks *= 4) {
      const near = await positions.nearest(place, radiusMeters, Math.min(looks, looksMax));
      const found = await drivers.drivers(near.map(({ driverId }) => driverId));
      const free = near.flatMap((each, index) => {
        const driver = found[index];
        return driver !== null && driver !== undefined && isFree(driver) ? [{ ...each, name: driver.name }] : [];
      });
      if (free.length >= countMax || near.length < looks || looks >= looksMax) return free.slice(0, countMax);
    }
  };
}
