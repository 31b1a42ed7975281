/**
 * The port to where drivers are. Redis stands behind it, and nothing else; the tests have one in memory, and both pass
 * test/contract/driver-positions.test.ts. All methods reject with `CacheUnavailable`, soon.
 *
 * I1 An older position never replaces a newer one. Newer is what has the higher `sequence`; only when all that is known of a driver was
 *    observed longer ago than the silence may a sequence begin anew, and then with a later observation than any before.
 * I2 A position counts until `silence` after it was observed. Later it is shown to nobody, and not counted among the nearest.
 * I3 One clock decides about time: that of whoever keeps the positions.
 */

export type Place = { readonly latitude: number; readonly longitude: number };

export type DriverPosition = Place & {
  readonly driverId: string;
  /** By the driver's clock; milliseconds since 1970. */
  readonly observedAt: number;
  /** Grows with each observation of this driver; a safe integer. */
  readonly sequence: number;
};

export type PositionOutcome = {
  /**
   * `applied`: this is the position now. `not_newer`: one with this sequence or a higher one is there. `too_old`: observed longer ago than
   * the silence. `in_future`: observed later than now, by more than clocks may differ.
   */
  readonly kind: "applied" | "not_newer" | "too_old" | "in_future";
  /** The newest that is known now; null: none. */
  readonly sequence: number | null;
};

/** How long ago it was observed, 0 at least. */
export type KnownPosition = DriverPosition & { readonly ageMs: number };
export type NearDriver = KnownPosition & { readonly distanceMeters: number };

export type DriverPositions = {
  put(position: DriverPosition): Promise<PositionOutcome>;
  /** One outcome for each, in order, as if they came one after another. */
  putMany(positions: readonly DriverPosition[]): Promise<PositionOutcome[]>;
  /** Shows the driver's position to nobody any more; older ones that come late stay older (I1). */
  withdraw(driverId: string): Promise<void>;
  /** One result for each, in order; null: none, or the driver is silent (I2). */
  read(driverIds: readonly string[]): Promise<(KnownPosition | null)[]>;
  /** The nearest first, `countMax` at most, within the radius. */
  nearest(place: Place, radiusMeters: number, countMax: number): Promise<NearDriver[]>;
};
