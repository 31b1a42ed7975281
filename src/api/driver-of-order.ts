/** Who brings an order, and where they are: for dispatchers. What customers see of it is another view (seen-driver.ts). */
import type { Metrics } from "../ops/metrics.ts";
import type { DriverPositions, KnownPosition } from "../stores/driver-positions.ts";
import type { DriverOfOrderRow, DriverStore } from "../stores/driver-store.ts";
import { CacheUnavailable } from "../stores/effects-cache.ts";

export type DriverOfOrder = DriverOfOrderRow & {
  /** Null: the order was delivered, the driver is silent, or Redis is away. */
  readonly position: KnownPosition | null;
};

export type PositionOfOptions = {
  readonly positions: Pick<DriverPositions, "read">;
  readonly metrics: Pick<Metrics, "cacheFailures">;
};
/** Null: the driver is silent, or Redis is away. Never rejects for Redis. */
export type PositionOf = (driverId: string) => Promise<KnownPosition | null>;

export function createPositionOf({ positions, metrics }: PositionOfOptions): PositionOf {
  return async (driverId) => {
    try {
      const [known] = await positions.read([driverId]);
      return known ?? null;
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      metrics.cacheFailures.inc();
      return null;
    }
  };
}

export type DriverOfOrderOptions = {
  readonly drivers: Pick<DriverStore, "driversOf">;
  readonly positionOf: PositionOf;
};

/** Null: the order has no driver. Rejects with `StoreUnavailable`, never for Redis. */
export type DriverOf = (orderId: string) => Promise<DriverOfOrder | null>;

export function createDriverOf({ drivers, positionOf }: DriverOfOrderOptions): DriverOf {
  return async (orderId) => {
    const [row] = await drivers.driversOf([orderId]);
    if (row === null || row === undefined) return null;
    return { ...row, position: row.endedAt === null ? await positionOf(row.driverId) : null };
  };
}
