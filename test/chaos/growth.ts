/** Partitions that grow in the middle of it all, by the command line, which nothing protects from the faults of services. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Tallyman } from "../support/tallyman.ts";
import { readGrowth, withDatabase } from "./aftermath.ts";
import type { FaultyWorld } from "./faults.ts";

const pollMs = 100;
/** A growth waits for whoever is needed; what it does in this time at most is one fault of the report. */
const grownLimitMs = 45_000;

export function growing({
  tallyman,
}: {
  readonly tallyman: Tallyman;
}): Pick<FaultyWorld, "growPartitions" | "untilGrown"> {
  const look = () => withDatabase(tallyman.databaseUrl, readGrowth).catch(() => undefined);
  return {
    growPartitions: async () => {
      let known = await look();
      // PostgreSQL may be away, for some seconds.
      for (const deadline = performance.now() + grownLimitMs; known === undefined && performance.now() < deadline;) {
        await sleep(pollMs);
        known = await look();
      }
      const count = known?.to_count ?? 2 * (known?.partition_count ?? 0);
      const command = tallyman.begin("partitions", "grow", String(count), "--now");
      const over = new AbortController();
      const isOver = (): boolean => over.signal.aborted;
      const ended = command.ended.then(() => over.abort());
      // Killed before the map says so, it would have done nothing.
      const deadline = performance.now() + grownLimitMs;
      const begins = async (): Promise<boolean> => {
        const map = await look();
        return map !== undefined && (map.to_count !== null || map.partition_count === count);
      };
      while (!isOver() && performance.now() < deadline && !(await begins())) await sleep(pollMs);
      return { kill: () => command.kill(), ended };
    },
    untilGrown: async () => {
      const deadline = performance.now() + grownLimitMs;
      while ((await look())?.to_count !== null && performance.now() < deadline) await sleep(pollMs);
    },
  };
}
