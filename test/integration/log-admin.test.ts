/** Partitions are added, and counted broker by broker, on the real Kafka. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKafkaLogAdmin } from "../../src/log/kafka/log-admin.ts";
import { createKafkaClient } from "../../src/log/kafka/client.ts";
import { LogRefused, type LogAdmin } from "../../src/log/log-admin.ts";
import { LogUnavailable } from "../../src/log/log.ts";
import { brokers, connection, logger, makeTopic, withAdmin } from "./log-helpers.ts";

describe("the log's partitions", () => {
  let topic: string;
  let admin: LogAdmin;
  beforeEach(async () => {
    topic = await makeTopic(2);
    admin = createKafkaLogAdmin({ connection, topic, logger });
  });
  afterEach(() => admin.close());

  test("are counted anew by each question", async () => {
    expect(await admin.partitionCounts()).toEqual([2]);
    await withAdmin((other) => other.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await expect.poll(() => admin.partitionCounts()).toEqual([3]);
  });

  test("are added once: who asks for those that are there changes nothing", async () => {
    await admin.checkPartitions(4);
    expect(await admin.partitionCounts()).toEqual([2]);
    await admin.addPartitions(4);
    await expect.poll(() => admin.partitionCounts()).toEqual([4]);
    for (const count of [4, 3, 2]) await admin.addPartitions(count);
    await admin.checkPartitions(4);
    expect(await admin.partitionCounts()).toEqual([4]);
  });

  test("are added by several at once", async () => {
    const others = [1, 2, 3].map(() => createKafkaLogAdmin({ connection, topic, logger }));
    await Promise.all(others.map((other) => other.addPartitions(8)));
    await expect.poll(() => admin.partitionCounts()).toEqual([8]);
    await Promise.all(others.map((other) => other.close()));
  });

  test("can't be added where the broker says no, and it is told why", async () => {
    // More than 10,000 at once is refused by the controller.
    await expect(admin.checkPartitions(100_000)).rejects.toBeInstanceOf(LogRefused);
    await expect(admin.addPartitions(100_000)).rejects.toThrow(/100000 partitions/);
    expect(await admin.partitionCounts()).toEqual([2]);
  });

  test("of a topic that is not there are unknown", async () => {
    const nowhere = createKafkaLogAdmin({ connection, topic: "not-there", logger });
    await expect(nowhere.partitionCounts()).rejects.toBeInstanceOf(LogUnavailable);
    await nowhere.close();
  });

  test("are unknown, in time, when the broker is away", async () => {
    const away = { ...connection, brokers: ["127.0.0.1:1"] };
    const nobody = createKafkaLogAdmin({ connection: away, topic, logger, deadlineMs: 500 });
    const beginAt = performance.now();
    await expect(nobody.partitionCounts()).rejects.toBeInstanceOf(LogUnavailable);
    expect(performance.now() - beginAt).toBeLessThan(5_000);
    await nobody.close();
  });
});

test("a client that is pinned to a broker asks that one, whichever one it means to ask", async () => {
  const [address = ""] = brokers;
  const [host = "", port = ""] = address.split(":");
  const retry = { retries: 0 };
  const elsewhere = { ...connection, brokers: ["127.0.0.1:1"] };
  const pinnedTo = { host, port: Number(port) };
  const { kafka, sockets } = createKafkaClient({
    connection: elsewhere,
    logger,
    requestTimeoutMs: 5_000,
    retry,
    pinnedTo,
  });
  const admin = kafka.admin();
  await admin.connect();
  expect((await admin.describeCluster()).brokers).toHaveLength(1);
  await admin.disconnect();
  sockets.cut();
});
