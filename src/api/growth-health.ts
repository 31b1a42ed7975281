/** What an api's health says of the partition map (P19): a growth that is under way, and one that is stuck, with what it waits for. */
import type { Clock } from "../clock.ts";
import type { GrowthLook } from "../growth/growth-driver.ts";
import { lastingText, surplusText, waitText } from "../growth/growth-text.ts";
import { limits } from "../limits.ts";
import { HealthNote } from "../ops/health.ts";
import type { PartitionMap } from "../stores/partition-map-store.ts";

export type GrowthHealthOptions = {
  readonly map: () => PartitionMap;
  /** Asked only about a growth that takes long. */
  readonly look: () => Promise<Pick<GrowthLook, "waitsFor">>;
  /** How many partitions the topic had when it was last looked at. */
  readonly topicPartitions: () => number | undefined;
  readonly clock: Pick<Clock, "monotonic">;
};

/** A check for `Health.watch`. */
export function createGrowthCheck(options: GrowthHealthOptions): () => Promise<HealthNote | undefined> {
  const { look, topicPartitions, clock } = options;
  let version = 0;
  let since = 0;
  return async () => {
    const map = options.map();
    if (map.version !== version) [version, since] = [map.version, clock.monotonic()];
    if (map.growth === null) {
      const surplus = surplusText(map, topicPartitions());
      return surplus === null ? undefined : new HealthNote(surplus);
    }
    const forMs = clock.monotonic() - since;
    const text = lastingText(map, forMs);
    if (forMs <= limits.growthStuckMs) return new HealthNote(text);
    const why = await look().then(
      ({ waitsFor }) => (waitsFor === null ? "no processor takes it further" : waitText(waitsFor)),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    throw new Error(`${text}: ${why}`);
  };
}
