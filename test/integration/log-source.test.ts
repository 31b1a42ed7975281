import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKafkaAppender } from "../../src/log/kafka/appender.ts";
import type { KafkaSourceOptions } from "../../src/log/kafka/source-options.ts";
import type { AppendRecord } from "../../src/log/log.ts";
import {
  connection,
  deleteRecords,
  logger,
  makeTopic,
  plainKafka,
  Reader,
  sleep,
  uniqueName,
  until,
  withAdmin,
} from "./log-helpers.ts";
import { startKafkaProxy } from "./log-proxy.ts";

const record = (partition: number, value: string): AppendRecord => ({ partition, key: "p", value: Buffer.from(value) });
const numbers = (count: number, partition = 0): AppendRecord[] =>
  Array.from({ length: count }, (_, i) => record(partition, String(i)));

let topic: string;
let readers: Reader[];
const partitionCount = 3;
beforeEach(async () => {
  topic = await makeTopic(partitionCount);
  readers = [];
});
afterEach(async () => {
  for (const reader of readers) await reader.source.stop();
});

const makeReader = (options: Partial<KafkaSourceOptions> = {}): Reader => {
  const reader = new Reader(topic, options);
  readers.push(reader);
  return reader;
};

const append = async (records: readonly AppendRecord[]): Promise<void> => {
  const appender = createKafkaAppender({ connection, topic, logger });
  await appender.append(records);
  await appender.close();
};

/** Two records committed, two rolled back, each transaction with its marker; then one without transaction. */
const appendTransactions = async (): Promise<void> => {
  const producer = plainKafka().producer({
    transactionalId: uniqueName("txn"),
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  for (const end of ["commit", "abort"] as const) {
    const transaction = await producer.transaction();
    const messages = [0, 1].map((i) => ({ partition: 0, key: "p", value: `${end}${i}` }));
    await transaction.send({ topic, messages });
    await transaction[end]();
  }
  await producer.disconnect();
  await append([record(0, "last")]);
};

describe("assignment (kafkajs hazard 8)", () => {
  test("all partitions come paused: nothing is read before seek and resume, and nothing before seek alone", async () => {
    await append([...numbers(5, 0), ...numbers(5, 1), ...numbers(5, 2)]);
    const reader = makeReader();
    reader.onAssigned = () => {
      reader.read(1, 2);
      reader.source.resume(2); // Without a seek.
    };
    await reader.start();
    await until("partition 1", () => reader.rangesOf(1).at(-1)?.to === 5);
    await sleep(1_000);
    expect(reader.assignments).toEqual([[0, 1, 2]]);
    expect(reader.rangesOf(1)[0]?.from).toBe(2);
    expect(reader.values(1)).toEqual(["2", "3", "4"]);
    expect(reader.rangesOf(0)).toEqual([]);
    expect(reader.rangesOf(2)).toEqual([]);
  });

  test("a second member takes its share; each partition starts where its new owner seeks", async () => {
    await append([...numbers(5, 0), ...numbers(5, 1), ...numbers(5, 2)]);
    const groupId = uniqueName("group");
    const first = makeReader({ groupId });
    const second = makeReader({ groupId });
    second.onAssigned = (partitions) => {
      for (const partition of partitions) second.read(partition, 4);
    };
    await first.start();
    await until("the first has it all", () => first.assignments.at(-1)?.length === partitionCount);
    await second.start();
    await until("the second has its share", () => (second.assignments.at(-1)?.length ?? 0) > 0);
    await until("the first knows", () => first.assignments.length > 1);
    const [ones, others] = [first.assignments.at(-1) ?? [], second.assignments.at(-1) ?? []];
    expect([...ones, ...others].toSorted()).toEqual([0, 1, 2]);
    for (const partition of others) {
      await until(`partition ${partition}`, () => second.rangesOf(partition).at(-1)?.to === 5);
      expect(second.values(partition)).toEqual(["4"]);
    }
  });

  test("a source that stops leaves at once; the other one does not wait for a session to end", async () => {
    const groupId = uniqueName("group");
    const first = makeReader({ groupId, sessionTimeoutMs: 30_000 });
    await first.start();
    await until("the first has it all", () => first.assignments.at(-1)?.length === partitionCount);
    await first.source.stop();
    const second = makeReader({ groupId, sessionTimeoutMs: 30_000 });
    const begin = Date.now();
    await second.start();
    await until("the second has it all", () => second.assignments.at(-1)?.length === partitionCount);
    expect(Date.now() - begin).toBeLessThan(5_000);
  });
});

describe("ranges (P4)", () => {
  test("cover the whole log, markers and rolled back records too", async () => {
    await appendTransactions();
    const reader = makeReader();
    await reader.start();
    // 0, 1 and a marker; 3, 4 and a marker; 6.
    await until("the end", () => reader.rangesOf(0).at(-1)?.to === 7);
    expect(reader.values(0)).toEqual(["commit0", "commit1", "last"]);
    let next = 0;
    for (const { from, to } of reader.rangesOf(0)) {
      expect(from).toBe(next);
      next = to;
    }
  });

  test("that hold nothing but markers are told, empty", async () => {
    const producer = plainKafka().producer({
      transactionalId: uniqueName("txn"),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, key: "p", value: "never" }] });
    await transaction.abort();
    await producer.disconnect();
    const reader = makeReader();
    await reader.start();
    await until("the marker", () => reader.rangesOf(0).length > 0);
    expect(reader.ranges.every(({ records }) => records.length === 0)).toBe(true);
    expect(reader.rangesOf(0)[0]?.from).toBe(0);
    await until("the end", () => reader.rangesOf(0).at(-1)?.to === 2);
    await append([record(0, "after")]);
    await until("what came after", () => reader.values(0).includes("after"));
  });

  test("after a seek, the next range starts there, whatever was on its way", async () => {
    const count = 20_000;
    await append(Array.from({ length: count }, (_, i) => record(0, `${i} ${"x".repeat(100)}`)));
    const reader = makeReader();
    await reader.start();
    await until("assigned", () => reader.assignments.length > 0);
    for (let round = 0; round < 12; round++) {
      const target = (round * 7_919) % count;
      reader.source.seek(0, target);
      const seen = reader.ranges.length;
      await until("a range", () => reader.ranges.length > seen);
      expect(reader.ranges[seen]?.from).toBe(target);
    }
  });

  test("pause holds a partition, resume goes on without a gap", async () => {
    await append(numbers(3));
    const reader = makeReader();
    await reader.start();
    await until("the first three", () => reader.values(0).length === 3);
    reader.source.pause(0);
    await append(numbers(2));
    await sleep(800);
    expect(reader.values(0)).toHaveLength(3);
    reader.source.resume(0);
    await until("the rest", () => reader.values(0).length === 5);
    expect(reader.rangesOf(0).map(({ to }) => to)).toContain(3);
  });
});

describe("offsets that the log does not hold (kafkajs hazard 9)", () => {
  test("below its beginning: what is told starts above, for the listener to judge", async () => {
    await append(numbers(10));
    await deleteRecords(topic, 0, 6);
    const reader = makeReader();
    await reader.start();
    await until("a range", () => reader.rangesOf(0).length > 0);
    expect(reader.rangesOf(0)[0]?.from).toBe(6);
    expect(reader.values(0)).toEqual(["6", "7", "8", "9"]);
  });

  test("above its end: what is told starts at the beginning, never silently at the end", async () => {
    await append(numbers(3));
    const reader = makeReader();
    reader.onAssigned = () => reader.read(0, 1_000);
    await reader.start();
    await until("a range", () => reader.rangesOf(0).length > 0);
    expect(reader.rangesOf(0)[0]).toMatchObject({ from: 0, to: 3 });
  });
});

describe("a broker that goes away (kafkajs hazard 12)", () => {
  test("is told as lost, and read again when it is back", async () => {
    const proxy = await startKafkaProxy();
    await append(numbers(2));
    const reader = makeReader({ connection: { ...connection, brokers: [proxy.address] } });
    await reader.start();
    await until("the first two", () => reader.values(0).length === 2);
    proxy.setDown(true);
    await until("lost", () => reader.lost.length > 0, 40_000);
    const assignments = reader.assignments.length;
    reader.onAssigned = () => reader.read(0, 2);
    await append(numbers(1));
    proxy.setDown(false);
    await until("assigned again", () => reader.assignments.length > assignments, 40_000);
    await until("the third", () => reader.values(0).length === 3);
    await reader.source.stop();
    await proxy.close();
  });

  test("is waited for when it is not there at the start", async () => {
    const proxy = await startKafkaProxy();
    proxy.setDown(true);
    const reader = makeReader({ connection: { ...connection, brokers: [proxy.address] } });
    await reader.start();
    await until("lost", () => reader.lost.length > 0, 40_000);
    proxy.setDown(false);
    await until("assigned", () => reader.assignments.length > 0, 40_000);
    await reader.source.stop();
    await proxy.close();
  });
});

describe("a run that falls silent", () => {
  test("is replaced, and each replacement too", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const reader = makeReader({ connection: { ...connection, brokers: [address] }, silenceMs: 400 });
    await reader.start();
    await until("the second replacement", () => reader.lost.length >= 2, 9_000); // kafkajs itself would take longer.
    expect(reader.lost[0]?.message).toBe("the consumer did nothing for 400 ms");
    await reader.source.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe("around it", () => {
  test("progress shows in the group, as a hint", async () => {
    const groupId = uniqueName("group");
    const reader = makeReader({ groupId, progressIntervalMs: 50 });
    await reader.start();
    reader.source.reportProgress(new Map([[0, 1]])); // Too early: nothing is assigned yet, and nobody minds.
    await until("assigned", () => reader.assignments.length > 0);
    reader.source.reportProgress(new Map([[0, 17], [2, 4], [9, 1]])); // prettier-ignore
    await sleep(500);
    const [committed] = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
    const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, offset]));
    expect(offsets.get(0)).toBe("17");
    expect(offsets.get(2)).toBe("4");
    expect(offsets.get(9)).toBeUndefined();
  });

  test("an idle source causes no warning of Node's (kafkajs hazard 14)", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): number => warnings.push(warning);
    process.on("warning", listen);
    const reader = makeReader();
    await reader.start();
    await until("assigned", () => reader.assignments.length > 0);
    await sleep(1_000);
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });
});
