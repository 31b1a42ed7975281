/** Where operators' commands are sent: as the ingress sends its own, though nobody waits for the order of these (P19). */
import { partitionIn } from "../api/map-belief.ts";
import type { limits } from "../limits.ts";
import type { PartitionMapStore } from "../stores/partition-map-store.ts";
import { StoreUnfit } from "../stores/audit-store.ts";

export type PartitionDeps = {
  readonly maps: Pick<PartitionMapStore, "read">;
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly limits: Pick<typeof limits, "mapLookMs" | "operatorHoldMs">;
};

/**
 * The partition of the product's next command by the map as it is now, not by the topic, which may have more. While the product
 * moves it waits. Rejects with `StoreUnavailable`, with `StoreUnfit` where there is no map, with the signal's reason, and when
 * the product moves for too long.
 */
export async function partitionWhenFree(deps: PartitionDeps, productId: string): Promise<number> {
  const { maps, now, sleep, signal, limits } = deps;
  const deadline = now() + limits.operatorHoldMs;
  for (;;) {
    const map = await maps.read();
    if (map === null) throw new StoreUnfit("the database has no partition map: Tallyman has never run there");
    const partition = partitionIn(map, productId);
    if (partition !== undefined) return partition;
    if (now() > deadline) {
      throw new Error(`${productId} is moving to another partition: try again when the growth of partitions is done`);
    }
    await sleep(limits.mapLookMs);
    signal.throwIfAborted();
  }
}
