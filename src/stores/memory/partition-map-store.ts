import type { PartitionMap, PartitionMapStore } from "../partition-map-store.ts";

export type MemoryPartitionMaps = PartitionMapStore & {
  /** Null: there is none yet. */
  current(): PartitionMap | null;
};

/**
 * A partition map in memory, for the simulation; it never fails by itself. `now` is in milliseconds since 1970; `changed` is told
 * of each change.
 */
export function createMemoryPartitionMapStore(
  now: () => number = Date.now,
  changed?: (before: PartitionMap, after: PartitionMap) => void,
): MemoryPartitionMaps {
  let map: PartitionMap | null = null;
  return {
    current: () => map,
    read: () => Promise.resolve(map),
    create: (partitionCount) => {
      map ??= { version: 1, partitionCount, growth: null, changedAt: now() };
      return Promise.resolve(map);
    },
    change: (version, { partitionCount, growth }) => {
      if (map?.version !== version) return Promise.resolve(null);
      const before = map;
      map = { version: version + 1, partitionCount, growth, changedAt: now() };
      changed?.(before, map);
      return Promise.resolve(map);
    },
  };
}
