/**
 * The log's own time of some records: of each partition, the first one at an offset or behind it. Read by one consumer run in a
 * group of its own, which commits nothing and is deleted at the end.
 *
 * I1 It ends: when all are there, when the run ends, or at the deadline. What has not come by then is not in the result.
 */
import { randomUUID } from "node:crypto";
import { PartitionAssigners } from "kafkajs";
import type { Logger } from "pino";
import type { KafkaConnection } from "./client.ts";
import { startConsumer } from "./consumer-run.ts";
import { deleteGroup } from "./delete-group.ts";
import { defaultSessionTimeoutMs } from "./source-options.ts";

export type RecordTimesOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  readonly deadlineMs: number;
};

const retireMs = 2_000;

/** `from`: offset by partition. Resolves to milliseconds by partition; never rejects. */
export const readRecordTimes = async (
  { connection, topic, logger, deadlineMs }: RecordTimesOptions,
  from: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, number>> => {
  const times = new Map<number, number>();
  if (from.size === 0) return times;
  const groupId = `tallyman-topology-${randomUUID()}`;
  const { promise: over, resolve: end } = Promise.withResolvers<boolean>();
  const run = startConsumer(
    {
      connection,
      topic,
      groupId,
      logger,
      assigners: [PartitionAssigners.roundRobin],
      sessionTimeoutMs: defaultSessionTimeoutMs,
      heartbeatIntervalMs: 1_000,
      rebalanceTimeoutMs: deadlineMs,
    },
    {
      joined: (partitions) => {
        for (const partition of partitions.filter((each) => from.has(each) && !times.has(each))) {
          run.consumer.seek({ topic, partition, offset: String(from.get(partition)) });
          run.consumer.resume([{ topic, partitions: [partition] }]);
        }
      },
      batch: ({ partition, messages }) => {
        // What lies below was fetched with it, or is where kafkajs begins anew when the log does not have the offset.
        const first = messages.find(({ offset }) => Number(offset) >= (from.get(partition) ?? 0));
        if (first === undefined) return true;
        times.set(partition, Number(first.timestamp));
        run.consumer.pause([{ topic, partitions: [partition] }]);
        if (times.size === from.size) end(true);
        return true;
      },
      alive: () => undefined,
      ended: () => end(true),
    },
  );
  const timer = setTimeout(() => end(false), deadlineMs);
  await over; // I1
  clearTimeout(timer);
  await run.retire(retireMs);
  await deleteGroup({ connection, logger }, groupId);
  return times;
};
