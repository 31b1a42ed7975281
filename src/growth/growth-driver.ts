/**
 * Takes a growth of partitions further (P19, docs/decisions/051-partitions-grow.md): M partitions become N, a multiple of M,
 * while orders flow. A product of the new partition b comes from the old one b % M; products that stay notice nothing.
 *
 *   stable(M) -> preparing(N) -> holding(N) -> draining(N, cuts) -> stable(N)
 *
 * Who owns what: the map is the store's. Anybody may take the next step, at any time and several at once, for a transition
 * is made only from the version that was read; so a crash anywhere is resumed by whoever looks next. A driver remembers
 * nothing that another one would need: what it remembers belongs to one version of the map and is measured anew by others.
 *
 * I1 Products are held only once every broker says that there are N partitions, somebody has claimed each new one, and all
 *    that lies in the log is decided soon: what can go wrong goes wrong while nothing is held.
 * I2 The cuts are read when each ingress's belief that the map is still stable has run out: not before a lease and a margin
 *    after this driver has seen `holding`, by a clock that never runs ahead of time. Whatever was acknowledged lies below.
 * I3 The new map counts when every old partition is decided up to its cut: so a product's earlier commands are decided
 *    before its later ones are appended elsewhere.
 */
import type { Clock } from "../clock.ts";
import type { limits } from "../limits.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import { LogUnavailable } from "../log/log.ts";
import type { LogInspector } from "../log/log.ts";
import { StoreUnavailable } from "../stores/ledger-store.ts";
import type { Growth, PartitionMap, PartitionMapChange, PartitionMapStore } from "../stores/partition-map-store.ts";

export type GrowthDeps = {
  readonly maps: Pick<PartitionMapStore, "read" | "change">;
  readonly log: Pick<LogAdmin, "partitionCounts" | "addPartitions">;
  readonly inspector: Pick<LogInspector, "ends">;
  /** By partition that was ever claimed, the first offset that is not decided. */
  readonly progress: () => Promise<ReadonlyMap<number, number>>;
  readonly clock: Pick<Clock, "monotonic">;
  readonly limits: Pick<typeof limits, "mapLeaseMs" | "mapLeaseMarginMs" | "growthRehearsalMs">;
};

/** What is missing before the next transition. */
export type GrowthWait =
  /** Not every broker says that there are so many. */
  | { readonly for: "partitions"; readonly counts: readonly number[] }
  | { readonly for: "claims"; readonly partitions: readonly number[] }
  | { readonly for: "backlog"; readonly records: number; readonly partitions: readonly number[] }
  | { readonly for: "leases"; readonly ms: number }
  | { readonly for: "decisions"; readonly records: number; readonly partitions: readonly number[] };

export type GrowthLook = {
  readonly map: PartitionMap;
  /** Null: nothing. */
  readonly waitsFor: GrowthWait | null;
  /** The transition that may be made now. */
  readonly next: PartitionMapChange | null;
};

export type GrowthDriver = {
  /** Where the growth is, and what it waits for; changes nothing. */
  look(): Promise<GrowthLook>;
  /**
   * One idempotent step: does what is missing, or makes the next transition. Resolves with where the growth is then. Both reject
   * with `StoreUnavailable`, `LogUnavailable`, `LogRefused`; one call at a time.
   */
  step(): Promise<Pick<GrowthLook, "map" | "waitsFor">>;
};

/** What a driver knows of one version of the map. */
type Memory = {
  readonly version: number;
  readonly seenAt: number;
  /** The ends of the log, and when they were asked for. */
  rehearsal?: { readonly at: number; readonly ends: readonly number[] } | undefined;
};
type Next = Pick<GrowthLook, "waitsFor" | "next">;

export function createGrowthDriver(deps: GrowthDeps): GrowthDriver {
  const { maps, log, inspector, progress, clock, limits } = deps;
  let memory: Memory = { version: 0, seenAt: 0 };

  const prepare = async (partitionCount: number, growth: Growth): Promise<Next> => {
    const { toCount, hurried } = growth;
    const counts = await log.partitionCounts();
    if (counts.length === 0 || Math.min(...counts) < toCount) return waiting({ for: "partitions", counts });
    const claimed = await progress();
    const unclaimed = range(partitionCount, toCount).filter((partition) => !claimed.has(partition));
    if (unclaimed.length > 0) return waiting({ for: "claims", partitions: unclaimed });
    const backlog = hurried ? null : await rehearse(toCount);
    if (backlog !== null) return waiting(backlog);
    return { waitsFor: null, next: { partitionCount, growth: { toCount, hurried, phase: "holding" } } }; // I1
  };

  /** Whether all that was in the log a moment ago is decided now; null: it is. */
  const rehearse = async (toCount: number): Promise<GrowthWait | null> => {
    const at = clock.monotonic();
    if (memory.rehearsal === undefined || at - memory.rehearsal.at > limits.growthRehearsalMs) {
      memory.rehearsal = { at, ends: await endsOf(inspector, toCount) };
    }
    const { records, partitions } = behind(await progress(), memory.rehearsal.ends);
    const isInTime = clock.monotonic() - memory.rehearsal.at <= limits.growthRehearsalMs;
    return partitions.length === 0 && isInTime ? null : { for: "backlog", records, partitions };
  };

  const hold = async (partitionCount: number, { toCount, hurried }: Growth): Promise<Next> => {
    const ms = memory.seenAt + limits.mapLeaseMs + limits.mapLeaseMarginMs - clock.monotonic();
    if (ms > 0) return waiting({ for: "leases", ms });
    const cuts = await endsOf(inspector, partitionCount); // I2
    return { waitsFor: null, next: { partitionCount, growth: { toCount, hurried, phase: "draining", cuts } } };
  };

  const drain = async (toCount: number, cuts: readonly number[]): Promise<Next> => {
    const { records, partitions } = behind(await progress(), cuts);
    if (partitions.length > 0) return waiting({ for: "decisions", records, partitions });
    return { waitsFor: null, next: { partitionCount: toCount, growth: null } }; // I3
  };

  const look = async (): Promise<GrowthLook> => {
    const map = await readMap(maps);
    if (memory.version !== map.version) memory = { version: map.version, seenAt: clock.monotonic() };
    const { partitionCount, growth } = map;
    switch (growth?.phase) {
      case undefined:
        return { map, waitsFor: null, next: null };
      case "preparing":
        return { map, ...(await prepare(partitionCount, growth)) };
      case "holding":
        return { map, ...(await hold(partitionCount, growth)) };
      case "draining":
        return { map, ...(await drain(growth.toCount, growth.cuts)) };
    }
  };

  return {
    look,
    step: async () => {
      const { map, waitsFor, next } = await look();
      if (waitsFor?.for === "partitions") await log.addPartitions(map.growth?.toCount ?? map.partitionCount);
      if (next === null) return { map, waitsFor };
      // Null: somebody was faster, and the next step begins where that one has come to.
      const changed = await maps.change(map.version, next);
      return { map: changed ?? (await readMap(maps)), waitsFor: null };
    },
  };
}

const waiting = (waitsFor: GrowthWait): Next => ({ waitsFor, next: null });

/** Rejects with `StoreUnavailable` also when there is no map: processes make one when they start. */
export async function readMap(maps: Pick<PartitionMapStore, "read">): Promise<PartitionMap> {
  const map = await maps.read();
  if (map === null) throw new StoreUnavailable("PostgreSQL has no partition map; a process that starts makes one");
  return map;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** Where each of the partitions below `count` ends, by partition. */
async function endsOf(inspector: Pick<LogInspector, "ends">, count: number): Promise<readonly number[]> {
  const ends = await inspector.ends();
  return range(0, count).map((partition) => {
    const high = ends.get(partition)?.high;
    if (high === undefined) throw new LogUnavailable(`nobody says where partition ${partition} ends`);
    return high;
  });
}

/** Which partitions are not decided up to their offset, and how many offsets are missing in all. */
function behind(progress: ReadonlyMap<number, number>, offsets: readonly number[]) {
  const missing = offsets.map((to, partition) => ({ partition, records: to - (progress.get(partition) ?? 0) }));
  const late = missing.filter(({ records }) => records > 0);
  return {
    partitions: late.map(({ partition }) => partition),
    records: late.reduce((sum, { records }) => sum + records, 0),
  };
}
