import { Kafka, logLevel } from "kafkajs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import { LogUnavailable, type AppendRecord, type LogAppender } from "../../src/log/log.ts";
import { connection, logger, makeTopic, readAll, sleep, withAdmin } from "./log-helpers.ts";
import { startKafkaProxy, type KafkaProxy } from "./log-proxy.ts";

const record = (partition: number, value: string): AppendRecord => ({ partition, key: "p", value: Buffer.from(value) });

describe("appending to Kafka", () => {
  let topic: string;
  let appender: LogAppender;
  beforeEach(async () => {
    topic = await makeTopic(3);
    appender = createKafkaAppender({ connection, topic, logger });
  });
  afterEach(() => appender.close());

  test("tells each record's own offset, and keeps the order within a partition", async () => {
    const stored = new Map<string, { partition: number; offset: number }>();
    for (let batch = 0; batch < 5; batch++) {
      const records = Array.from({ length: 50 }, (_, i) => record((i * i + batch) % 3, `${batch}/${i}`));
      const offsets = await appender.append(records);
      records.forEach(({ partition, value }, i) => stored.set(String(value), { partition, offset: offsets[i] ?? -1 }));
    }
    const all = await readAll(topic);
    expect([...all.values()].flat()).toHaveLength(250);
    for (const [partition, found] of all) {
      found.forEach(({ offset, value }) => expect(stored.get(value)).toEqual({ partition, offset }));
      const order = found.map(({ value }) => value.split("/").map(Number)).map(([batch = 0, i = 0]) => batch * 50 + i);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  });

  test("nothing to append is nothing to do", async () => {
    expect(await appender.append([])).toEqual([]);
  });

  test("a second append in flight is the caller's mistake (P18)", async () => {
    const first = appender.append([record(0, "a")]);
    await expect(appender.append([record(0, "b")])).rejects.toThrow("one append in flight");
    expect(await first).toEqual([0]);
  });

  test("a partition that the topic does not have is not acknowledged (kafkajs hazard 5)", async () => {
    await expect(appender.append([record(0, "a"), record(7, "b")])).rejects.toBeInstanceOf(LogUnavailable);
    expect(await appender.append([record(1, "c")])).toEqual([0]);
  });

  test("a partition that was added a moment ago is appended to at once, and nothing is doubled (P19)", async () => {
    await appender.append([record(0, "a")]);
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] }));
    expect(await appender.append([record(0, "b"), record(5, "c"), record(0, "d")])).toEqual([1, 0, 2]);
    const all = await readAll(topic);
    const valuesOf = (partition: number) => all.get(partition)?.map(({ value }) => value);
    expect([valuesOf(0), valuesOf(5)]).toEqual([["a", "b", "d"], ["c"]]);
  });

  test("a large batch of one partition", async () => {
    const records = Array.from({ length: 5_000 }, (_, i) => record(0, `${i} ${"x".repeat(150)}`));
    const offsets = await appender.append(records);
    expect(offsets).toEqual(records.map((_, i) => i));
  });
});

describe("when answers get lost (kafkajs hazard 1, 2)", () => {
  let topic: string;
  let proxy: KafkaProxy;
  beforeEach(async () => {
    topic = await makeTopic(1);
    proxy = await startKafkaProxy();
  });
  afterEach(() => proxy.close());

  const rounds = 8;
  const missing = async (acknowledged: string[]): Promise<string[]> => {
    const stored = new Set([...(await readAll(topic)).values()].flat().map(({ value }) => value));
    return acknowledged.filter((value) => !stored.has(value));
  };

  test("nothing that was acknowledged is missing", async () => {
    const appender = createKafkaAppender({ connection: { ...connection, brokers: [proxy.address] }, topic, logger });
    await appender.append([record(0, "connected")]);
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      proxy.loseProduceAnswers = 1;
      for (let i = 0; i < 3; i++) {
        const [offset] = await appender.append([record(0, `${round}/${i}`)]);
        acknowledged.set(`${round}/${i}`, offset ?? -1);
      }
      expect(proxy.loseProduceAnswers).toBe(0);
    }
    await appender.close();
    expect(await missing([...acknowledged.keys()])).toEqual([]);
    const found = (await readAll(topic)).get(0) ?? [];
    expect(found.length).toBe(1 + rounds * 4); // Each lost answer doubled one: P1 absorbs that.
    for (const [value, offset] of acknowledged) expect(found).toContainEqual({ offset, value });
  });

  test("the same check finds what kafkajs's idempotent producer loses", async () => {
    const kafka = new Kafka({
      brokers: [proxy.address],
      clientId: "idempotent",
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 100 },
    });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5 });
    await producer.connect();
    const send = async (value: string): Promise<string> => {
      await producer.send({ topic, messages: [{ partition: 0, key: "p", value }] });
      return value;
    };
    await send("connected");
    const acknowledged: string[] = [];
    for (let round = 0; round < rounds; round++) {
      proxy.loseProduceAnswers = 1;
      acknowledged.push(...(await Promise.all([0, 1, 2].map((i) => send(`${round}/${i}`)))));
    }
    await producer.disconnect();
    expect((await missing(acknowledged)).length).toBeGreaterThan(0);
  });

  test("what was given up at the deadline is not sent later, and the next append works", async () => {
    const behindProxy = { ...connection, brokers: [proxy.address] };
    const appender = createKafkaAppender({ connection: behindProxy, topic, logger, deadlineMs: 1_000 });
    await appender.append([record(0, "connected")]);
    proxy.loseProduceRequests = true;
    const begin = Date.now();
    await expect(appender.append([record(0, "given up")])).rejects.toMatchObject({
      name: "LogUnavailable",
      retryable: true,
    });
    expect(Date.now() - begin).toBeLessThan(1_500);
    proxy.loseProduceRequests = false;
    expect(await appender.append([record(0, "next")])).toEqual([1]);
    await sleep(4_000); // A producer that was only disconnected would have sent it again by now.
    await appender.close();
    expect((await readAll(topic)).get(0)?.map(({ value }) => value)).toEqual(["connected", "next"]);
  });

  test("a broker that is away and comes back", async () => {
    const behindProxy = { ...connection, brokers: [proxy.address] };
    const appender = createKafkaAppender({ connection: behindProxy, topic, logger, deadlineMs: 1_000 });
    proxy.setDown(true);
    await expect(appender.append([record(0, "a")])).rejects.toBeInstanceOf(LogUnavailable);
    proxy.setDown(false);
    expect(await appender.append([record(0, "b")])).toEqual([0]);
    await appender.close();
  });
});
