/** What drivers report of where they are: checked, put where the positions are, and answered one by one. */
import { limits } from "../limits.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { DriverPosition, DriverPositions, PositionOutcome } from "../stores/driver-positions.ts";
import type { DriverDirectory } from "./driver-directory.ts";
import { problemOf } from "./plugins/error-answers.ts";
import { Problem } from "./problems.ts";
import type { LocationReceipt } from "./schemas/drivers.ts";

export type DriverLocations = {
  /** Rejects with the problem that it is, or with what the stores reject with. */
  take(position: DriverPosition): Promise<LocationReceipt>;
  /**
   * One receipt or problem for each, in order, as if they came one after another. Rejects with `CacheUnavailable` when none could be
   * put.
   */
  takeMany(positions: readonly DriverPosition[]): Promise<(LocationReceipt | Problem)[]>;
};

export type DriverLocationsOptions = {
  readonly directory: DriverDirectory;
  readonly positions: Pick<DriverPositions, "put" | "putMany">;
  readonly metrics: Pick<Metrics, "driverPositions">;
};

export function createDriverLocations({ directory, positions, metrics }: DriverLocationsOptions): DriverLocations {
  const counts = {
    applied: metrics.driverPositions.labels("applied"),
    not_newer: metrics.driverPositions.labels("not_newer"),
    too_old: metrics.driverPositions.labels("too_old"),
    in_future: metrics.driverPositions.labels("in_future"),
  } satisfies Record<PositionOutcome["kind"], unknown>;

  /** Null: the driver may report. */
  const refusal = async (driverId: string): Promise<Problem | null> => {
    const duty = await directory.dutyOf(driverId);
    if (duty === "on") return null;
    return duty === "off" ? offDuty(driverId) : unknownDriver(driverId);
  };
  const receipt = (driverId: string, { kind, sequence }: PositionOutcome): LocationReceipt | Problem => {
    counts[kind].inc();
    if (kind === "in_future") return inFuture(driverId);
    if (kind === "applied") return { driverId, applied: true, reason: null, sequence };
    return { driverId, applied: false, reason: kind, sequence };
  };

  return {
    take: async (position) => {
      const { driverId } = position;
      const refused = await refusal(driverId);
      if (refused !== null) throw refused;
      const taken = receipt(driverId, await positions.put(position));
      if (taken instanceof Problem) throw taken;
      return taken;
    },
    takeMany: async (many) => {
      const refusals = await Promise.all(many.map(({ driverId }) => refusal(driverId).catch(problemOf)));
      const put = await positions.putMany(many.filter((_, index) => refusals[index] === null));
      let next = 0;
      return many.map(({ driverId }, index) => {
        const refused = refusals[index] ?? null;
        if (refused !== null) return refused;
        const outcome = put[next++];
        if (outcome === undefined) throw new TypeError("there must be an outcome for each position");
        return receipt(driverId, outcome);
      });
    },
  };
}

export const unknownDriver = (driverId: string): Problem =>
  new Problem("unknown_driver", `There is no driver ${driverId}.`, { members: { driverId } });

export const offDuty = (driverId: string): Problem =>
  new Problem("driver_off_duty", "Off duty a driver is neither followed nor given orders.", { members: { driverId } });

const inFuture = (driverId: string): Problem =>
  new Problem(
    "observed_in_future",
    `observedAt is more than ${limits.positionSkewMs / 1000} s later than now: set the clock.`,
    { members: { driverId } },
  );
