/**
 * What `tallyman partitions grow` does: begins a growth, or joins the one that is under way, and takes it further until it is done.
 * Whoever else takes steps meanwhile is welcome; ended at any moment, processors finish it.
 */
import type { limits } from "../limits.ts";
import type { LogAdmin } from "../log/log-admin.ts";
import type { PartitionMap, PartitionMapStore } from "../stores/partition-map-store.ts";
import { readMap } from "./growth-driver.ts";
import type { GrowthDriver, GrowthLook } from "./growth-driver.ts";

export type GrowDeps = {
  readonly maps: PartitionMapStore;
  readonly log: Pick<LogAdmin, "partitionCounts" | "checkPartitions">;
  readonly driver: Pick<GrowthDriver, "step">;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly tell: (at: Pick<GrowthLook, "map" | "waitsFor">) => void;
  /** A service did not answer, and is asked again. */
  readonly tellTrouble: (error: Error) => void;
  readonly signal: AbortSignal;
  readonly limits: Pick<typeof limits, "partitionsMax" | "growthStepMs" | "growthAwayMs">;
};

/** Why there is no growth to N; nothing was changed. */
export type GrowRefusal =
  | { readonly refused: "not_a_multiple" | "fewer" | "too_many"; readonly map: PartitionMap }
  /** Another growth is under way. */
  | { readonly refused: "growing"; readonly map: PartitionMap };

export type GrowEnd =
  | GrowRefusal
  | { readonly end: "done" | "was_done"; readonly map: PartitionMap }
  /** Somebody has called it off. */
  | { readonly end: "called_off"; readonly map: PartitionMap };

/** Rejects with `LogRefused`, with the signal's reason, and when a service stays away. */
export async function grow(deps: GrowDeps, toCount: number, hurried: boolean): Promise<GrowEnd> {
  const { driver, sleep, now, tell, tellTrouble, signal, limits } = deps;
  const begun = await begin(deps, toCount, hurried);
  if ("refused" in begun) return begun;
  if (begun.growth === null) return { end: "was_done", map: begun };
  for (let wellAt = now(); ;) {
    signal.throwIfAborted();
    try {
      const step = await driver.step();
      wellAt = now();
      const { map } = step;
      if (map.growth?.toCount !== toCount) return { end: map.partitionCount >= toCount ? "done" : "called_off", map };
      tell(step);
    } catch (error) {
      if (!isPassing(error) || now() - wellAt > limits.growthAwayMs) throw error;
      tellTrouble(error);
    }
    await sleep(limits.growthStepMs);
  }
}

/** Nothing of ours lies in a new partition before the new map counts: a growth may be called off in every phase. */
export async function callOff(maps: PartitionMapStore): Promise<{ calledOff: boolean; map: PartitionMap }> {
  for (;;) {
    const map = await readMap(maps);
    if (map.growth === null) return { calledOff: false, map };
    const changed = await maps.change(map.version, { partitionCount: map.partitionCount, growth: null });
    if (changed !== null) return { calledOff: true, map: changed };
  }
}

/** The map that grows to N, or has grown to it. */
async function begin(
  { maps, log, limits }: GrowDeps,
  toCount: number,
  hurried: boolean,
): Promise<PartitionMap | GrowRefusal> {
  for (;;) {
    const map = await readMap(maps);
    const { partitionCount, growth, version } = map;
    if (growth !== null && growth.toCount !== toCount) return { refused: "growing", map };
    if (growth === null) {
      if (toCount === partitionCount) return map;
      if (toCount < partitionCount) return { refused: "fewer", map };
      if (toCount % partitionCount !== 0) return { refused: "not_a_multiple", map };
      if (toCount > limits.partitionsMax) return { refused: "too_many", map };
      await log.checkPartitions(toCount);
    } else if (!hurried || growth.hurried || growth.phase !== "preparing") return map;
    const changed = await maps.change(version, { partitionCount, growth: { toCount, hurried, phase: "preparing" } });
    if (changed !== null) return changed;
  }
}

/** A service that is away, and may be back in a moment. */
function isPassing(error: unknown): error is Error {
  return error instanceof Error && "retryable" in error && error.retryable === true;
}
