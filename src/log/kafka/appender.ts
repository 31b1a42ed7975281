/**
 * Appends to a Kafka topic (P18).
 *
 * Who owns what: the appender owns one producer at a time, with its own connections. The caller batches (kafkajs hazard 3)
 * and computes the partitions (kafkajs hazard 4).
 *
 * I1 One `append` in flight (P18); a second one is the caller's mistake and throws.
 * I2 Not idempotent (kafkajs hazard 1): after a lost response kafkajs's idempotent producer reuses sequence numbers, and the
 *    broker drops acknowledged records as duplicates. What is doubled without it, P1 absorbs.
 * I3 `append` resolves only when the broker has acknowledged each record's partition (see append-offsets.ts).
 * I4 After any failure the producer is discarded and its connections are cut (kafkajs hazard 1, 2): nothing that was given
 *    up is sent again later, behind the caller's back.
 */
import assert from "node:assert/strict";
import kafkajs, { CompressionTypes, type Message, type PartitionerArgs, type Producer } from "kafkajs";
import type { Logger } from "pino";
import { limits } from "../../limits.ts";
import { LogUnavailable, type AppendRecord, type LogAppender } from "../log.ts";
import { appendOffsets } from "./append-offsets.ts";
import { createKafkaClient, type KafkaClient, type KafkaConnection } from "./client.ts";
import { withDeadline } from "./deadline.ts";

export type KafkaAppenderOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: Logger;
  /** An append whose fate is not known by then rejects. */
  readonly deadlineMs?: number;
  readonly compression?: CompressionTypes;
};

/** Below the deadline, so that a response that got lost is asked for again in time. */
const requestTimeoutMs = 2_000;
/** Ends before the default deadline; kafkajs would retry an idempotent producer for ever (kafkajs hazard 2). */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2, retries: 5 };
/**
 * Partitions that were added are known by then (kafkajs hazard 5), and nothing of ours goes there sooner: a growth waits for as long
 * between the two (P19). A leader that moved is noticed by the error it answers.
 */
const metadataMaxAgeMs = limits.mapLeaseMs;
const closeMs = 2_000;

type Connected = { readonly client: KafkaClient; readonly producer: Producer };

const toMessage = ({ partition, key, value, headers }: AppendRecord): Message =>
  headers === undefined ? { partition, key, value } : { partition, key, value, headers };

const explicitPartition = ({ message, partitionMetadata }: PartitionerArgs): number => {
  assert(message.partition !== undefined, "the partition is the caller's to compute (kafkajs hazard 4)");
  // Before anything of the batch is sent: kafkajs looks again and goes on, instead of leaving these records out (kafkajs hazard 5).
  if (message.partition >= partitionMetadata.length) {
    const unknown = { type: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true };
    throw new kafkajs.KafkaJSProtocolError(Object.assign(new Error(`partition ${message.partition} is new`), unknown));
  }
  return message.partition;
};

/** Makes no connection before the first `append`; each append's deadline includes connecting. */
export const createKafkaAppender = ({
  connection,
  topic,
  logger,
  deadlineMs = limits.appendDeadlineMs,
  compression = CompressionTypes.None,
}: KafkaAppenderOptions): LogAppender => {
  let connected: Connected | undefined;
  let inFlight: Promise<number[]> | undefined;
  let closed = false;

  const open = (): Connected => {
    const client = createKafkaClient({ connection, logger, requestTimeoutMs, retry });
    const producer = client.kafka.producer({
      idempotent: false, // I2
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMaxAgeMs,
      createPartitioner: () => explicitPartition,
    });
    return { client, producer };
  };

  const discard = (): void => {
    connected?.client.sockets.cut(); // I4
    connected = undefined;
  };

  const send = async ({ producer }: Connected, records: readonly AppendRecord[]): Promise<number[]> => {
    await producer.connect(); // Nothing to do when it is connected.
    const acknowledged = await producer.sendBatch({
      acks: -1,
      timeout: requestTimeoutMs,
      compression,
      topicMessages: [{ topic, messages: records.map(toMessage) }],
    });
    return appendOffsets(records, acknowledged); // I3
  };

  const append = async (records: readonly AppendRecord[]): Promise<number[]> => {
    connected ??= open();
    try {
      return await withDeadline(send(connected, records), deadlineMs, "appending to the log");
    } catch (cause) {
      discard();
      const reason = cause instanceof Error ? cause.message : String(cause);
      logger.warn({ err: cause, records: records.length }, "could not append to the log");
      throw new LogUnavailable(`the log did not acknowledge ${records.length} records: ${reason}`, { cause });
    }
  };

  return {
    append: async (records) => {
      assert(inFlight === undefined, "one append in flight (P18)");
      assert(!closed, "append after close");
      if (records.length === 0) return [];
      inFlight = append(records);
      try {
        return await inFlight;
      } finally {
        inFlight = undefined;
      }
    },
    close: async () => {
      closed = true;
      await inFlight?.catch(() => undefined);
      await withDeadline(connected?.producer.disconnect() ?? Promise.resolve(), closeMs, "disconnecting").catch(
        () => undefined, // Whatever is still open is cut now.
      );
      discard();
    },
  };
};
