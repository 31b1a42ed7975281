/**
 * A process's part in growth (P19): it looks at the map from time to time, takes a growth further that it finds, and can say what it
 * is waiting for. Every processor does so, so that a growth whose command was killed goes on by itself.
 *
 * I1 One step is under way at a time, and the next one is taken after it has ended.
 */
import type { Clock } from "../clock.ts";
import type { limits } from "../limits.ts";
import type { PartitionMap } from "../stores/partition-map-store.ts";
import { lastingText, surplusText, waitText } from "./growth-text.ts";
import type { GrowthDriver, GrowthWait } from "./growth-driver.ts";

export type GrowthWatchOptions = {
  readonly driver: Pick<GrowthDriver, "step">;
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly limits: Pick<typeof limits, "growthStepMs" | "growthLookMs" | "growthStuckMs">;
  /** Told of each version of the map, once. */
  readonly changed: (map: PartitionMap) => void;
};

export type GrowthState = {
  /** "growing from 4 to 8 partitions, draining: 12 records of partition 3 to be decided before products may move" */
  readonly text: string;
  /** It has been in this phase for long. */
  readonly isStuck: boolean;
};

export type GrowthWatch = {
  /** Null: nothing grows, as far as is known. */
  state(): GrowthState | null;
  /** That the topic has more partitions than the map; null: it has not. */
  surplus(topicPartitions: number | undefined): string | null;
  stop(): void;
};

export function watchGrowth({ driver, clock, limits, changed }: GrowthWatchOptions): GrowthWatch {
  let map: PartitionMap | undefined;
  let since = clock.monotonic();
  let waitsFor: GrowthWait | null = null;
  let trouble: string | null = null;
  let stopped = false;
  let cancel: (() => void) | undefined;

  const step = async (): Promise<void> => {
    try {
      const found = await driver.step();
      trouble = null;
      ({ waitsFor } = found);
      if (found.map.version !== map?.version) {
        since = clock.monotonic();
        changed(found.map);
      }
      map = found.map;
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
    if (stopped) return;
    const ms = (map?.growth ?? null) === null ? limits.growthLookMs : limits.growthStepMs;
    cancel = clock.after(ms, () => void step()); // I1
  };
  void step();

  return {
    state: () => {
      if (map === undefined || map.growth === null) return null;
      const forMs = clock.monotonic() - since;
      const why = trouble ?? (waitsFor === null ? null : waitText(waitsFor));
      const text = `${lastingText(map, forMs)}${why === null ? "" : `: ${why}`}`;
      return { text, isStuck: forMs > limits.growthStuckMs };
    },
    surplus: (topicPartitions) => (map === undefined ? null : surplusText(map, topicPartitions)),
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
}
