import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { createKafkaInspector } from "../../src/log/kafka/inspector.ts";
import { LogUnavailable, type LogInspector } from "../../src/log/log.ts";
import { connection, deleteRecords, logger, makeTopic, plainKafka, uniqueName } from "./log-helpers.ts";

describe("the log's ends", () => {
  let topic: string;
  let inspector: LogInspector;
  beforeEach(async () => {
    topic = await makeTopic(2);
    inspector = createKafkaInspector({ connection, topic, logger });
    const appender = createKafkaAppender({ connection, topic, logger });
    await appender.append([0, 0, 0, 1].map((partition) => ({ partition, key: "p", value: Buffer.from("v") })));
    await appender.close();
  });
  afterEach(() => inspector.close());

  test("are those of each partition", async () => {
    await deleteRecords(topic, 0, 2);
    expect(await inspector.ends()).toEqual(
      new Map([
        [0, { low: 2, high: 3 }],
        [1, { low: 0, high: 1 }],
      ]),
    );
  });

  test("count what is acknowledged behind an open transaction (P17; patches/)", async () => {
    const producer = plainKafka().producer({
      transactionalId: uniqueName("txn"),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, key: "p", value: "open" }] });
    expect((await inspector.ends()).get(0)).toEqual({ low: 0, high: 4 });
    await transaction.abort();
    await producer.disconnect();
  });

  test("are those of partitions that were added a moment ago, too, whoever else asks", async () => {
    expect((await inspector.ends()).size).toBe(2);
    const admin = plainKafka().admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    await admin.disconnect();
    const asked = await Promise.all([inspector.ends(), inspector.ends(), inspector.ends()]);
    for (const ends of asked) expect([...ends.keys()].sort()).toEqual([0, 1, 2, 3]);
    expect((await inspector.ends()).size).toBe(4);
  });

  test("are unknown, in time, when the broker is away", async () => {
    const away = createKafkaInspector({
      connection: { ...connection, brokers: ["127.0.0.1:1"] },
      topic,
      logger,
      deadlineMs: 500,
    });
    const begin = Date.now();
    await expect(away.ends()).rejects.toBeInstanceOf(LogUnavailable);
    expect(Date.now() - begin).toBeLessThan(1_000);
    await away.close();
  });
});
