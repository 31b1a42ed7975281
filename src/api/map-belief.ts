/**
 * How long what was seen of the partition map may be believed (P19). Without it, an ingress that was stopped, or that
 * PostgreSQL is away from, would give out partitions, and acknowledge what it has there, after products have moved.
 *
 * I1 A look is believed for `mapLeaseMs` from the moment at which it began, by both clocks: one stands still while the machine is
 *    suspended, the other one may be set. Time that goes backwards ends it too, and the next look begins a new one.
 * I2 A partition is given out only while the last look is believed, and only where it holds nothing of the product.
 * I3 A command is acknowledged only if a look that gives it that partition is believed when the log has answered. A look that holds
 *    the product does not count: the cut may have been read already. One before it counts for as long as it is believed.
 */
import type { Clock } from "../clock.ts";
import { partitionOf } from "../partitioning/partition-of.ts";
import type { PartitionMap } from "../stores/partition-map-store.ts";

/** By both clocks. */
export type Moment = { readonly monotonic: number; readonly wall: number };

export type MapBelief = {
  /** As it was last seen, believed or not. */
  readonly map: () => PartitionMap;
  readonly isBelieved: () => boolean;
  /** A look that began then found this; returns whether that is news. */
  readonly saw: (found: PartitionMap, began: Moment) => boolean;
  /** What began then showed that the map that nothing is held by is still the map. */
  readonly renew: (began: Moment) => void;
  /** Where a command of the product may be sent at once; undefined: it may not. */
  readonly partitionNow: (productId: string) => number | undefined;
  readonly isSure: (productId: string, partition: number) => boolean;
};

/** Nothing is held: every product goes where the map's count says. */
export const isFree = ({ growth }: PartitionMap): boolean => growth === null || growth.phase === "preparing";

/** Where the map lets the product's commands go; undefined: they are held. */
export function partitionIn(map: PartitionMap, productId: string): number | undefined {
  const partition = partitionOf(productId, map.partitionCount);
  if (map.growth === null || isFree(map)) return partition;
  return partitionOf(productId, map.growth.toCount) === partition ? partition : undefined;
}

/** Where the product's next command is expected to go: what is held will go to the new partition. */
export function expectedPartition({ partitionCount, growth, ...map }: PartitionMap, productId: string): number {
  const goesOn = growth === null || isFree({ partitionCount, growth, ...map });
  return partitionOf(productId, goesOn ? partitionCount : growth.toCount);
}

/** `first` is the map as it was at the start; nothing is believed before `saw`. */
export function createMapBelief(
  first: PartitionMap,
  clock: Pick<Clock, "now" | "monotonic">,
  { mapLeaseMs }: { readonly mapLeaseMs: number },
): MapBelief {
  let map = first;
  let seenAt: Moment | null = null;
  /** The last look by which nothing was held. */
  let free: { readonly partitionCount: number; readonly at: Moment } | null = null;

  /** I1 */
  const isFresh = (at: Moment): boolean => {
    const wallMs = clock.now() - at.wall;
    return clock.monotonic() - at.monotonic <= mapLeaseMs && wallMs >= 0 && wallMs <= mapLeaseMs;
  };
  const isBelieved = (): boolean => {
    if (seenAt !== null && isFresh(seenAt)) return true;
    // Forgotten: a clock that is set again must not make it good, and let a command pass another one that waits for a look.
    seenAt = null;
    return false;
  };
  const renew = (began: Moment): void => {
    if (seenAt === null || seenAt.monotonic < began.monotonic) seenAt = began;
    if (isFree(map)) free = { partitionCount: map.partitionCount, at: seenAt };
  };

  return {
    map: () => map,
    isBelieved,
    saw: (found, began) => {
      const isNews = found.version !== map.version;
      if (isNews) seenAt = null;
      map = found;
      renew(began);
      return isNews;
    },
    renew,
    partitionNow: (productId) => (isBelieved() ? partitionIn(map, productId) : undefined), // I2
    isSure: (productId, partition) => {
      if (free !== null && isFresh(free.at) && partitionOf(productId, free.partitionCount) === partition) return true;
      return isBelieved() && partitionIn(map, productId) === partition; // I3
    },
  };
}
