/** A growth in words, for people: health, logs, the command line. */
import type { PartitionMap } from "../stores/partition-map-store.ts";
import type { GrowthWait } from "./growth-driver.ts";

/** "growing from 4 to 8 partitions, preparing"; for a map that is stable, how many it has. */
export function growthText({ partitionCount, growth }: PartitionMap): string {
  if (growth === null) return `${partitionCount} partitions`;
  return `growing from ${partitionCount} to ${growth.toCount} partitions, ${growth.phase}`;
}

/** The same, and for how long the map has stood so. */
export function lastingText(map: PartitionMap, forMs: number): string {
  return `${growthText(map)} for ${Math.round(forMs / 1_000)} s`;
}

/** Somebody has added partitions with Kafka's own tools; null: there are as many as the map has. */
export function surplusText(
  { partitionCount, growth }: PartitionMap,
  topicPartitions: number | undefined,
): string | null {
  if (growth !== null || topicPartitions === undefined || topicPartitions <= partitionCount) return null;
  return (
    `the topic has ${topicPartitions} partitions, and the map ${partitionCount}: without PostgreSQL no orders are taken ` +
    `until tallyman partitions grow ${topicPartitions} has adopted them`
  );
}

/** For metrics. */
export function growthPhaseNumber({ growth }: PartitionMap): number {
  return ["stable", "preparing", "holding", "draining"].indexOf(growth?.phase ?? "stable");
}

/** What is missing. */
export function waitText(waitsFor: GrowthWait): string {
  switch (waitsFor.for) {
    case "partitions":
      return `Kafka's brokers say that there are ${waitsFor.counts.join(", ")} partitions`;
    case "claims":
      return `no processor has claimed ${some(waitsFor.partitions)}`;
    case "backlog":
      return `${records(waitsFor.records)} of ${some(waitsFor.partitions)} not decided yet`;
    case "leases":
      return `${Math.ceil(waitsFor.ms)} ms until no api believes the old map`;
    case "decisions":
      return `${records(waitsFor.records)} of ${some(waitsFor.partitions)} to be decided before products may move`;
  }
}

const toldMax = 8;

function some(partitions: readonly number[]): string {
  const [first, ...others] = partitions;
  if (others.length === 0) return `partition ${first ?? "?"}`;
  const told = partitions.slice(0, toldMax).join(", ");
  return `partitions ${told}${partitions.length > toldMax ? ` and ${partitions.length - toldMax} more` : ""}`;
}

function records(count: number): string {
  return count === 1 ? "1 record" : `${count} records`;
}
