/**
 * A producer on the world's log, shaped as kafkajs's. As with that: a record may be stored and its acknowledgement lost, and it is
 * then sent again by itself, so that the log has it twice; of records for several partitions some may be stored when it gives up.
 */
import { limits } from "../limits.ts";
import { LogUnavailable } from "../log/log.ts";
import type { AppendRecord } from "../log/log.ts";
import { partitionOf } from "../partitioning/partition-of.ts";
import { createSimAppender } from "../simulation/sim-appender.ts";
import { SimProcess } from "../simulation/sim-process.ts";
import type { World } from "../simulation/world.ts";
import type { OpenCalls } from "./open-calls.ts";

export type ProducerMessage = {
  /** The product's id. */
  readonly key?: Buffer | string | null;
  /** As `encode` makes it. */
  readonly value: Buffer | string | null;
  /** Otherwise it follows from the key. */
  readonly partition?: number;
  /** Taken, and not kept. */
  readonly headers?: unknown;
  readonly timestamp?: string;
};
export type TopicMessages = { readonly topic: string; readonly messages: readonly ProducerMessage[] };
/** `timeout` and `compression` are taken, and change nothing. */
type Sending = { readonly acks?: number; readonly timeout?: number; readonly compression?: number };
export type ProducerRecord = TopicMessages & Sending;
export type ProducerBatch = Sending & { readonly topicMessages?: readonly TopicMessages[] };
/** Of one partition, once it has acknowledged. */
export type RecordMetadata = {
  readonly topicName: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: string;
};

/** What most code uses of kafkajs's `Producer`. */
export type SimulatedProducer = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(record: ProducerRecord): Promise<RecordMetadata[]>;
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>;
};

/** Named as kafkajs names it: `KafkaJSNumberOfRetriesExceeded` when records may be stored or not, else nothing was sent. */
export class ProducerError extends Error {
  override readonly name: string;
  readonly retriable = false;
  constructor(name: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

export type ProducerOptions = {
  readonly world: World;
  readonly name: string;
  readonly topic: string;
  readonly calls: OpenCalls;
  readonly requireRunning: (what: string) => void;
  /** Told of the records that were acknowledged, and where they lie. */
  readonly acknowledged: (records: readonly AppendRecord[], offsets: readonly number[]) => void;
};

export function createProducer(options: ProducerOptions): SimulatedProducer {
  const { world, name, topic, calls, requireRunning, acknowledged } = options;
  const { engine, log, services } = world;
  const process = new SimProcess(engine, name);
  let isConnected = false;
  let metadata = { partitionCount: 0, atMs: -Infinity };

  const placed = (batch: TopicMessages): AppendRecord[] => {
    if (batch.topic !== topic) {
      throw new ProducerError("KafkaJSProtocolError", `there is no topic ${batch.topic}: in this world it is ${topic}`);
    }
    if (engine.now - metadata.atMs > limits.testingProducerMetadataMs) {
      metadata = { partitionCount: log.partitions.length, atMs: engine.now };
    }
    return batch.messages.map((message) => recordOf(message, metadata.partitionCount, () => engine.random()));
  };

  const append = async (records: readonly AppendRecord[]): Promise<number[]> => {
    // One for each send: unlike our own ingress (P18), users may have several in flight.
    const appender = createSimAppender({ engine, process, log, service: services.logAppends });
    for (let tries = 0; ; tries += 1) {
      try {
        return await appender.append(records);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        engine.say(`${name}: ${error.message}`);
        if (tries === limits.testingProducerRetries) {
          throw new ProducerError("KafkaJSNumberOfRetriesExceeded", error.message, { cause: error });
        }
        await engine.pause(
          limits.testingProducerRetryMs * 2 ** tries * engine.between(0.8, 1.2),
          `${name} sends again`,
        );
      }
    }
  };

  const send = async (batches: readonly TopicMessages[], acks = -1): Promise<RecordMetadata[]> => {
    requireRunning(`send of ${name}`);
    if (!isConnected) throw new ProducerError("KafkaJSError", "The producer is disconnected");
    if (acks !== -1) {
      throw new ProducerError("KafkaJSNonRetriableError", `acks ${acks} is not simulated: orders need all, -1`);
    }
    const records = batches.flatMap(placed);
    if (records.length === 0) return [];
    const end = calls.begin(`send of ${records.length} by ${name}`);
    try {
      const offsets = await append(records);
      acknowledged(records, offsets);
      engine.say(
        `${name}: ${records.map(({ partition }, index) => `${partition}@${offsets[index] ?? "?"}`).join(" ")}`,
      );
      return metadataOf(topic, records, offsets);
    } finally {
      end();
    }
  };

  return {
    connect: () => Promise.resolve(void (isConnected = true)),
    disconnect: () => Promise.resolve(void (isConnected = false)),
    send: ({ topic: to, messages, acks }) => send([{ topic: to, messages }], acks),
    sendBatch: ({ topicMessages = [], acks }) => send(topicMessages, acks),
  };
}

function recordOf(
  { key = null, value, partition }: ProducerMessage,
  partitionCount: number,
  random: () => number,
): AppendRecord {
  const wanted =
    partition ?? (key === null ? Math.floor(random() * partitionCount) : partitionOf(key.toString(), partitionCount));
  if (!Number.isInteger(wanted) || wanted < 0 || wanted >= partitionCount) {
    throw new ProducerError("KafkaJSProtocolError", `there is no partition ${wanted}`);
  }
  return { partition: wanted, key, value: typeof value === "string" ? Buffer.from(value) : value };
}

function metadataOf(topic: string, records: readonly AppendRecord[], offsets: readonly number[]): RecordMetadata[] {
  const first = new Map<number, number>();
  for (const [index, { partition }] of records.entries()) {
    const offset = offsets[index];
    if (offset !== undefined && !first.has(partition)) first.set(partition, offset);
  }
  return [...first].map(([partition, baseOffset]) => ({
    topicName: topic,
    partition,
    errorCode: 0,
    baseOffset: String(baseOffset),
  }));
}
