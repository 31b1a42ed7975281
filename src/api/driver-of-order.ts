/**
 * Who brings an order, and where they are: for the views of dispatchers, and of customers, who see it from pick-up to delivery only
 * (whoever makes that view decides that).
 */
import type { Metrics } from "../ops/metrics.ts";
import type { DriverPositions, Place } from "../stores/driver-positions.ts";
import type { DriverStore } from "../stores/driver-store.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";

export type DriverOfOrder = {
  readonly driverId: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly assignedAt: number;
  /** When the order was delivered; null: not yet. */
  readonly endedAt: number | null;
  /** Null: the order was delivered, the driver is silent, or Redis is away. `ageMs` is how long ago it was observed. */
  readonly position: (Place & { readonly observedAt: number; readonly ageMs: number }) | null;
};

export type DriverOfOrderOptions = {
  readonly drivers: Pick<DriverStore, "driversOf">;
  readonly positions: Pick<DriverPositions, "read">;
  readonly metrics: Pick<Metrics, "cacheFailures">;
};

/** Null: the order has no driver. Rejects with `StoreUnavailable`, never for Redis. */
export type DriverOf = (orderId: string) => Promise<DriverOfOrder | null>;

export function createDriverOf({ drivers, positions, metrics }: DriverOfOrderOptions): DriverOf {
  const positionOf = async (driverId: string): Promise<DriverOfOrder["position"]> => {
    try {
      const [known] = await positions.read([driverId]);
      if (known === null || known === undefined) return null;
      const { latitude, longitude, observedAt, ageMs } = known;
      return { latitude, longitude, observedAt, ageMs };
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      metrics.cacheFailures.inc();
      return null;
    }
  };
  return async (orderId) => {
    const [row] = await drivers.driversOf([orderId]);
    if (row === null || row === undefined) return null;
    const { driverId, name, assignedAt, endedAt } = row;
    const position = endedAt === null ? await positionOf(driverId) : null;
    return { driverId, name, assignedAt, endedAt, position };
  };
}
