// How far a consumer group has come on a topic that holds nothing but records, by what it has committed.
import kafkajs, { Kafka, logLevel } from "kafkajs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../../local/failure.ts";

export type Committed = { readonly records: number; readonly at: number };

export type CommittedLook = AsyncDisposable & {
  /** Resolves when the group has committed so many records. Rejects when it commits nothing for half a minute. */
  until(records: number): Promise<Committed>;
};

/** How often it is looked. */
const pollMs = 20;
const silenceLimitMs = 30_000;

export async function watchCommitted(
  brokers: string,
  groupId: string,
  topic: string,
  signal: AbortSignal,
): Promise<CommittedLook> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const look = async (): Promise<Committed> => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const records = (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    return { records, at: performance.now() };
  };
  return {
    until: async (wanted) => {
      let moved: Committed = { records: 0, at: performance.now() };
      for (;;) {
        const seen = await look().catch((error: unknown) => {
          // The coordinator of a new group may still be loading.
          if (error instanceof kafkajs.KafkaJSError && error.retriable)
            return { records: moved.records, at: performance.now() };
          throw error;
        });
        if (seen.records >= wanted) return seen;
        if (seen.records > moved.records) moved = seen;
        if (seen.at - moved.at > silenceLimitMs) {
          throw new Failure(
            `${groupId} has committed ${moved.records} of ${wanted} records, and no more in half a minute.`,
          );
        }
        await sleep(pollMs, undefined, { signal });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await admin.disconnect();
    },
  };
}

/** Resolves when it is there, with a leader for each partition. */
export async function createOwnTopic(brokers: string, topic: string, partitions: number): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] });
  } finally {
    await admin.disconnect();
  }
}

/** Deletes a group, which must have no members any more; one that is not there is deleted already. */
export async function deleteGroup(brokers: string, groupId: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING, retry: { retries: 2 } }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    if (groups.some((group) => group.groupId === groupId)) await admin.deleteGroups([groupId]);
  } finally {
    await admin.disconnect();
  }
}
