/** What the tests of the log share: names of their own, and reading a topic from one end to the other. */
import { Kafka, logLevel, type Admin } from "kafkajs";
import pino from "pino";
import { createKafkaInspector } from "../../src/log/kafka/inspector.ts";
import type { KafkaSourceOptions } from "../../src/log/kafka/source-options.ts";
import { createKafkaSource } from "../../src/log/kafka/source.ts";
import { ensureTopic } from "../../src/log/kafka/topic.ts";
import type { FetchedRange, LogSource } from "../../src/log/log.ts";

export const brokers = (process.env.KAFKA_BROKERS ?? "").split(",").filter(Boolean);
export const connection = { brokers, clientId: "tallyman-test" };
export const logger = pino({ level: process.env.LOG_LEVEL ?? "silent" });

let names = 0;
export const uniqueName = (what: string): string => `test-${what}-${process.pid}-${Date.now()}-${++names}`;

export const makeTopic = async (partitionCount: number): Promise<string> => {
  const name = uniqueName("log");
  await ensureTopic(connection, { name, partitionCount, replicationFactor: 1 }, logger);
  return name;
};

/** kafkajs as it comes, for what the adapters don't do. */
export const plainKafka = (): Kafka => new Kafka({ brokers, clientId: "plain", logLevel: logLevel.NOTHING });

export const withAdmin = async <T>(use: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = plainKafka().admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
};

/** Drops the records of the partition below `offset`. */
export const deleteRecords = (topic: string, partition: number, offset: number): Promise<void> =>
  withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(topic); // kafkajs only knows a topic's partitions after it was asked for them.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  });

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `check` holds; rejects with `what` otherwise. */
export const until = async (what: string, check: () => boolean, ms = 20_000): Promise<void> => {
  const end = Date.now() + ms;
  while (!check()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await sleep(20);
  }
};

/** A source that tells what it was told. By default it reads every assigned partition from its beginning. */
export class Reader {
  readonly assignments: (readonly number[])[] = [];
  readonly ranges: FetchedRange[] = [];
  readonly lost: Error[] = [];
  readonly source: LogSource;
  onAssigned: (partitions: readonly number[]) => void = (partitions) => {
    for (const partition of partitions) this.read(partition, 0);
  };

  constructor(topic: string, options: Partial<KafkaSourceOptions> = {}) {
    this.source = createKafkaSource({ connection, topic, groupId: uniqueName("group"), logger, ...options });
  }

  start(): Promise<void> {
    return this.source.start({
      assigned: (partitions) => {
        this.assignments.push(partitions);
        this.onAssigned(partitions);
      },
      fetched: (range) => this.ranges.push(range),
      lost: (reason) => this.lost.push(reason),
      held: () => (this.assignments.at(-1) ?? []).map((partition) => ({ partition, epoch: 1 })),
    });
  }

  read(partition: number, from: number): void {
    this.source.seek(partition, from);
    this.source.resume(partition);
  }

  rangesOf(partition: number): FetchedRange[] {
    return this.ranges.filter((range) => range.partition === partition);
  }

  values(partition?: number): string[] {
    const ranges = partition === undefined ? this.ranges : this.rangesOf(partition);
    return ranges.flatMap(({ records }) => records.map(({ value }) => String(value)));
  }
}

/** Everything on the topic: by partition, the values in order with their offsets. */
export const readAll = async (topic: string): Promise<Map<number, { offset: number; value: string }[]>> => {
  const inspector = createKafkaInspector({ connection, topic, logger });
  const ends = await inspector.ends();
  await inspector.close();
  const reader = new Reader(topic);
  await reader.start();
  const reached = (partition: number): number => reader.rangesOf(partition).at(-1)?.to ?? 0;
  try {
    await until("the end of the topic", () => [...ends].every(([partition, { high }]) => reached(partition) >= high));
  } finally {
    await reader.source.stop();
  }
  return new Map(
    [...ends.keys()].map((partition) => [
      partition,
      reader
        .rangesOf(partition)
        .flatMap(({ records }) => records.map(({ offset, value }) => ({ offset, value: String(value) }))),
    ]),
  );
};
