/** Where drivers are, in memory, by the same rules as in Redis: it passes the suite that the Redis adapter passes. */
import { limits } from "../../limits.ts";
import type { DriverPosition, DriverPositions, KnownPosition, PositionOutcome } from "../driver-positions.ts";
import { CacheUnavailable } from "../effects-cache.ts";
import { metersBetween } from "../great-circle.ts";

type Kept = { readonly position: DriverPosition; readonly isShown: boolean; readonly guardsUntil: number };

export type MemoryDriverPositionsOptions = {
  readonly now?: () => number;
  readonly silenceMs?: number;
};
export type MemoryDriverPositions = ReturnType<typeof createMemoryDriverPositions>;

export function createMemoryDriverPositions(options: MemoryDriverPositionsOptions = {}) {
  const { now = Date.now, silenceMs = limits.driverSilenceMs } = options;
  const drivers = new Map<string, Kept>();
  let away = false;

  const guarding = (driverId: string): Kept | undefined => {
    const kept = drivers.get(driverId);
    if (kept === undefined) return undefined;
    if (kept.guardsUntil > now()) return kept;
    drivers.delete(driverId);
    return undefined;
  };
  const putOne = (position: DriverPosition): PositionOutcome => {
    const { driverId, sequence, observedAt } = position;
    const kept = guarding(driverId);
    const newest = kept?.position.sequence ?? null;
    if (observedAt > now() + limits.positionSkewMs) return { kind: "in_future", sequence: newest };
    if (newest !== null && sequence <= newest) return { kind: "not_newer", sequence: newest };
    if (observedAt + silenceMs <= now()) return { kind: "too_old", sequence: newest };
    const guardsUntil = Math.max(kept?.guardsUntil ?? 0, observedAt + silenceMs);
    drivers.set(driverId, { position, isShown: true, guardsUntil });
    return { kind: "applied", sequence };
  };
  const known = (driverId: string): KnownPosition | null => {
    const kept = guarding(driverId);
    if (kept?.isShown !== true) return null;
    const { observedAt } = kept.position;
    if (observedAt + silenceMs <= now()) return null;
    return { ...kept.position, ageMs: Math.max(0, now() - observedAt) };
  };
  /** Runs at once, as one step; a failure rejects, as with Redis. */
  const step = <Result>(work: () => Result): Promise<Result> =>
    Promise.resolve().then(() => {
      if (away) throw new CacheUnavailable("the positions in memory are switched off");
      return work();
    });

  const positions: DriverPositions = {
    put: (position) => step(() => putOne(position)),
    putMany: (many) => step(() => many.map(putOne)),
    withdraw: (driverId) =>
      step(() => {
        const kept = guarding(driverId);
        if (kept !== undefined) drivers.set(driverId, { ...kept, isShown: false });
      }),
    read: (driverIds) => step(() => driverIds.map(known)),
    nearest: (place, radiusMeters, countMax) =>
      step(() =>
        [...drivers.keys()]
          .flatMap((driverId) => known(driverId) ?? [])
          .map((position) => ({ ...position, distanceMeters: metersBetween(place, position) }))
          .filter(({ distanceMeters }) => distanceMeters <= radiusMeters)
          .toSorted((one, other) => one.distanceMeters - other.distanceMeters)
          .slice(0, countMax),
      ),
  };
  return {
    ...positions,
    /** Everything is lost, as when Redis is emptied. */
    flush: (): void => drivers.clear(),
    /** While true, every call rejects with `CacheUnavailable`. */
    setAway: (value: boolean): void => void (away = value),
  };
}
