/**
 * One life of a kafkajs consumer, from its first connection to its crash or end. The source starts the next one.
 *
 * I1 What is told (`joined`, `batch`, `ended`) is told synchronously, in the tick in which kafkajs tells it: its
 *    listeners are not awaited, so that whatever came after an await would come too late (kafkajs hazard 8).
 * I2 On a join, all assigned partitions are paused before anybody hears of it (kafkajs hazard 8): pauses and seeks of an
 *    earlier generation survive a rebalance, and a fetch may be on its way.
 * I3 `eachBatch` neither waits nor throws (kafkajs hazard 11, 12): it would hold up all other partitions, heartbeats and the
 *    next fetch. kafkajs sends a heartbeat after each batch by itself, so nothing here has to (kafkajs hazard 10).
 * I4 `ended` comes at most once, and nothing after it.
 */
import type { Batch, Consumer, KafkaMessage, PartitionAssigner } from "kafkajs";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";
import { createKafkaClient, type KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";

export type ConsumerSettings = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly logger: Logger;
  readonly assigners: readonly PartitionAssigner[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
};

/** The range [from, to) as kafkajs fetched it. */
export type RawBatch = {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly messages: readonly KafkaMessage[];
};

export type ConsumerEvents = {
  joined(partitions: readonly number[]): void;
  /** Returns whether the range was handed on; if not, it is fetched again. */
  batch(batch: RawBatch): boolean;
  /** kafkajs did something: it is not stuck. */
  alive(): void;
  ended(reason: Error): void;
};

export type ConsumerRun = {
  readonly consumer: Consumer;
  /** Leaves the group if it can within `ms`, then cuts the connections. Never rejects. */
  retire(ms: number): Promise<void>;
};

const requestTimeoutMs = 10_000;
const retry = {
  initialRetryTime: 100,
  maxRetryTime: 2_000,
  factor: 0.2,
  multiplier: 2,
  retries: 5,
  // The source starts a new consumer itself; two who restart would race (kafkajs hazard 12).
  restartOnFailure: () => Promise.resolve(false),
};

const rawBatch = (batch: Batch): RawBatch => ({
  partition: batch.partition,
  from: Number(batch.firstOffset()),
  to: Number(batch.lastOffset()) + 1,
  messages: batch.messages,
});

export const startConsumer = (settings: ConsumerSettings, events: ConsumerEvents): ConsumerRun => {
  const { connection, topic, groupId, logger } = settings;
  const { kafka, sockets } = createKafkaClient({ connection, logger, requestTimeoutMs, retry });
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    partitionAssigners: [...settings.assigners],
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: settings.heartbeatIntervalMs,
    rebalanceTimeout: settings.rebalanceTimeoutMs,
    metadataMaxAge: limits.topicMetadataMaxAgeMs,
    maxWaitTimeInMs: limits.fetchMaxWaitMs,
    maxBytesPerPartition: limits.fetchBytesPerPartitionMax,
    maxBytes: limits.fetchBytesMax,
    retry,
  });

  let ended = false;
  const end = (reason: Error): void => {
    if (ended) return; // I4
    ended = true;
    events.ended(reason);
  };

  const { GROUP_JOIN, START_BATCH_PROCESS, CRASH, FETCH_START, FETCH, HEARTBEAT, REBALANCING } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => {
    if (ended) return;
    const partitions = (payload.memberAssignment[topic] ?? []).toSorted((a, b) => a - b);
    if (partitions.length > 0) consumer.pause([{ topic, partitions }]); // I2
    events.joined(partitions);
  });
  consumer.on(START_BATCH_PROCESS, ({ payload }) => {
    // Only markers and rolled back records: kafkajs never shows such a range to eachBatch, and resolves it (P4).
    if (ended || payload.batchSize > 0) return;
    const last = Number(payload.lastOffset);
    // No first offset, whatever kafkajs's types say, when all that came lies below what was asked for.
    const from = Number((payload.firstOffset as string | null) ?? last);
    events.batch({ partition: payload.partition, from, to: last + 1, messages: [] });
  });
  consumer.on(CRASH, ({ payload }) => end(payload.error));
  for (const sign of [FETCH_START, FETCH, HEARTBEAT, REBALANCING, GROUP_JOIN] as const) {
    consumer.on(sign, () => events.alive());
  }

  const run = async (): Promise<void> => {
    await consumer.connect();
    // From the beginning when an offset is out of range (kafkajs hazard 9): a jump to the end would skip orders silently.
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false, // kafkajs hazard 9
      eachBatchAutoResolve: false,
      eachBatch: (payload) => {
        const last = payload.batch.messages.at(-1);
        // Stale: a seek is pending. What is not resolved is fetched again, or from where was sought.
        if (!ended && last !== undefined && !payload.isStale() && events.batch(rawBatch(payload.batch))) {
          payload.resolveOffset(last.offset); // Also resolves markers that follow it.
        }
        return Promise.resolve(); // I3
      },
    });
  };
  run().catch((error: unknown) => end(error instanceof Error ? error : new Error(String(error))));

  return {
    consumer,
    retire: async (ms) => {
      ended = true;
      await withDeadline(consumer.disconnect(), ms, "leaving the group").catch(() => undefined);
      sockets.cut();
    },
  };
};
